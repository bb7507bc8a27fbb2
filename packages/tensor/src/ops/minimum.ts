// The elementwise minimum.

import type { Tensor } from '../tensor.ts'
import { floatBitsWgsl, isNanWgsl, nanVector } from './bits.wgsl.ts'
import { equal, less } from './compare.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { splitAtTies } from './maximum.ts'
import { binary, type Operand } from './operation.ts'

export const minimumOp = elementwiseOp({
  name: 'minimum',
  js: ([a, b]) => Math.min(a, b),
  wgsl: ([a, b], type) =>
    type === 'f32' ? `select(min(${a}, ${b}), ${nanVector}, either_nan(${a}, ${b}))` : `min(${a}, ${b})`,
  wgslFunctions: [floatBitsWgsl, isNanWgsl],
  simd: { f32: ['f32x4.min'], i32: ['i32x4.min_s'], u32: ['i32x4.min_u'] },
  gradient: ({ inputs: [a, b], grads: [g] }) => {
    if (!g) return [undefined, undefined]
    return splitAtTies(less(a, b), equal(a, b), g)
  },
  samples: binarySamples(),
})

/**
 * The smaller of two elements, NaN if one is NaN; equal elements get half of the gradient each.
 * @example minimum(device.tensor([1, 5]), 3) // [1, 3]
 */
export function minimum(a: Operand, b: Operand): Tensor {
  return binary(minimumOp, a, b)
}

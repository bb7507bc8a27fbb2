// The elementwise maximum.

import type { Tensor } from '../tensor.ts'
import { floatBitsWgsl, isNanWgsl, nanVector } from './bits.wgsl.ts'
import { equal, greater } from './compare.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { mul } from './mul.ts'
import { binary, type Operand } from './operation.ts'
import { where } from './where.ts'

/** The gradients of two operands of which the result selects one: the first where `first`; half each at ties. */
export function splitAtTies(first: Tensor, tie: Tensor, g: Tensor): [Tensor, Tensor] {
  const half = mul(g, 0.5)
  return [where(tie, half, where(first, g, 0)), where(tie, half, where(first, 0, g))]
}

export const maximumOp = elementwiseOp({
  name: 'maximum',
  js: ([a, b]) => Math.max(a, b),
  wgsl: ([a, b], type) =>
    type === 'f32' ? `select(max(${a}, ${b}), ${nanVector}, either_nan(${a}, ${b}))` : `max(${a}, ${b})`,
  wgslFunctions: [floatBitsWgsl, isNanWgsl],
  simd: { f32: ['f32x4.max'], i32: ['i32x4.max_s'], u32: ['i32x4.max_u'] },
  gradient: ({ inputs: [a, b], grads: [g] }) => {
    if (!g) return [undefined, undefined]
    return splitAtTies(greater(a, b), equal(a, b), g)
  },
  samples: binarySamples(),
})

/**
 * The larger of two elements, NaN if one is NaN; equal elements get half of the gradient each.
 * @example maximum(device.tensor([1, 5]), 3) // [3, 5]
 */
export function maximum(a: Operand, b: Operand): Tensor {
  return binary(maximumOp, a, b)
}

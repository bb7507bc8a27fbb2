import type { Tensor } from '../tensor.ts'
import { lessEqual } from './compare.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { binary, type Operand } from './operation.ts'
import { where } from './where.ts'

export const minimumOp = elementwiseOp({
  name: 'minimum',
  js: ([a, b]) => Math.min(a, b),
  wgsl: ([a, b]) => `min(${a}, ${b})`,
  simd: { f32: ['f32x4.pmin'], i32: ['i32x4.min_s'], u32: ['i32x4.min_u'] },
  gradient: ({ inputs: [a, b], grads: [g] }) => {
    if (!g) return [undefined, undefined]
    const first = lessEqual(a, b)
    return [where(first, g, 0), where(first, 0, g)]
  },
  samples: binarySamples(),
})

/** The smaller of two elements; where they tie the first gets the gradient. */
export function minimum(a: Operand, b: Operand): Tensor {
  return binary(minimumOp, a, b)
}

import type { Tensor } from '../tensor.ts'
import { greaterEqual } from './compare.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { binary, type Operand } from './operation.ts'
import { where } from './where.ts'

export const maximumOp = elementwiseOp({
  name: 'maximum',
  js: ([a, b]) => Math.max(a, b),
  wgsl: ([a, b]) => `max(${a}, ${b})`,
  simd: { f32: ['f32x4.pmax'], i32: ['i32x4.max_s'], u32: ['i32x4.max_u'] },
  gradient: ({ inputs: [a, b], grads: [g] }) => {
    if (!g) return [undefined, undefined]
    const first = greaterEqual(a, b)
    return [where(first, g, 0), where(first, 0, g)]
  },
  samples: binarySamples(),
})

/** The larger of two elements; where they tie the first gets the gradient. */
export function maximum(a: Operand, b: Operand): Tensor {
  return binary(maximumOp, a, b)
}

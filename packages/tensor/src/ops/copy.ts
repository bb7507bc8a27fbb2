// Copies that the compiler inserts, and barriers, which order computations.

import { requireTensor, shown } from '../arguments.ts'
import { defineOp } from '../op.ts'
import { apply1, type Tensor } from '../tensor.ts'

/**
 * The same elements, row-major in new memory. The compiler inserts it where a kernel cannot read through strides.
 */
export const copyOp = defineOp({
  name: 'copy',
  kind: 'elementwise',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  gradient: ({ grads: [g] }) => [g],
  evaluate: ([x], _, [out]) => {
    out.data.set(x.data)
  },
  identity: true,
  elementwise: { js: ([x]) => x, wgsl: ([x]) => x, simd: { f32: [], i32: [], u32: [] } },
  samples: [{ inputs: [{ shape: [5, 7] }] }, { inputs: [{ shape: [33], dtype: 'bfloat16' }], differentiable: false }],
})

export const barrierOp = defineOp({
  name: 'barrier',
  kind: 'view',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  gradient: ({ inputs, grads: [g] }) => inputs.map((_, i) => (i === 0 ? g : undefined)),
  evaluate: ([x], _, [out]) => {
    out.data.set(x.data)
  },
  view: (input) => input,
  samples: [{ inputs: [{ shape: [3] }, { shape: [2] }], differentiable: false }],
})

/**
 * x, available only once `after` is computed. Common subexpressions of x and of the result are not merged, so a
 * gradient that recomputes something from an input to save memory recomputes it from `barrier(input, [gradient])`.
 * @example
 * const x = device.tensor([1, 2])
 * barrier(x, [square(x)]) // [1, 2]
 */
export function barrier(x: Tensor, after: readonly Tensor[]): Tensor {
  requireTensor('barrier', x)
  if (!Array.isArray(after))
    throw new TypeError(`barrier: expected an array of tensors to wait for, got ${shown(after)}`)
  return apply1(barrierOp, [x, ...after], {})
}

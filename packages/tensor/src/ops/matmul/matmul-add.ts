// A matrix product added to a matrix: sums of products, such as a gradient over chunks of tokens.

import { lazyKernels } from '../../backends/kernel-source.ts'
import { defineOp } from '../../op.ts'
import { elementCount } from '../../shape.ts'
import { apply1, type Tensor } from '../../tensor.ts'
import { add } from '../add.ts'
import { matmul } from './matmul.ts'

/** a [M, K] times b [K, N] plus c [M, N], which is float32 as the result. */
export const matmulAddOp = defineOp({
  name: 'matmulAdd',
  kind: 'composite',
  strided: true,
  // If c is not read afterwards, the product is added to it in its memory.
  rewrites: 2,
  infer: ([, , c]) => [c],
  definition: ([a, b, c]) => [add(c, matmul(a, b, { dtype: 'float32' }))],
  cpu: lazyKernels(async () => (await import('./matmul.cpu.ts')).matmulAddCpu),
  flops: ([a], [out]) => 2 * elementCount(out.shape) * a.shape[1],
  samples: [
    { inputs: [{ shape: [33, 17] }, { shape: [17, 31] }, { shape: [33, 31] }] },
    {
      inputs: [{ shape: [70, 600] }, { shape: [600, 20] }, { shape: [70, 20] }],
      tolerance: 1e-4,
      differentiable: false,
    },
    {
      inputs: [{ shape: [20, 24], dtype: 'bfloat16' }, { shape: [24, 8] }, { shape: [20, 8] }],
      differentiable: false,
    },
    { inputs: [{ shape: [3, 4] }, { shape: [4, 5] }, { shape: [3, 5] }] },
    { inputs: [{ shape: [24, 0] }, { shape: [0, 5] }, { shape: [24, 5] }] },
  ],
})

/** a b + c, in float32. */
export function matmulAdd(a: Tensor, b: Tensor, c: Tensor): Tensor {
  return apply1(matmulAddOp, [a, b, c], {})
}

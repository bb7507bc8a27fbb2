// Running sums and products.

import { requireBoolean, requireTensor } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { isFloat } from '../dtype.ts'
import { defineOp, type Op } from '../op.ts'
import { elementCount, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { cast } from './cast.ts'
import { flip } from './flip.ts'
import { ones } from './full.ts'
import { mul } from './mul.ts'
import { reduceExtents } from './reduction.ts'
import { concatenate, sliceAxis } from './slice-concatenate.ts'

export interface CumulativeAttrs {
  readonly axis: number
  readonly reverse: boolean
}

export const cumsumOp: Op<CumulativeAttrs> = defineOp<CumulativeAttrs>({
  name: 'cumsum',
  kind: 'kernel',
  batching: 'axis',
  infer: ([x]) => [{ shape: x.shape, dtype: isFloat(x.dtype) ? 'float32' : x.dtype }],
  gradient: ({ grads: [g], attrs: { axis, reverse } }) => [g && apply1(cumsumOp, [g], { axis, reverse: !reverse })],
  evaluate([x], { axis, reverse }, [out]) {
    const { outer, n, inner } = reduceExtents(x.shape, { axis, count: 1 })
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let total = 0
        for (let k = 0; k < n; k++) {
          const at = (o * n + (reverse ? n - 1 - k : k)) * inner + i
          total += x.data[at]
          out.data[at] = total
        }
      }
    }
  },
  webgpu: lazyKernels(async () => (await import('./cumulative.wgsl.ts')).cumsumWgsl),
  flops: ([x]) => elementCount(x.shape),
  samples: [
    { inputs: [{ shape: [33] }], attrs: { axis: 0, reverse: false } },
    { inputs: [{ shape: [3, 4, 5] }], attrs: { axis: 1, reverse: true } },
    { inputs: [{ shape: [5, 1] }], attrs: { axis: 1, reverse: false } },
    { inputs: [{ shape: [0, 3] }], attrs: { axis: 0, reverse: false } },
    { inputs: [{ shape: [2, 1030] }], attrs: { axis: 1, reverse: true }, differentiable: false },
    {
      inputs: [{ shape: [9], dtype: 'int32', range: [-5, 5] }],
      attrs: { axis: 0, reverse: false },
      differentiable: false,
    },
    { inputs: [{ shape: [8, 7], dtype: 'bfloat16' }], attrs: { axis: 0, reverse: false }, differentiable: false },
  ],
})

/**
 * Sums of the elements up to each one along an axis; with `reverse`, of those from each one on. Float formats give
 * float32.
 * @example
 * cumsum(device.tensor([1, 2, 3])) // [1, 3, 6]
 * cumsum(device.tensor([1, 2, 3]), 0, true) // [6, 5, 3]
 */
export function cumsum(x: Tensor, axis = -1, reverse = false): Tensor {
  requireTensor('cumsum', x)
  requireBoolean('cumsum', 'reverse', reverse)
  return apply1(cumsumOp, [x], { axis: normalizeAxis('cumsum', axis, x.ndim), reverse })
}

/**
 * Products of the elements up to each one along an axis; with `reverse`, of those from each one on. Float formats give
 * float32. Computed in log2(n) passes without quotients, so that the gradient is right if an element is 0.
 * @example cumprod(device.tensor([1, 2, 3])) // [1, 2, 6]
 */
export function cumprod(x: Tensor, axis = -1, reverse = false): Tensor {
  requireTensor('cumprod', x)
  requireBoolean('cumprod', 'reverse', reverse)
  const a = normalizeAxis('cumprod', axis, x.ndim)
  const n = x.shape[a]
  let y = isFloat(x.dtype) ? cast(x, 'float32') : x
  if (reverse) y = flip(y, a)
  for (let step = 1; step < n; step *= 2) {
    const head = ones(
      y.shape.map((d, i) => (i === a ? step : d)),
      y.dtype,
    )
    y = mul(y, concatenate([head, sliceAxis(y, a, 0, n - step)], a))
  }
  return reverse ? flip(y, a) : y
}

// The largest element and its index.

import { requireTensor } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { ShapeError } from '../errors.ts'
import { defineOp, type Op } from '../op.ts'
import { formatShape, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { broadcastReduced, sumOp } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal } from './compare.ts'
import { div } from './div.ts'
import { mul } from './mul.ts'
import { type ReduceAttrs, reduceExtents, reduceWith, reduction } from './reduction.ts'

export const maxOp: Op<ReduceAttrs> = reduction('max', -Infinity, (a, b) => Math.max(a, b), {
  kernel: 'max',
  // Equal maxima share the gradient equally.
  gradient: ({ inputs: [x], outputs: [y], grads: [g], attrs }) => {
    if (!g) return [undefined]
    const hit = cast(equal(x, broadcastReduced(y, x, attrs)), 'float32')
    const ties = apply1(sumOp, [hit], attrs)
    return [mul(hit, broadcastReduced(div(g, ties), x, attrs))]
  },
})

/**
 * Largest element over axes (default: all), NaN if one is NaN.
 * @throws ShapeError for an empty axis
 * @example max(device.tensor([[1, 5], [7, 3]]), 1) // [5, 7]
 */
export function max(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  return reduceWith(maxOp, x, axes, keepDims)
}

/** Whether a is larger than b, where NaN is larger than everything else. */
export function above(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b))
}

export const argMaxOp = defineOp<{ axis: number }>({
  name: 'argMax',
  kind: 'kernel',
  batching: 'axis',
  infer([x], { axis }) {
    if (x.shape[axis] === 0) throw new ShapeError(`argMax: axis ${axis} of ${formatShape(x.shape)} is empty`)
    return [{ shape: x.shape.filter((_, i) => i !== axis), dtype: 'int32' }]
  },
  gradient: () => [undefined],
  evaluate([x], { axis }, [out]) {
    const { outer, n, inner } = reduceExtents(x.shape, { axis, count: 1 })
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let best = 0
        for (let k = 1; k < n; k++)
          if (above(x.data[(o * n + k) * inner + i], x.data[(o * n + best) * inner + i])) best = k
        out.data[o * inner + i] = best
      }
    }
  },
  webgpu: lazyKernels(async () => (await import('./reduce.wgsl.ts')).argMaxWgsl),
  samples: [
    { inputs: [{ shape: [5, 33] }], attrs: { axis: 1 }, differentiable: false },
    { inputs: [{ shape: [7, 3] }], attrs: { axis: 0 }, differentiable: false },
  ],
})

/**
 * Index of the largest element along an axis, int32; the first of equal ones, or the first NaN.
 * @example argMax(device.tensor([[1, 5], [7, 3]])) // [1, 0]
 */
export function argMax(x: Tensor, axis = -1): Tensor {
  requireTensor('argMax', x)
  return apply1(argMaxOp, [x], { axis: normalizeAxis('argMax', axis, x.ndim) })
}

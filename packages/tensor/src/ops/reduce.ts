import { requireBoolean, requireTensor } from '../arguments.ts'
import type { CpuArgument, CpuCall } from '../backends/cpu/rule.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { isFloat } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import type { Spec } from '../graph/node.ts'
import { defineOp, type Op, type Sample } from '../op.ts'
import { elementCount, formatShape, normalizeAxes, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { broadcastTo } from './broadcast-to.ts'
import { cast } from './cast.ts'
import { equal } from './compare.ts'
import { div } from './div.ts'
import { mul } from './mul.ts'
import { reshape } from './reshape.ts'
import { transpose } from './transpose.ts'

/** Reduces `count` adjacent axes from `axis` on; they disappear from the shape. */
export interface ReduceAttrs {
  readonly axis: number
  readonly count: number
}

/** A contiguous tensor seen as [outer, n, inner], reduced over n. */
export function reduceExtents(
  shape: readonly number[],
  { axis, count }: ReduceAttrs,
): { outer: number; n: number; inner: number } {
  return {
    outer: elementCount(shape.slice(0, axis)),
    n: elementCount(shape.slice(axis, axis + count)),
    inner: elementCount(shape.slice(axis + count)),
  }
}

const samples: Sample[] = [
  { inputs: [{ shape: [33] }], attrs: { axis: 0, count: 1 } },
  { inputs: [{ shape: [5, 31] }], attrs: { axis: 1, count: 1 } },
  { inputs: [{ shape: [32, 130] }], attrs: { axis: 0, count: 1 } },
  { inputs: [{ shape: [3, 4, 5] }], attrs: { axis: 1, count: 1 } },
  { inputs: [{ shape: [3, 4, 5] }], attrs: { axis: 0, count: 3 } },
  { inputs: [{ shape: [8, 7], dtype: 'bfloat16' }], attrs: { axis: 1, count: 1 }, differentiable: false },
]

function reduction(
  name: string,
  identity: number,
  step: (a: number, b: number) => number,
  rules: Pick<Op<ReduceAttrs>, 'gradient'> & { kernel: string; extra?: Sample[] },
): Op<ReduceAttrs> {
  const outDType = (x: Spec) => (isFloat(x.dtype) ? 'float32' : x.dtype)
  return defineOp<ReduceAttrs>({
    name,
    kind: 'kernel',
    infer([x], { axis, count }) {
      if (name !== 'sum' && elementCount(x.shape.slice(axis, axis + count)) === 0) {
        throw new ShapeError(`${name}: cannot reduce an axis of size 0 of ${formatShape(x.shape)}`)
      }
      return [{ shape: x.shape.filter((_, i) => i < axis || i >= axis + count), dtype: outDType(x) }]
    },
    gradient: rules.gradient,
    evaluate([x], attrs, [out]) {
      const { outer, n, inner } = reduceExtents(x.shape, attrs)
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let acc = identity
          for (let k = 0; k < n; k++) acc = step(acc, x.data[(o * n + k) * inner + i])
          out.data[o * inner + i] = acc
        }
      }
    },
    cpu: {
      supports: ([x]) => x.dtype === 'float32',
      plan: ({ inputs: [x], attrs }) => {
        const { outer, n, inner } = reduceExtents(x.access.shape, attrs)
        const call = (from: CpuArgument, to: CpuArgument, count: number, length: number): CpuCall => {
          if (inner === 1) {
            const grain = Math.max(1, (16384 / length) | 0)
            return { kernel: `${rules.kernel}Rows`, count, grain, args: [from, to, length] }
          }
          const blocks = Math.ceil(inner / 32)
          const grain = Math.max(1, (512 / length) | 0)
          return {
            kernel: `${rules.kernel}Columns`,
            count: count * blocks,
            grain,
            args: [from, to, length, inner, blocks],
          }
        }
        // Few results from many elements: pieces of the axis first, so that there is work for all threads.
        const pieces = outer * inner >= 64 || n < 16384 ? 1 : divisor(n, 1024)
        if (pieces < 16) return { calls: [call({ input: 0 }, { output: 0 }, outer, n)] }
        return {
          calls: [
            call({ input: 0 }, { scratch: 0 }, outer * pieces, n / pieces),
            call({ scratch: 0 }, { output: 0 }, outer, pieces),
          ],
          scratchBytes: outer * pieces * inner * 4,
        }
      },
    },
    webgpu: lazyKernels(async () => (await import('./reduce.wgsl.ts')).reduceWgsl(name === 'sum' ? 'sum' : 'max')),
    flops: ([x]) => elementCount(x.shape),
    samples: [...samples, ...(rules.extra ?? [])],
  })
}

/** The largest divisor of n not above `limit`. */
function divisor(n: number, limit: number): number {
  for (let d = Math.min(limit, n); d > 1; d--) if (n % d === 0) return d
  return 1
}

/** Puts the reduced axes back as size 1 and stretches to the input's shape. */
function stretch(g: Tensor, x: Tensor, { axis, count }: ReduceAttrs): Tensor {
  return broadcastTo(
    reshape(
      g,
      x.shape.map((d, i) => (i >= axis && i < axis + count ? 1 : d)),
    ),
    x.shape,
  )
}

export const sumOp: Op<ReduceAttrs> = reduction('sum', 0, (a, b) => a + b, {
  kernel: 'sum',
  gradient: ({ inputs: [x], grads: [g], attrs }) => [g && stretch(g, x, attrs)],
  extra: [
    { inputs: [{ shape: [0, 3] }], attrs: { axis: 0, count: 1 } },
    { inputs: [{ shape: [9], dtype: 'int32', range: [-5, 5] }], attrs: { axis: 0, count: 1 }, differentiable: false },
    { inputs: [{ shape: [1 << 15] }], attrs: { axis: 0, count: 1 }, tolerance: 1e-4, differentiable: false },
  ],
})

export const maxOp: Op<ReduceAttrs> = reduction('max', -Infinity, (a, b) => Math.max(a, b), {
  kernel: 'max',
  // Ties share the gradient evenly.
  gradient: ({ inputs: [x], outputs: [y], grads: [g], attrs }) => {
    if (!g) return [undefined]
    const hit = cast(equal(x, stretch(y, x, attrs)), 'float32')
    const ties = apply1(sumOp, [hit], attrs)
    return [mul(hit, stretch(div(g, ties), x, attrs))]
  },
})

function reduceWith(
  op: Op<ReduceAttrs>,
  x: Tensor,
  axes: number | readonly number[] | undefined,
  keepDims: boolean,
): Tensor {
  requireTensor(op.name, x)
  requireBoolean(op.name, 'keepDims', keepDims)
  const asked = normalizeAxes(op.name, axes, x.ndim)
  const shape = keepDims
    ? x.shape.map((d, i) => (asked.includes(i) ? 1 : d))
    : x.shape.filter((_, i) => !asked.includes(i))
  // An axis of one element has nothing to reduce.
  const list = asked.filter((i) => x.shape[i] !== 1)
  if (list.length === 0) return reshape(isFloat(x.dtype) ? cast(x, 'float32') : x, shape)
  let y = x
  let axis = list[0]
  if (list[list.length - 1] - list[0] !== list.length - 1) {
    y = transpose(x, [...x.shape.keys()].filter((i) => !list.includes(i)).concat(list))
    axis = x.ndim - list.length
  }
  return reshape(apply1(op, [y], { axis, count: list.length }), shape)
}

/** Sum over axes (all of them unless given). Float formats give float32. */
export function sum(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  return reduceWith(sumOp, x, axes, keepDims)
}

/** Largest element over axes, NaN where there is one. @throws ShapeError for an empty axis. */
export function max(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  return reduceWith(maxOp, x, axes, keepDims)
}

/** Mean over axes. @throws DTypeError for integers. */
export function mean(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  requireTensor('mean', x)
  if (!isFloat(x.dtype))
    throw new DTypeError(`mean: needs a float tensor, got ${x.dtype}; cast it with astype('float32')`)
  const total = sum(x, axes, keepDims)
  return mul(total, 1 / (x.size / total.size))
}

/** Whether a is larger than b, where NaN is larger than everything else. */
export function above(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b))
}

export const argMaxOp = defineOp<{ axis: number }>({
  name: 'argMax',
  kind: 'kernel',
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

/** Index of the largest element along an axis, int32; the first of equals, or the first NaN. */
export function argMax(x: Tensor, axis = -1): Tensor {
  requireTensor('argMax', x)
  return apply1(argMaxOp, [x], { axis: normalizeAxis('argMax', axis, x.ndim) })
}

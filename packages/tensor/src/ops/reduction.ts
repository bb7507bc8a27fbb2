// Reductions: ops over adjacent axes (sum, max), and their operations over any axes.

import { requireBoolean, requireTensor } from '../arguments.ts'
import type { CpuArgument, CpuCall } from '../backends/cpu/rule.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { dtypeInfo, isFloat } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import type { Spec } from '../graph/spec.ts'
import { defineOp, type Op, type Sample } from '../op.ts'
import { elementCount, formatShape, normalizeAxes } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { cast } from './cast.ts'
import { reshape } from './reshape.ts'
import { transpose } from './transpose.ts'

/** The reduction of `count` adjacent axes from `axis` on, which the result does not have. */
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

const samples: Sample<ReduceAttrs>[] = [
  { inputs: [{ shape: [33] }], attrs: { axis: 0, count: 1 } },
  { inputs: [{ shape: [5, 31] }], attrs: { axis: 1, count: 1 } },
  { inputs: [{ shape: [32, 130] }], attrs: { axis: 0, count: 1 } },
  { inputs: [{ shape: [3, 4, 5] }], attrs: { axis: 1, count: 1 } },
  { inputs: [{ shape: [3, 4, 5] }], attrs: { axis: 0, count: 3 } },
  { inputs: [{ shape: [8, 7], dtype: 'bfloat16' }], attrs: { axis: 1, count: 1 }, differentiable: false },
]

/** An op that reduces with an associative step. */
export function reduction(
  name: string,
  identity: number,
  step: (a: number, b: number) => number,
  rules: Pick<Op<ReduceAttrs>, 'gradient'> & { kernel: string; extra?: Sample<ReduceAttrs>[] },
): Op<ReduceAttrs> {
  const outDType = (x: Spec) => (isFloat(x.dtype) ? 'float32' : x.dtype)
  return defineOp<ReduceAttrs>({
    name,
    kind: 'kernel',
    batching: 'axis',
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
      supports: ([x], attrs) => x.dtype === 'float32' || (name === 'sum' && isFloat(x.dtype) && readsNarrow(x, attrs)),
      fusesSquare: ([x], attrs) => name === 'sum' && x.dtype === 'float32' && reduceExtents(x.shape, attrs).inner === 1,
      plan: ({ inputs: [x], attrs }, squares) => {
        const { outer, n, inner } = reduceExtents(x.access.shape, attrs)
        const narrow = x.dtype !== 'float32'
        const call = (from: CpuArgument, to: CpuArgument, count: number, length: number): CpuCall => {
          if (inner === 1) {
            const grain = Math.max(1, (16384 / length) | 0)
            const first = typeof from === 'object' && 'input' in from
            if (first && squares) return { kernel: 'sumSquaresRows', count, grain, args: [from, to, length] }
            if (first && narrow)
              return { kernel: 'sumNarrowRows', count, grain, args: [from, to, length, dtypeInfo[x.dtype].packCode!] }
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
        // Few results of many elements: pieces of the axis are reduced first, so that all threads have work.
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

/** Whether the cpu backend's kernels sum x in its stored format: along the last axes, for formats of 8 and 16 bits. */
const readsNarrow = (x: Spec, attrs: ReduceAttrs): boolean =>
  dtypeInfo[x.dtype].packCode !== undefined && reduceExtents(x.shape, attrs).inner === 1

/** The largest divisor of n not above `limit`. */
function divisor(n: number, limit: number): number {
  for (let d = Math.min(limit, n); d > 1; d--) if (n % d === 0) return d
  return 1
}

/** Applies a reduction over any axes (default: all). */
export function reduceWith(
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

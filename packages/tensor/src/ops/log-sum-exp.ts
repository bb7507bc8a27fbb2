// logSumExp, softmax and logSoftmax over rows.

import { requireBoolean, requireTensor } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { ShapeError } from '../errors.ts'
import { defineOp, type Op } from '../op.ts'
import { elementCount, formatShape, normalizeAxes, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { add } from './add.ts'
import { sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { less } from './compare.ts'
import { div } from './div.ts'
import { exp } from './exp.ts'
import { log } from './log.ts'
import { max } from './max.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { rowCpu } from './row-kernels.cpu.ts'
import { sub } from './sub.ts'
import { swapAxes, transpose } from './transpose.ts'
import { where } from './where.ts'

const rows = (x: Tensor) => [...x.shape.slice(0, -1), 1]

/** Requires a last axis that is not empty. @throws ShapeError */
export function requireRow(op: string, shape: readonly number[]): void {
  if (shape.length === 0 || shape[shape.length - 1] === 0)
    throw new ShapeError(`${op}: needs a last axis with at least one element, got ${formatShape(shape)}`)
}

/**
 * x, with 0 in place of infinities and NaN: the maximum to subtract before an exponential, so that rows of -Infinity
 * give -Infinity and not NaN.
 */
export function finiteOr0(x: Tensor): Tensor {
  return where(less(abs(x), Infinity), x, 0)
}

export const logSumExpOp = defineOp({
  name: 'logSumExp',
  kind: 'composite',
  batching: 'leading',
  infer([x]) {
    requireFloat('logSumExp', x)
    requireRow('logSumExp', x.shape)
    return [{ shape: x.shape.slice(0, -1), dtype: 'float32' }]
  },
  gradient: ({ inputs: [x], outputs: [y], grads: [g] }) => [
    g && mul(exp(sub(x, reshape(y, rows(x)))), reshape(g, rows(x))),
  ],
  definition([x]) {
    const f = cast(x, 'float32')
    const shift = finiteOr0(max(f, -1, true))
    return [reshape(add(shift, log(sum(exp(sub(f, shift)), -1, true))), x.shape.slice(0, -1))]
  },
  cpu: rowCpu('logSumExpRows'),
  webgpu: lazyKernels(async () => (await import('./row-kernels.wgsl.ts')).rowWgsl('logSumExp')),
  flops: ([x]) => 4 * elementCount(x.shape),
  samples: [
    { inputs: [{ shape: [5, 33] }] },
    { inputs: [{ shape: [3, 1] }] },
    { inputs: [{ shape: [2, 3, 130], range: [-300, 300] }], differentiable: false },
    { inputs: [{ shape: [31, 7], dtype: 'bfloat16' }], differentiable: false },
  ],
})

/**
 * log(sum(exp(x))) over axes, without overflow for large values.
 * @param x [..., n]
 * @param axes default: the last one
 * @returns float32, without these axes or, with `keepDims`, with size 1 in their place
 * @example logSumExp(device.tensor([0, 0])) // 0.693
 */
export function logSumExp(x: Tensor, axes: number | readonly number[] = -1, keepDims = false): Tensor {
  requireTensor('logSumExp', x)
  requireBoolean('logSumExp', 'keepDims', keepDims)
  if (axes === -1 && !keepDims) return apply1(logSumExpOp, [x], {})
  const list = normalizeAxes('logSumExp', axes, x.ndim)
  const others = [...x.shape.keys()].filter((i) => !list.includes(i))
  const kept = others.map((i) => x.shape[i])
  const n = elementCount(list.map((i) => x.shape[i]))
  const y = apply1(logSumExpOp, [reshape(transpose(x, [...others, ...list]), [...kept, n])], {})
  return keepDims
    ? reshape(
        y,
        x.shape.map((d, i) => (list.includes(i) ? 1 : d)),
      )
    : y
}

/** Applies a function of the last axis to another axis. */
function along(name: string, x: Tensor, axis: number, f: (x: Tensor) => Tensor): Tensor {
  requireTensor(name, x)
  if (axis === -1) return f(x)
  const a = normalizeAxis(name, axis, x.ndim)
  return swapAxes(f(swapAxes(x, a, -1)), a, -1)
}

/**
 * x minus its log-sum-exp: log-probabilities over an axis, in float32.
 * @example logSoftmax(device.tensor([0, 0])) // [-0.693, -0.693]
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return along('logSoftmax', x, axis, logSoftmaxRows)
}

function logSoftmaxRows(x: Tensor): Tensor {
  const lse = logSumExp(x)
  // A row whose sum of exponentials is infinite or 0 has no probabilities.
  return sub(x, reshape(where(less(abs(lse), Infinity), lse, NaN), rows(x)))
}

export const softmaxOp = defineOp({
  name: 'softmax',
  kind: 'composite',
  batching: 'leading',
  infer([x]) {
    requireRow('softmax', x.shape)
    return [requireFloat('softmax', x)]
  },
  gradient: ({ outputs: [y], grads: [g] }) => {
    if (!g) return [undefined]
    return [apply1(softmaxGradientOp, [y, g], {})]
  },
  definition([x]) {
    const f = cast(x, 'float32')
    const e = exp(sub(f, max(f, -1, true)))
    return [cast(div(e, sum(e, -1, true)), x.dtype)]
  },
  cpu: rowCpu('softmaxRows'),
  webgpu: lazyKernels(async () => (await import('./row-kernels.wgsl.ts')).rowWgsl('softmax')),
  flops: ([x]) => 5 * elementCount(x.shape),
  samples: [
    { inputs: [{ shape: [5, 33] }] },
    { inputs: [{ shape: [3, 1] }] },
    { inputs: [{ shape: [32, 64] }] },
    { inputs: [{ shape: [2, 130], range: [-300, 300] }], differentiable: false },
  ],
})

/** The gradient of softmax, from its result y: y * (g - sum(g * y)). */
export const softmaxGradientOp: Op<unknown> = defineOp({
  name: 'softmaxGradient',
  kind: 'composite',
  batching: 'leading',
  infer: ([y]) => [{ shape: y.shape, dtype: 'float32' }],
  definition([y, g]) {
    const f = cast(y, 'float32')
    const h = cast(g, 'float32')
    return [mul(f, sub(h, sum(mul(h, f), -1, true)))]
  },
  cpu: rowCpu('softmaxGradientRows'),
  webgpu: lazyKernels(async () => (await import('./row-kernels.wgsl.ts')).rowWgsl('softmaxGradient')),
  flops: ([y]) => 4 * elementCount(y.shape),
  samples: [
    { inputs: [{ shape: [5, 33], range: [0, 1] }, { shape: [5, 33] }] },
    { inputs: [{ shape: [4, 64], range: [0, 1] }, { shape: [4, 64] }] },
  ],
})

/**
 * exp(x) / sum(exp(x)) over an axis.
 * @param x [..., n]
 * @returns like x
 * @example softmax(device.tensor([0, 0])) // [0.5, 0.5]
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  return along('softmax', x, axis, (y) => apply1(softmaxOp, [y], {}))
}

// Cross-entropy of logits, with its gradient.

import { requireNumber, requireOptions } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import type { Spec } from '../graph/spec.ts'
import { defineOp } from '../op.ts'
import { elementCount, formatShape } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal, less } from './compare.ts'
import { exp } from './exp.ts'
import { iota } from './leaf.ts'
import { logSumExp, requireRow } from './log-sum-exp.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { rowCpu } from './row-kernels.cpu.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'
import { takeLast } from './take.ts'
import { where } from './where.ts'

export interface CrossEntropyAttrs {
  readonly zLoss: number
}

/** Requires int32 targets of the shape `rows`. @throws DTypeError, ShapeError */
export function requireTargets(op: string, targets: Spec, rows: readonly number[]): void {
  if (targets.dtype !== 'int32') throw new DTypeError(`${op}: targets must be int32, got ${targets.dtype}`)
  if (targets.shape.length !== rows.length || targets.shape.some((d, i) => d !== rows[i])) {
    throw new ShapeError(`${op}: targets must be ${formatShape(rows)}, got ${formatShape(targets.shape)}`)
  }
}

/**
 * The log-sum-exp of rows whose target is in the vocabulary or ignored, NaN for others: their loss and gradient are
 * then NaN too.
 */
export function lseOfKnown(lse: Tensor, targets: Tensor, vocabulary: number): Tensor {
  return where(less(targets, vocabulary), lse, NaN)
}

/** lse - logit of the target + zLoss * lse^2, and 0 where the target is negative. */
export function lossOf(lse: Tensor, picked: Tensor, targets: Tensor, zLoss: number): Tensor {
  const nll = sub(lse, picked)
  return where(less(targets, 0), 0, zLoss === 0 ? nll : add(nll, mul(square(lse), zLoss)))
}

/** d loss / d logits. */
export function logitsGradient(logits: Tensor, lse: Tensor, targets: Tensor, g: Tensor, zLoss: number): Tensor {
  const column = [...targets.shape, 1]
  const live = where(less(targets, 0), 0, g)
  const weight = zLoss === 0 ? live : mul(live, add(mul(lse, 2 * zLoss), 1))
  const p = mul(exp(sub(logits, reshape(lse, column))), reshape(weight, column))
  const hot = equal(iota(logits.shape, logits.ndim - 1), broadcastTo(reshape(targets, column), logits.shape))
  return where(hot, sub(p, reshape(live, column)), p)
}

/** Outputs: the loss of each row and its log-sum-exp, both float32. */
export const crossEntropyOp = defineOp<CrossEntropyAttrs>({
  name: 'crossEntropy',
  kind: 'composite',
  gradientOfFirst: true,
  infer([logits, targets]) {
    requireFloat('crossEntropy', logits)
    if (logits.shape.length === 0) throw new ShapeError('crossEntropy: logits must be [..., vocabulary], got a scalar')
    requireRow('crossEntropy', logits.shape)
    const rows = logits.shape.slice(0, -1)
    requireTargets('crossEntropy', targets, rows)
    return [
      { shape: rows, dtype: 'float32' },
      { shape: rows, dtype: 'float32' },
    ]
  },
  gradient: ({ inputs: [logits, targets], outputs: [, lse], grads: [g], attrs: { zLoss } }) => [
    g && logitsGradient(logits, lse, targets, g, zLoss),
    undefined,
  ],
  definition([logits, targets], { zLoss }) {
    const f = cast(logits, 'float32')
    const lse = lseOfKnown(logSumExp(f), targets, f.shape[f.ndim - 1])
    return [lossOf(lse, takeLast(f, targets), targets, zLoss), lse]
  },
  cpu: rowCpu('crossEntropyRows', ({ zLoss }) => [zLoss]),
  webgpu: lazyKernels(async () => (await import('./row-kernels.wgsl.ts')).rowWgsl('crossEntropy')),
  flops: ([x]) => 4 * elementCount(x.shape),
  samples: [
    { inputs: [{ shape: [5, 33] }, { shape: [5], dtype: 'int32', range: [0, 33] }], attrs: { zLoss: 1e-2 } },
    { inputs: [{ shape: [2, 3, 8] }, { shape: [2, 3], dtype: 'int32', range: [-2, 8] }], attrs: { zLoss: 0 } },
    { inputs: [{ shape: [4, 130] }, { shape: [4], dtype: 'int32', range: [0, 130] }], attrs: { zLoss: 1e-4 } },
  ],
})

/**
 * Loss and log-sum-exp of each row, and the gradient of float32 logits [n, vocabulary] in their memory; g [n] has the
 * gradients of the losses.
 */
export const crossEntropyGradientOp = defineOp<CrossEntropyAttrs>({
  name: 'crossEntropyGradient',
  kind: 'composite',
  rewrites: 0,
  infer: ([logits, targets]) => {
    const row: Spec = { shape: targets.shape, dtype: 'float32' }
    return [{ shape: logits.shape, dtype: 'float32' }, row, row]
  },
  definition([logits, targets, g], attrs) {
    const [loss, lse] = apply(crossEntropyOp, [logits, targets], attrs)
    return [logitsGradient(logits, lse, targets, g, attrs.zLoss), loss, lse]
  },
  cpu: rowCpu('crossEntropyGradientRows', ({ zLoss }) => [zLoss]),
  flops: ([x]) => 8 * elementCount(x.shape),
  samples: [
    {
      inputs: [{ shape: [5, 33] }, { shape: [5], dtype: 'int32', range: [0, 33] }, { shape: [5] }],
      attrs: { zLoss: 1e-2 },
    },
    {
      inputs: [{ shape: [6, 8] }, { shape: [6], dtype: 'int32', range: [-2, 8] }, { shape: [6] }],
      attrs: { zLoss: 0 },
    },
    {
      inputs: [{ shape: [4, 130] }, { shape: [4], dtype: 'int32', range: [0, 130] }, { shape: [4] }],
      attrs: { zLoss: 1e-4 },
    },
  ],
})

/**
 * Negative log-likelihood of each target, plus `zLoss` times the squared log-sum-exp (the auxiliary loss of PaLM, which
 * keeps logits from drifting).
 * @param logits [..., vocabulary]
 * @param targets int32 [...]; the loss of a negative target is 0, of one outside the vocabulary NaN
 * @returns float32 [...]
 * @see arXiv:2204.02311 section 5
 * @example
 * crossEntropy(device.tensor([[0, 0], [0, 100]]), device.tensor([1, 1], [2], 'int32')) // [0.693, 0]
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: { zLoss?: number } = {}): Tensor {
  requireOptions('crossEntropy', options, ['zLoss'])
  const zLoss = options.zLoss ?? 0
  requireNumber('crossEntropy', 'zLoss', zLoss)
  return apply(crossEntropyOp, [logits, targets], { zLoss })[0]
}

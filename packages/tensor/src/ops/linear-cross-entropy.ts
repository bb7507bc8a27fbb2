// Cross-entropy of a linear layer, by chunks of the vocabulary, so that not all logits are in memory at once.

import { requireNumber, requireOptions, requireTensor, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { elementCount, formatShape } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { barrier } from './copy.ts'
import {
  type CrossEntropyAttrs,
  crossEntropyOp,
  logitsGradient,
  lossOf,
  lseOfKnown,
  requireTargets,
} from './cross-entropy.ts'
import { exp } from './exp.ts'
import { iota } from './leaf.ts'
import { log } from './log.ts'
import { finiteOr0, logSumExp } from './log-sum-exp.ts'
import { matmul } from './matmul/matmul.ts'
import { maximum } from './maximum.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { concatenate, slice, sliceAxis } from './slice-concatenate.ts'
import { sub } from './sub.ts'
import { take } from './take.ts'
import { transpose } from './transpose.ts'

interface Attrs extends CrossEntropyAttrs {
  /** Columns of logits that are in memory at a time. */
  readonly chunk: number
}

function logitsOf(x: Tensor, weight: Tensor): Tensor {
  return matmul(x, transpose(weight), { dtype: 'float32' })
}

function* chunks(rows: number, chunk: number): Generator<[start: number, end: number]> {
  for (let start = 0; start < rows; start += chunk) yield [start, Math.min(rows, start + chunk)]
}

/** Outputs: the loss and the log-sum-exp of each row. */
export const linearCrossEntropyOp = defineOp<Attrs>({
  name: 'linearCrossEntropy',
  kind: 'composite',
  gradientOfFirst: true,
  infer([x, weight, targets]) {
    requireFloat('linearCrossEntropy', x)
    requireFloat('linearCrossEntropy', weight)
    if (x.shape.length !== 2 || weight.shape.length !== 2 || x.shape[1] !== weight.shape[1]) {
      throw new ShapeError(
        `linearCrossEntropy: x must be [tokens, hidden] and the weight [vocabulary, hidden], got ${formatShape(x.shape)} and ${formatShape(weight.shape)}`,
      )
    }
    if (weight.shape[0] === 0)
      throw new ShapeError(
        `linearCrossEntropy: the weight must be [vocabulary, hidden] with at least one row, got ${formatShape(weight.shape)}`,
      )
    const rows = [x.shape[0]]
    requireTargets('linearCrossEntropy', targets, rows)
    return [
      { shape: rows, dtype: 'float32' },
      { shape: rows, dtype: 'float32' },
    ]
  },
  gradient: ({ inputs: [x, weight, targets], outputs: [, lse], grads: [g], attrs }) =>
    g
      ? [...apply(linearCrossEntropyGradientOp, [x, weight, targets, lse, g], attrs), undefined]
      : [undefined, undefined, undefined],
  definition: ([x, weight, targets], { zLoss }) => apply(crossEntropyOp, [logitsOf(x, weight), targets], { zLoss }),
  lowering([x, weight, targets], { zLoss, chunk }) {
    let lse: Tensor | undefined
    for (const [start, end] of chunks(weight.shape[0], chunk)) {
      const part = logSumExp(logitsOf(x, sliceAxis(weight, 0, start, end)))
      if (!lse) {
        lse = part
        continue
      }
      const top = finiteOr0(maximum(lse, part))
      lse = add(top, log(add(exp(sub(lse, top)), exp(sub(part, top)))))
    }
    const picked = sum(mul(cast(x, 'float32'), cast(take(weight, targets), 'float32')), 1)
    const known = lseOfKnown(lse!, targets, weight.shape[0])
    return [lossOf(known, picked, targets, zLoss), known]
  },
  flops: ([x, w]) => 2 * elementCount(x.shape) * w.shape[0],
  samples: [
    {
      inputs: [{ shape: [6, 8] }, { shape: [20, 8] }, { shape: [6], dtype: 'int32', range: [-1, 20] }],
      attrs: { zLoss: 1e-3, chunk: 7 },
      tolerance: 2e-5,
    },
    {
      inputs: [{ shape: [5, 16] }, { shape: [33, 16] }, { shape: [5], dtype: 'int32', range: [0, 33] }],
      attrs: { zLoss: 0, chunk: 16 },
      tolerance: 2e-5,
    },
  ],
})

export const linearCrossEntropyGradientOp = defineOp<Attrs>({
  name: 'linearCrossEntropyGradient',
  kind: 'composite',
  infer: ([x, weight]) => [
    { shape: x.shape, dtype: 'float32' },
    { shape: weight.shape, dtype: 'float32' },
  ],
  definition([x, weight, targets, lse, g], { zLoss }) {
    const d = logitsGradient(logitsOf(x, weight), lse, targets, g, zLoss)
    return [matmul(d, weight, { dtype: 'float32' }), matmul(transpose(d), x, { dtype: 'float32' })]
  },
  lowering([x, weight, targets, lse, g], { zLoss, chunk }) {
    let dx: Tensor | undefined
    const dw: Tensor[] = []
    // The logits are recomputed, after the loss: if they were merged with those of the loss, the logits of every chunk
    // would be kept until now. Each chunk waits for the one before it for the same reason.
    let delayed = barrier(x, [lse, g])
    const ranges = [...chunks(weight.shape[0], chunk)]
    // The start of each chunk, as data and not as a literal, so that one kernel serves all chunks. In rows of 256
    // bytes, the alignment of WebGPU's bindings.
    const starts = mul(iota([ranges.length, 64], 0), chunk)
    for (const [i, [start, end]] of ranges.entries()) {
      const w = sliceAxis(weight, 0, start, end)
      if (dx) delayed = barrier(x, [dx])
      const first = slice(starts, [i, 0], [1, 1])
      const d = logitsGradient(logitsOf(delayed, w), lse, targets, g, zLoss, first)
      const part = matmul(d, w, { dtype: 'float32' })
      dx = dx ? add(dx, part) : part
      dw.push(matmul(transpose(d), x, { dtype: 'float32' }))
    }
    return [dx!, concatenate(dw, 0)]
  },
  flops: ([x, w]) => 6 * elementCount(x.shape) * w.shape[0],
})

/** Logits up to this many bytes are kept for the gradient; larger ones are computed twice, a chunk at a time. */
const keepLogitsBytes = 16 << 20

/**
 * Cross-entropy of `x` times a vocabulary matrix. For a large vocabulary not all logits are in memory at once.
 * @param x [tokens, hidden]
 * @param weight [vocabulary, hidden]
 * @param targets int32 [tokens]; the loss of a negative target is 0, of one outside the vocabulary NaN
 * @param options.zLoss weight of the squared log-sum-exp
 * @param options.chunk logits per token computed at a time; default: all if they take at most 16 MiB, else as many as
 *   take 16 MiB
 * @returns float32 [tokens]
 * @throws ShapeError, DTypeError or RangeError for arguments that do not fit
 * @example
 * const targets = device.tensor([1], [1], 'int32')
 * linearCrossEntropy(device.tensor([[1, 1]]), device.tensor([[1, 0], [0, 1]]), targets) // [0.693]
 */
export function linearCrossEntropy(
  x: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: { zLoss?: number; chunk?: number } = {},
): Tensor {
  requireTensor('linearCrossEntropy', x, 'x')
  requireTensor('linearCrossEntropy', weight, 'the weight')
  requireTensor('linearCrossEntropy', targets, 'targets')
  requireOptions('linearCrossEntropy', options, ['zLoss', 'chunk'])
  const zLoss = options.zLoss ?? 0
  requireNumber('linearCrossEntropy', 'zLoss', zLoss)
  if (options.chunk !== undefined && !(Number.isInteger(options.chunk) && options.chunk > 0))
    throw new RangeError(`linearCrossEntropy: chunk must be a positive integer, got ${shown(options.chunk)}`)
  const tokens = x.shape[0]
  if (
    options.chunk === undefined &&
    x.ndim === 2 &&
    weight.ndim === 2 &&
    tokens * weight.shape[0] * 4 <= keepLogitsBytes
  ) {
    if (x.shape[1] === weight.shape[1]) return apply(crossEntropyOp, [logitsOf(x, weight), targets], { zLoss })[0]
  }
  const chunk = options.chunk ?? Math.max(128, Math.floor(keepLogitsBytes / 4 / Math.max(tokens, 1) / 128) * 128)
  return apply(linearCrossEntropyOp, [x, weight, targets], { zLoss, chunk })[0]
}

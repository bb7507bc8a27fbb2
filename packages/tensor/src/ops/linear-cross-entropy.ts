// Cross-entropy of a linear layer, of which not all logits of a large vocabulary are in memory at once.

import { requireNumber, requireOptions, requireTensor, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import type { Spec } from '../graph/spec.ts'
import { defineOp, type Op } from '../op.ts'
import { elementCount, formatShape } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import {
  type CrossEntropyAttrs,
  crossEntropyGradientOp,
  crossEntropyOp,
  lossOf,
  lseOfKnown,
  requireTargets,
} from './cross-entropy.ts'
import { exp } from './exp.ts'
import { log } from './log.ts'
import { finiteOr0, logSumExp } from './log-sum-exp.ts'
import { matmul } from './matmul/matmul.ts'
import { matmulAdd } from './matmul/matmul-add.ts'
import { maximum } from './maximum.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { concatenate, sliceAxis } from './slice-concatenate.ts'
import { sub } from './sub.ts'
import { take } from './take.ts'
import { transpose } from './transpose.ts'

interface Attrs extends CrossEntropyAttrs {
  /** For the loss alone: columns of logits that are in memory at a time. */
  readonly columns: number
  /** For loss and gradient: rows of logits that are in memory at a time. */
  readonly rows: number
}

function logitsOf(x: Tensor, weight: Tensor): Tensor {
  return matmul(x, transpose(weight), { dtype: 'float32' })
}

/** Ranges that cover [0, length): at least one, which may be empty. */
function* chunks(length: number, chunk: number): Generator<[start: number, end: number]> {
  let start = 0
  do yield [start, Math.min(length, start + chunk)]
  while ((start += chunk) < length)
}

/** Outputs: the loss and the log-sum-exp of each row. */
export const linearCrossEntropyOp: Op<Attrs> = defineOp<Attrs>({
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
  gradient: ({ inputs: [x, weight, targets], grads: [g], attrs }) =>
    g
      ? [...apply(linearCrossEntropyGradientOp, [x, weight, targets, g], attrs).slice(0, 2), undefined]
      : [undefined, undefined, undefined],
  definition: ([x, weight, targets], { zLoss }) => apply(crossEntropyOp, [logitsOf(x, weight), targets], { zLoss }),
  lowering([x, weight, targets], { zLoss, columns }) {
    let lse: Tensor | undefined
    for (const [start, end] of chunks(weight.shape[0], columns)) {
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
      attrs: { zLoss: 1e-3, columns: 7, rows: 4 },
      tolerance: 2e-5,
    },
    {
      inputs: [{ shape: [5, 16] }, { shape: [33, 16] }, { shape: [5], dtype: 'int32', range: [0, 33] }],
      attrs: { zLoss: 0, columns: 16, rows: 2 },
      tolerance: 2e-5,
    },
  ],
})

/**
 * Gradients of x and weight, loss and log-sum-exp, by rows: a row's log-sum-exp needs all its logits, and its gradient
 * needs only that, so both are computed while the row's logits are in memory. By columns the logits would have to be
 * computed once for the loss and again for the gradient: a third more work.
 */
export const linearCrossEntropyGradientOp: Op<Attrs> = defineOp<Attrs>({
  name: 'linearCrossEntropyGradient',
  kind: 'composite',
  alsoComputes: { op: linearCrossEntropyOp, inputs: [0, 1, 2], outputs: [2, 3] },
  infer([x, weight, targets]) {
    const row: Spec = { shape: targets.shape, dtype: 'float32' }
    return [{ shape: x.shape, dtype: 'float32' }, { shape: weight.shape, dtype: 'float32' }, row, row]
  },
  definition([x, weight, targets, g], { zLoss }) {
    const [d, loss, lse] = apply(crossEntropyGradientOp, [logitsOf(x, weight), targets, g], { zLoss })
    return [matmul(d, weight, { dtype: 'float32' }), matmul(transpose(d), x, { dtype: 'float32' }), loss, lse]
  },
  lowering([x, weight, targets, g], { zLoss, rows }) {
    let dw: Tensor | undefined
    const parts = [...chunks(x.shape[0], rows)].map(([start, end]) => {
      const part = sliceAxis(x, 0, start, end)
      const [labels, weights] = [targets, g].map((t) => sliceAxis(t, 0, start, end))
      const [d, loss, lse] = apply(crossEntropyGradientOp, [logitsOf(part, weight), labels, weights], { zLoss })
      dw = dw ? matmulAdd(transpose(d), part, dw) : matmul(transpose(d), part, { dtype: 'float32' })
      return [matmul(d, weight, { dtype: 'float32' }), loss, lse]
    })
    const [dx, loss, lse] = [0, 1, 2].map((i) =>
      concatenate(
        parts.map((part) => part[i]),
        0,
      ),
    )
    return [dx, dw!, loss, lse]
  },
  flops: ([x, w]) => 6 * elementCount(x.shape) * w.shape[0],
})

/** Logits up to this many bytes are kept for the gradient; of more, only some are in memory at a time. */
const keepLogitsBytes = 16 << 20

/** Rounded down to whole tiles of a product, and to the alignment of parts of a buffer, if there is one. */
const inTiles = (n: number): number => (n < 128 ? Math.max(n, 1) : n - (n % 128))

/**
 * Cross-entropy of `x` times a vocabulary matrix. For a large vocabulary not all logits are in memory at once: some
 * columns of them for the loss alone, and some rows of them for the loss and its gradient together.
 * @param x [tokens, hidden]
 * @param weight [vocabulary, hidden]
 * @param targets int32 [tokens]; the loss of a negative target is 0, of one outside the vocabulary NaN
 * @param options.zLoss weight of the squared log-sum-exp
 * @param options.chunk at most `tokens * chunk` logits are in memory at a time; default: 16 MiB of logits or, for the
 *   gradient, half as many as the weight has elements if those are more
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
  if (options.chunk === undefined && x.ndim === 2 && weight.ndim === 2 && x.shape[1] === weight.shape[1]) {
    const logits = x.shape[0] * weight.shape[0]
    if (logits * 4 <= keepLogitsBytes) return apply(crossEntropyOp, [logitsOf(x, weight), targets], { zLoss })[0]
  }
  const [tokens, vocabulary] = [Math.max(x.shape[0], 1), Math.max(weight.shape[0], 1)]
  const kept = keepLogitsBytes / 4
  const columns = options.chunk ?? Math.max(128, inTiles(Math.floor(kept / tokens)))
  const rows =
    options.chunk === undefined
      ? Math.max(Math.floor(kept / vocabulary), Math.floor(weight.shape[1] / 2))
      : Math.floor((options.chunk / vocabulary) * tokens)
  return apply(linearCrossEntropyOp, [x, weight, targets], { zLoss, columns, rows: inTiles(rows) })[0]
}

/** Log-likelihoods of continuations given contexts, from which multiple choice is scored. */
import { argMax, type Compiled, cast, compile, type Device, equal, type Tensor } from '@kumiki/tensor'
import { paddedLength } from '../generate/sizes.ts'
import type { LanguageModel, Parameters } from '../language-model.ts'

export interface Continuation {
  /** At least one id. */
  readonly context: readonly number[]
  /** At least one id, at most the model's contextLength. */
  readonly continuation: readonly number[]
}

export interface LogLikelihoodOptions {
  /** Rows in one pass. Affects the time, and on the CPU not a bit of the result. Default 8. */
  readonly batchSize?: number
  /** Whether to compute `greedy`, which needs all logits. Default false. */
  readonly greedy?: boolean
  /** Aborts between two passes with the signal's reason. */
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, all: number) => void
}

export interface LogLikelihood {
  /** The sum over the continuation's ids, in nats: 0 or less. */
  readonly logLikelihood: number
  /** Whether greedy decoding would produce the continuation: each of its ids has the largest logit. */
  readonly greedy?: boolean
}

interface Row {
  readonly at: number
  readonly inputs: readonly number[]
  readonly targets: readonly number[]
}

/**
 * @returns in the order of the continuations. If context and continuation together exceed the model's context (not
 * counting the last id, from which nothing is predicted), the context is truncated from the left.
 * @throws RangeError naming the continuation that is empty, too long or not of the vocabulary
 */
export async function logLikelihoods(
  device: Device,
  model: LanguageModel,
  parameters: Parameters,
  continuations: readonly Continuation[],
  options: LogLikelihoodOptions = {},
): Promise<LogLikelihood[]> {
  const { batchSize = 8, greedy = false, signal, onProgress } = options
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 65_536)
    throw new RangeError(`logLikelihoods: batchSize must be an integer from 1 to 65536, got ${batchSize}`)
  // Rows are grouped by padded length, so that a row's result does not depend on the other rows of its batch.
  const groups = new Map<number, Row[]>()
  continuations.forEach((given, at) => {
    const row = rowOf(model, given, at)
    const width = paddedLength(row.inputs.length, model.contextLength)
    groups.set(width, [...(groups.get(width) ?? []), row])
  })
  const pass: Compiled<[Parameters, Tensor, Tensor], { losses: Tensor; likeliest?: Tensor }> = compile(
    (p, inputs, targets) => {
      const made = model.forward(p, inputs)
      const losses = made.losses(targets)
      return greedy ? { losses, likeliest: cast(equal(argMax(made.logits(), -1), targets), 'float32') } : { losses }
    },
  )
  const results = new Array<LogLikelihood>(continuations.length)
  let done = 0
  try {
    for (const [width, rows] of groups)
      for (let from = 0; from < rows.length; from += batchSize) {
        signal?.throwIfAborted()
        const part = rows.slice(from, from + batchSize)
        const inputs = new Int32Array(batchSize * width)
        const targets = new Int32Array(batchSize * width).fill(-1)
        part.forEach((row, i) => {
          inputs.set(row.inputs, i * width)
          targets.set(row.targets, i * width)
        })
        const [x, y] = [inputs, targets].map((values) => device.tensor(values, [batchSize, width]))
        const made = await pass(parameters, x, y)
        const losses = await made.losses.data()
        const likeliest = await made.likeliest?.data()
        for (const t of [x, y, made.losses, ...(made.likeliest ? [made.likeliest] : [])]) t.dispose()
        part.forEach((row, i) => {
          let sum = 0
          let all = true
          row.targets.forEach((target, k) => {
            if (target < 0) return
            sum -= losses[i * width + k]
            all &&= likeliest?.[i * width + k] === 1
          })
          results[row.at] = { logLikelihood: sum, ...(greedy && { greedy: all }) }
        })
        done += part.length
        onProgress?.(done, continuations.length)
      }
  } finally {
    pass.dispose()
  }
  return results
}

function rowOf(model: LanguageModel, { context, continuation }: Continuation, at: number): Row {
  const { contextLength, vocabSize } = model
  if (context.length === 0 || continuation.length === 0 || continuation.length > contextLength)
    throw new RangeError(
      `logLikelihoods: continuation ${at} must have 1 to ${contextLength} ids (the model's context) after at least one, got ${continuation.length} after ${context.length}`,
    )
  const ids = [...context, ...continuation].slice(-(contextLength + 1))
  const other = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize)
  if (other >= 0)
    throw new RangeError(
      `logLikelihoods: ids must be integers from 0 to ${vocabSize - 1}, got ${ids[other]} in continuation ${at}`,
    )
  const first = ids.length - 1 - continuation.length
  return { at, inputs: ids.slice(0, -1), targets: ids.slice(1).map((id, k) => (k < first ? -1 : id)) }
}

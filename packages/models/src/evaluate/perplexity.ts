/** Perplexity of text under a model, with sliding windows. */
import { type Compiled, compile, type Device, type Tensor } from '@kumiki/tensor'
import type { LanguageModel, Parameters } from '../language-model.ts'

export interface PerplexityOptions {
  /** Tokens in a window; a prediction uses the earlier tokens of its window. Default: the model's contextLength. */
  readonly window?: number
  /**
   * Tokens from one window to the next, at most `window`. Each token is predicted once, in the first window that
   * contains it, with at least window - stride tokens before it (except in the first window). A small stride comes
   * closer to the model's true perplexity and costs window / stride times as much. Default: half the window.
   */
  readonly stride?: number
  /**
   * Ids that are read, but not predicted, such as begin-of-text ids, which a model is not trained to predict. Default:
   * none.
   */
  readonly contextIds?: readonly number[]
  /** Windows in one pass. Affects the time, and on the CPU not a bit of the result. Default 4. */
  readonly batchSize?: number
  /** Aborts between two passes with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called with the number of finished windows and of all windows. */
  readonly onProgress?: (done: number, windows: number) => void
}

export interface Perplexity {
  /** Negative log-likelihood of all predicted tokens. */
  readonly nats: number
  /** Predicted tokens: all but the first and those of `contextIds`. */
  readonly tokens: number
  readonly natsPerToken: number
  /**
   * exp(natsPerToken). Comparable only between models with the same tokenizer; bits per byte are comparable across
   * tokenizers.
   */
  readonly perplexity: number
}

/**
 * @param ids the text, beginning with the id that precedes a text in the model's training (often end-of-text)
 * @throws RangeError for fewer than two ids, ids beyond the vocabulary, or options out of bounds
 * @see https://huggingface.co/docs/transformers/perplexity, whose windows these are
 * @example
 * const { nats, tokens: count } = await perplexity(device, model, parameters, [1, 2, 3, 4])
 * Math.abs(nats / count - Math.log(64)) < 0.1 // true
 */
export async function perplexity(
  device: Device,
  model: LanguageModel,
  parameters: Parameters,
  ids: ArrayLike<number>,
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  const { window = model.contextLength, batchSize = 4, contextIds = [], signal, onProgress } = options
  const { stride = Math.max(1, Math.floor(window / 2)) } = options
  const limits = { window: [2, model.contextLength], stride: [1, window], batchSize: [1, 65_536] } as const
  for (const [name, value] of Object.entries({ window, stride, batchSize })) {
    const [low, high] = limits[name as keyof typeof limits]
    if (!Number.isInteger(value) || value < low || value > high)
      throw new RangeError(`perplexity: ${name} must be an integer from ${low} to ${high}, got ${value}`)
  }
  if (ids.length < 2) throw new RangeError(`perplexity: needs at least two ids, got ${ids.length}`)
  for (let i = 0; i < ids.length; i++)
    if (!Number.isInteger(ids[i]) || ids[i] < 0 || ids[i] >= model.vocabSize)
      throw new RangeError(`perplexity: id ${i} must be an integer from 0 to ${model.vocabSize - 1}, got ${ids[i]}`)

  const unpredicted = new Set(contextIds)
  const windows = windowsOf(ids.length, window, stride)
  const losses: Compiled<[Parameters, Tensor, Tensor], Tensor> = compile((p, inputs, targets) =>
    model.forward(p, inputs).losses(targets),
  )
  // Inputs are all but the last id of a window. Rows beyond the last window are padding, so that one program serves all
  // passes.
  const width = Math.min(window, ids.length) - 1
  let nats = 0
  let tokens = 0
  try {
    for (let at = 0; at < windows.length; at += batchSize) {
      signal?.throwIfAborted()
      const inputs = new Int32Array(batchSize * width)
      const targets = new Int32Array(batchSize * width).fill(-1)
      windows.slice(at, at + batchSize).forEach(({ begin, from, end }, row) => {
        for (let i = begin; i + 1 < end; i++) {
          inputs[row * width + i - begin] = ids[i]
          if (i + 1 >= from && !unpredicted.has(ids[i + 1])) targets[row * width + i - begin] = ids[i + 1]
        }
      })
      const [x, y] = [inputs, targets].map((values) => device.tensor(values, [batchSize, width]))
      const made = await losses(parameters, x, y)
      const values = await made.data()
      for (const t of [x, y, made]) t.dispose()
      // Summed in order, in doubles, so that the result does not depend on how windows are batched.
      targets.forEach((target, i) => {
        if (target < 0) return
        nats += values[i]
        tokens++
      })
      onProgress?.(Math.min(windows.length, at + batchSize), windows.length)
    }
  } finally {
    losses.dispose()
  }
  if (tokens === 0)
    throw new RangeError('perplexity: every id but the first is one of contextIds; nothing is predicted')
  return { nats, tokens, natsPerToken: nats / tokens, perplexity: Math.exp(nats / tokens) }
}

/** Windows [begin, end), of which the ids from `from` on are predicted. */
function windowsOf(length: number, window: number, stride: number) {
  const windows: { begin: number; from: number; end: number }[] = []
  let from = 0
  for (let begin = 0; ; begin += stride) {
    const end = Math.min(begin + window, length)
    windows.push({ begin, from, end })
    from = end
    if (end === length) return windows
  }
}

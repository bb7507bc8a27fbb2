/** Text generation: the prompt in one pass, then one token at a time with what the model keeps of those before. */
import { type Compiled, compile, type Device, type Tensor, tensorsOf } from '@kumiki/tensor'
import type { ForwardPass, LanguageModel, ModelCache, Parameters } from '../language-model.ts'
import { words } from '../random.ts'
import { checkedSampling, penalize, type SamplingOptions, sample } from './sampling.ts'

export interface GenerateOptions extends SamplingOptions {
  /** Ends before one of these. */
  readonly stopIds?: readonly number[]
  /**
   * Changes the scores of the next token in place, after the penalty and before everything else: a grammar, a bias of one's own.
   * @param context every id so far, the prompt's too
   */
  readonly processLogits?: (logits: Float32Array, context: readonly number[]) => void
}

/** Scores of the next token, and the cache to go on from. */
interface Step {
  readonly logits: Tensor
  readonly cache: ModelCache
}

/** Generates from one set of parameters. Dispose it at the end. */
export class Generator {
  readonly maxPositions: number
  private readonly device: Device
  private readonly parameters: Parameters
  private readonly model: LanguageModel
  private readonly prefill: Compiled<[Parameters, Tensor], Step>
  private readonly decode: Compiled<[Parameters, ModelCache, Tensor], Step>

  constructor(device: Device, model: LanguageModel, parameters: Parameters) {
    this.device = device
    this.parameters = parameters
    this.model = model
    this.maxPositions = model.contextLength
    const next = (pass: ForwardPass): Step => {
      if (!pass.cache)
        throw new RangeError(
          `Generator: the model ${model.name} keeps no cache: its forward pass must give one where options.cache is 'begin' or a cache`,
        )
      return { logits: pass.logits('last').reshape([-1]), cache: pass.cache }
    }
    this.prefill = compile((p: Parameters, tokens: Tensor) => next(model.forward(p, tokens, { cache: 'begin' })))
    this.decode = compile(
      (p: Parameters, cache: ModelCache, token: Tensor) => next(model.forward(p, token, { cache })),
      { donate: [1] },
    )
  }

  /**
   * Continues a prompt. The context slides: once it holds contextLength tokens, its older half is dropped.
   * @param prompt token ids, at least one and fewer than maxPositions
   * @yields the ids of the continuation
   */
  async *generate(prompt: ArrayLike<number>, maxTokens: number, options: GenerateOptions = {}): AsyncGenerator<number> {
    const { seed = 0, stopIds = [], processLogits } = options
    const sampling = checkedSampling('generate', options)
    if (!Number.isInteger(maxTokens) || maxTokens < 0)
      throw new RangeError(`generate: maxTokens must be an integer of 0 or more, got ${maxTokens}`)
    if (prompt.length === 0)
      throw new RangeError('generate: the prompt is empty; give at least one token (such as the end-of-text id)')
    const { vocabSize } = this.model
    for (let i = 0; i < prompt.length; i++)
      if (!Number.isInteger(prompt[i]) || prompt[i] < 0 || prompt[i] >= vocabSize)
        throw new RangeError(
          `generate: token ${i} of the prompt must be an integer from 0 to ${vocabSize - 1} (a vocabulary of ${vocabSize}), got ${prompt[i]}`,
        )
    if (prompt.length >= this.maxPositions)
      throw new RangeError(
        `generate: the prompt has ${prompt.length} tokens, the context of the model holds ${this.maxPositions} and needs room for one more; shorten it, or give its end alone`,
      )
    const next = words(seed, 0x5eed)
    let context = Array.from(prompt)
    const all = Array.from(prompt)
    let cache: ModelCache | undefined
    let position = 0
    let logits: Float32Array | undefined
    const feed = async (ids: readonly number[]) => {
      const tokens = this.device.tensor(Int32Array.from(ids), [1, ids.length])
      const step = cache
        ? await this.decode(this.parameters, cache, tokens)
        : await this.prefill(this.parameters, tokens)
      tokens.dispose()
      cache = step.cache
      position += ids.length
      logits = (await step.logits.data()) as Float32Array
      step.logits.dispose()
    }
    const forget = () => {
      for (const t of tensorsOf(cache)) t.dispose()
      cache = undefined
      position = 0
    }
    try {
      await feed(context)
      for (let made = 0; made < maxTokens; made++) {
        penalize(logits!, all, sampling.repetitionPenalty)
        processLogits?.(logits!, all)
        const id = sample(logits!, sampling, next() / 4294967296)
        if (stopIds.includes(id)) return
        yield id
        context.push(id)
        all.push(id)
        if (position === this.maxPositions) {
          context = context.slice(-Math.ceil(this.maxPositions / 2))
          forget()
          await feed(context)
        } else await feed([id])
      }
    } finally {
      forget()
    }
  }

  dispose(): void {
    this.prefill.dispose()
    this.decode.dispose()
  }
}

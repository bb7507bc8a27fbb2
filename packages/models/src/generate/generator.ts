/** Text generation: prompts are prefilled in one pass, then decoded one token per pass with the model's cache. */
import { type Compiled, compile, type Device, type Tensor, take, tensorsOf } from '@kumiki/tensor'
import type { CacheDType, ForwardPass, LanguageModel, ModelCache, Parameters } from '../language-model.ts'
import { words } from '../random.ts'
import { checkedSampling, penalize, type SamplingOptions, sample } from './sampling.ts'
import { paddedLength, roomFor } from './sizes.ts'

export interface GeneratorOptions {
  /**
   * Storage format of cached keys and values. Default float32; bfloat16 takes half of its memory, float8 a quarter.
   */
  readonly cacheDtype?: CacheDType
}

export interface GenerateOptions extends SamplingOptions {
  /** End-of-text ids: the continuation ends before the first of them. */
  readonly stopIds?: readonly number[]
  /**
   * Logits processor: changes the next token's logits in place, after the repetition penalty and before all other
   * options (a grammar, a bias).
   * @param context all ids so far, including the prompt's
   * @param row index of the prompt
   */
  readonly processLogits?: (logits: Float32Array, context: readonly number[], row: number) => void
  /** Whether a row's text ends with this token, which was yielded already (it completes a stop string). */
  readonly endsWith?: (token: GeneratedToken) => boolean
}

/** A token of a batch. */
export interface GeneratedToken {
  /** Index of the prompt it continues. */
  readonly row: number
  readonly id: number
}

/** Logits of the next token, [batch, vocabulary], and the cache to continue from. */
interface Step {
  readonly logits: Tensor
  readonly cache: ModelCache
}

/** One prompt and its continuation. */
interface Row {
  readonly row: number
  /** All ids so far. */
  readonly all: number[]
  readonly seen: Set<number>
  readonly next: () => number
  /** Index in `all` at which the model's context begins. */
  start: number
  /** Tokens in the cache. */
  position: number
  done: boolean
}

/** Generates from one set of parameters. Dispose it at the end. */
export class Generator {
  readonly maxPositions: number
  private readonly device: Device
  private readonly parameters: Parameters
  private readonly model: LanguageModel
  private readonly prefill: Compiled<[Parameters, Tensor, Tensor | undefined, string], Step>
  private readonly decode: Compiled<[Parameters, ModelCache, Tensor, string], Step>

  /** @throws RangeError for an unsupported cacheDtype, at the first generation */
  constructor(device: Device, model: LanguageModel, parameters: Parameters, options: GeneratorOptions = {}) {
    this.device = device
    this.parameters = parameters
    this.model = model
    this.maxPositions = model.contextLength
    const { cacheDtype: dtype = 'float32' } = options
    const next = (pass: ForwardPass): Step => {
      if (!pass.cache)
        throw new RangeError(
          `Generator: the model ${model.name} has no cache: its forward pass must return one if options.cache is 'begin' or a cache`,
        )
      const logits = pass.logits('last')
      return { logits: logits.reshape([logits.shape[0], -1]), cache: pass.cache }
    }
    // The room is passed as a string, because a compiled function is specialised by its strings.
    this.prefill = compile((p: Parameters, tokens: Tensor, lengths: Tensor | undefined, room: string) =>
      next(model.forward(p, tokens, { cache: 'begin', cacheOptions: { room: Number(room), dtype }, lengths })),
    )
    this.decode = compile(
      (p: Parameters, cache: ModelCache, tokens: Tensor, room: string) =>
        next(model.forward(p, tokens, { cache, cacheOptions: { room: Number(room), dtype } })),
      { donate: [1] },
    )
  }

  /**
   * Continues a prompt. Once the context holds contextLength tokens, its older half is dropped.
   * @param prompt token ids, at least one and fewer than maxPositions
   * @yields the ids of the continuation
   */
  async *generate(prompt: ArrayLike<number>, maxTokens: number, options: GenerateOptions = {}): AsyncGenerator<number> {
    for await (const { id } of this.generateBatch([prompt], maxTokens, options)) yield id
  }

  /**
   * Continues several prompts of any lengths as one batch. Row r has its own random stream, of seed + r, and its own
   * sliding context: its continuation is that of `generate` with that seed, whatever the other rows are.
   * @param prompts token ids of each prompt, as `generate` takes them
   * @param maxTokens limit of each continuation
   * @yields tokens in the order of generation; a row that has ended yields no more
   * @throws RangeError naming the prompt that is empty, too long or not of the vocabulary; TypeError for prompts of
   * different lengths with a model that does not support them (`supportsPadding`)
   */
  async *generateBatch(
    prompts: readonly ArrayLike<number>[],
    maxTokens: number,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken> {
    const { stopIds = [], processLogits, endsWith } = options
    const sampling = checkedSampling('generate', options)
    const rows = this.rowsOf(prompts, maxTokens, options.seed ?? 0)
    const stops = new Set(stopIds)
    /** Rows of the batch in the order of the cache. Finished rows stay until they are half of it. */
    let slots = rows
    let cache: ModelCache | undefined
    const active = () => slots.filter((row) => !row.done)
    const disposeCache = () => {
      for (const t of tensorsOf(cache)) t.dispose()
      cache = undefined
    }
    try {
      for (let made = 0; made < maxTokens && active().length > 0; made++) {
        const full = active().filter((row) => row.position === this.maxPositions)
        for (const row of full) row.start = row.all.length - Math.ceil(this.maxPositions / 2)
        if (cache === undefined || full.length > 0) {
          disposeCache()
          slots = active()
        } else if (active().length <= slots.length / 2) {
          const kept = await this.select(cache, slots)
          disposeCache()
          cache = kept
          slots = active()
        }
        const step = cache ? await this.decodeStep(cache, slots) : await this.prefillStep(slots, maxTokens - made)
        cache = step.cache
        const logits = (await step.logits.data()) as Float32Array
        step.logits.dispose()
        const width = logits.length / slots.length
        for (const [i, row] of slots.entries()) {
          if (row.done) continue
          const own = logits.subarray(i * width, (i + 1) * width)
          penalize(own, row.seen, sampling.repetitionPenalty)
          processLogits?.(own, row.all, row.row)
          const id = sample(own, sampling, row.next() / 4294967296)
          row.done = stops.has(id)
          if (row.done) continue
          row.all.push(id)
          row.seen.add(id)
          const token = { row: row.row, id }
          yield token
          row.done = endsWith?.(token) ?? false
        }
      }
    } finally {
      disposeCache()
    }
  }

  dispose(): void {
    this.prefill.dispose()
    this.decode.dispose()
  }

  /** @throws as generateBatch */
  private rowsOf(prompts: readonly ArrayLike<number>[], maxTokens: number, seed: number): Row[] {
    if (!Number.isInteger(maxTokens) || maxTokens < 0)
      throw new RangeError(`generate: maxTokens must be an integer of 0 or more, got ${maxTokens}`)
    const { vocabSize, supportsPadding, name } = this.model
    const rows = prompts.map((prompt, row): Row => {
      const which = prompts.length === 1 ? 'the prompt' : `prompt ${row}`
      if (prompt.length === 0)
        throw new RangeError(`generate: ${which} is empty; give at least one token (such as the end-of-text id)`)
      if (prompt.length >= this.maxPositions)
        throw new RangeError(
          `generate: ${which} has ${prompt.length} tokens, the context of the model holds ${this.maxPositions} and needs room for one more; shorten it, or give only its end`,
        )
      for (let i = 0; i < prompt.length; i++)
        if (!Number.isInteger(prompt[i]) || prompt[i] < 0 || prompt[i] >= vocabSize)
          throw new RangeError(
            `generate: token ${i} of ${which} must be an integer from 0 to ${vocabSize - 1} (a vocabulary of ${vocabSize}), got ${prompt[i]}`,
          )
      const all = Array.from(prompt)
      const next = words((seed + row) % 2 ** 32, 0x5eed)
      return { row, all, seen: new Set(all), next, start: 0, position: 0, done: false }
    })
    if (!supportsPadding && prompts.some(({ length }) => length !== prompts[0].length))
      throw new TypeError(
        `generateBatch: the prompts have ${[...new Set(prompts.map(({ length }) => length))].join(', ')} tokens, and the model ${name} does not take rows of different lengths (supportsPadding); give prompts of one length, or one at a time`,
      )
    return rows
  }

  /** One pass over the contexts of all rows, padded to the same length. @param more tokens that may follow */
  private async prefillStep(slots: readonly Row[], more: number): Promise<Step> {
    const { device, model, maxPositions } = this
    const contexts = slots.map(({ all, start }) => all.slice(start))
    const longest = Math.max(...contexts.map(({ length }) => length))
    // Padded lengths keep the number of compiled programs small.
    const width = model.supportsPadding ? paddedLength(longest, maxPositions) : longest
    const ids = new Int32Array(slots.length * width)
    contexts.forEach((context, i) => {
      ids.set(context, i * width)
      slots[i].position = context.length
    })
    const tokens = device.tensor(ids, [slots.length, width])
    const real = Int32Array.from(contexts, ({ length }) => length)
    const lengths = model.supportsPadding ? device.tensor(real, [slots.length]) : undefined
    const room = Math.max(width, roomFor(longest + Math.min(more, 256), maxPositions))
    try {
      return await this.prefill(this.parameters, tokens, lengths, String(room))
    } finally {
      for (const t of tensorsOf([tokens, lengths])) t.dispose()
    }
  }

  /** One pass over the last token of each row. */
  private async decodeStep(cache: ModelCache, slots: readonly Row[]): Promise<Step> {
    let longest = 0
    const ids = Int32Array.from(slots, (row) => {
      if (!row.done) longest = Math.max(longest, ++row.position)
      return row.all[row.all.length - 1]
    })
    const tokens = this.device.tensor(ids, [slots.length, 1])
    try {
      return await this.decode(this.parameters, cache, tokens, String(roomFor(longest, this.maxPositions)))
    } finally {
      tokens.dispose()
    }
  }

  /** The cache of the unfinished rows. */
  private async select(cache: ModelCache, slots: readonly Row[]): Promise<ModelCache> {
    const places = slots.flatMap(({ done }, i) => (done ? [] : [i]))
    const ids = this.device.tensor(Int32Array.from(places), [places.length])
    const kept = Object.fromEntries(Object.entries(cache).map(([name, t]) => [name, take(t, ids)]))
    await this.device.evaluate(Object.values(kept))
    ids.dispose()
    return kept
  }
}

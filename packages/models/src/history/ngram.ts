/**
 * Count-based n-gram language models, the baseline for neural models.
 *
 * Interpolated Kneser-Ney smoothing with one discount D (Chen and Goodman 1999, "An empirical study of smoothing
 * techniques for language modeling", equation 24 in its interpolated form):
 *
 *   p(w | c) = max(n(c w) - D, 0) / n(c .) + D t(c) / n(c .) p(w | shorter c)
 *
 * where t(c) is the number of distinct continuations of c. At the highest order n is the plain count; below it is the
 * number of distinct tokens seen before the n-gram, except for n-grams at the start of a document, which have no
 * predecessor and keep their plain count. The unigram level interpolates with the uniform 1 / V.
 *
 * The predicted events are those of a decoder: every token of every document given the tokens before it in the
 * document.
 */
import { grow, PairTable } from './pair-table.ts'

export interface NgramOptions {
  /** 1: unigram, 2: bigram, 3: trigram. */
  readonly order: 1 | 2 | 3
  /** Token ids lie in 0 .. vocabSize - 1; probabilities sum to 1 over them. */
  readonly vocabSize: number
  /** Absolute discount, above 0 and below 1; default 0.75. */
  readonly discount?: number
  /** Appended to every document, in fitting and scoring, when given: then the end of a document is predicted too. */
  readonly endId?: number
  /**
   * false: the first token of a document is context only (a beginning-of-sequence id). Default true.
   */
  readonly predictFirst?: boolean
}

/** Sum of negative log probabilities. */
export interface NgramScore {
  /** In nats, over all predicted tokens. */
  readonly nats: number
  /** Predicted tokens. */
  readonly tokens: number
  readonly natsPerToken: number
}

/** A document: token ids in order. */
export type TokenDocument = ArrayLike<number>

/** Counts by history: events, and distinct continuations. */
class Histories {
  totals = new Int32Array(512)
  types = new Int32Array(512)

  reserve(index: number): void {
    while (index >= this.totals.length) {
      this.totals = grow(this.totals)
      this.types = grow(this.types)
    }
  }
}

/** A fitted n-gram model; made by `fitNgram`. */
export class NgramModel {
  readonly order: 1 | 2 | 3
  readonly vocabSize: number
  readonly discount: number
  readonly endId: number | undefined
  readonly predictFirst: boolean
  private readonly start: number
  private readonly unigrams: Int32Array
  private unigramTotal = 0
  private unigramTypes = 0
  private readonly bigrams = new PairTable()
  private bigramCounts = new Int32Array(512)
  private readonly bigramHistories = new Histories()
  private readonly contexts = new PairTable()
  private readonly trigrams = new PairTable()
  private trigramCounts = new Int32Array(512)
  private readonly trigramHistories = new Histories()

  /** @internal use `fitNgram` */
  constructor(documents: Iterable<TokenDocument>, options: NgramOptions) {
    const { order, vocabSize, discount = 0.75, endId, predictFirst = true } = options
    this.order = order
    this.vocabSize = vocabSize
    this.discount = discount
    this.endId = endId
    this.predictFirst = predictFirst
    this.start = vocabSize
    this.unigrams = new Int32Array(vocabSize)
    this.bigramHistories.reserve(vocabSize)
    let events = 0
    for (const document of documents) {
      events += this.walk(document, 'fitNgram', (before, previous, token) => this.count(before, previous, token))
    }
    if (events === 0) throw new RangeError('fitNgram: documents hold no token to count; give at least one token')
  }

  /**
   * Probability of the next token.
   * @param history the tokens of the document so far, oldest first (empty at its start)
   * @param token the next token's id
   * @returns a probability above 0
   */
  probability(history: TokenDocument, token: number): number {
    checkId('probability', 'token', token, this.vocabSize)
    const length = history.length
    for (let back = 1; back <= Math.min(2, length); back++) {
      checkId('probability', `history[${length - back}]`, history[length - back], this.vocabSize)
    }
    const previous = length > 0 ? history[length - 1] : this.start
    const before = length > 1 ? history[length - 2] : length === 1 ? this.start : -1
    return this.probabilityAfter(before, previous, token)
  }

  /**
   * Scores documents: the sum of -ln p over every predicted token.
   * @throws RangeError for an id outside the vocabulary, or when there is nothing to predict
   */
  score(documents: Iterable<TokenDocument>): NgramScore {
    let nats = 0
    let tokens = 0
    for (const document of documents) {
      tokens += this.walk(document, 'score', (before, previous, token) => {
        nats -= Math.log(this.probabilityAfter(before, previous, token))
      })
    }
    if (tokens === 0) throw new RangeError('score: documents hold no token to predict; give at least one token')
    return { nats, tokens, natsPerToken: nats / tokens }
  }

  /** Calls `event(before, previous, token)` for every prediction; `before` is -1 where `previous` is the start. */
  private walk(
    document: TokenDocument,
    owner: string,
    event: (before: number, previous: number, token: number) => void,
  ): number {
    if (typeof document !== 'object' || typeof (document as TokenDocument | null)?.length !== 'number')
      throw new TypeError(
        `${owner}: a document must be a list of token ids, as in [[5, 6, 7]], got ${String(document)}`,
      )
    const length = document.length + (this.endId === undefined ? 0 : 1)
    let before = -1
    let previous = this.start
    for (let i = 0; i < length; i++) {
      const token = i < document.length ? document[i] : this.endId!
      checkId(owner, `token ${i} of a document`, token, this.vocabSize)
      if (i > 0 || this.predictFirst) event(before, previous, token)
      before = previous
      previous = token
    }
    return this.predictFirst || length === 0 ? length : length - 1
  }

  private count(before: number, previous: number, token: number): void {
    if (this.order === 1) this.countUnigram(token)
    else if (this.order === 2 || before < 0) this.countBigram(previous, token)
    else this.countTrigram(before, previous, token)
  }

  private countTrigram(before: number, previous: number, token: number): void {
    const context = this.contexts.add(before, previous)
    const index = this.trigrams.add(context, token)
    this.trigramHistories.reserve(context)
    if (index === this.trigramCounts.length) this.trigramCounts = grow(this.trigramCounts)
    this.trigramHistories.totals[context]++
    if (this.trigramCounts[index]++ > 0) return
    this.trigramHistories.types[context]++
    this.countBigram(previous, token)
  }

  private countBigram(previous: number, token: number): void {
    const index = this.bigrams.add(previous, token)
    if (index === this.bigramCounts.length) this.bigramCounts = grow(this.bigramCounts)
    this.bigramHistories.totals[previous]++
    if (this.bigramCounts[index]++ > 0) return
    this.bigramHistories.types[previous]++
    this.countUnigram(token)
  }

  private countUnigram(token: number): void {
    this.unigramTotal++
    if (this.unigrams[token]++ === 0) this.unigramTypes++
  }

  private probabilityAfter(before: number, previous: number, token: number): number {
    const discount = this.discount
    let probability = (discount * this.unigramTypes) / this.unigramTotal / this.vocabSize
    const single = this.unigrams[token]
    if (single > 0) probability += (single - discount) / this.unigramTotal
    if (this.order === 1) return probability
    const pairs = this.bigramHistories
    const pairTotal = pairs.totals[previous]
    if (pairTotal > 0) {
      probability *= (discount * pairs.types[previous]) / pairTotal
      const index = this.bigrams.find(previous, token)
      if (index >= 0) probability += (this.bigramCounts[index] - discount) / pairTotal
    }
    if (this.order === 2 || before < 0) return probability
    const context = this.contexts.find(before, previous)
    if (context < 0) return probability
    const triples = this.trigramHistories
    const tripleTotal = triples.totals[context]
    probability *= (discount * triples.types[context]) / tripleTotal
    const index = this.trigrams.find(context, token)
    if (index >= 0) probability += (this.trigramCounts[index] - discount) / tripleTotal
    return probability
  }
}

function checkId(owner: string, what: string, id: number, vocabSize: number): void {
  if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
    throw new RangeError(`${owner}: ${what} must be a token id from 0 to ${vocabSize - 1}, got ${id}`)
  }
}

/**
 * Counts documents into an interpolated Kneser-Ney model.
 * @param documents arrays of token ids; n-grams do not cross their boundaries
 * @throws RangeError for an option or a token id out of bounds, naming it
 * @example
 * const trigram = fitNgram([[5, 6, 7], [5, 6, 8]], { order: 3, vocabSize: 2048 })
 * trigram.score([[5, 6, 7]]).natsPerToken // 0.703
 */
export function fitNgram(documents: Iterable<TokenDocument>, options: NgramOptions): NgramModel {
  const { order, vocabSize, discount = 0.75, endId } = options
  if (order !== 1 && order !== 2 && order !== 3) {
    throw new RangeError(`fitNgram: order must be 1, 2 or 3, got ${order}`)
  }
  if (!Number.isInteger(vocabSize) || vocabSize < 1 || vocabSize > 1 << 24) {
    throw new RangeError(`fitNgram: vocabSize must be an integer from 1 to ${1 << 24}, got ${vocabSize}`)
  }
  if (!(discount > 0 && discount < 1)) {
    throw new RangeError(`fitNgram: discount must be above 0 and below 1, got ${discount}`)
  }
  if (endId !== undefined) checkId('fitNgram', 'endId', endId, vocabSize)
  return new NgramModel(documents, options)
}

/** Training of SentencePiece BPE models. */
import { TokenizerError } from '../tokenizer-error.ts'
import { type Corpus, readCorpus } from './corpus.ts'
import { metaPieces } from './meta-pieces.ts'
import { type ResolvedOptions, resolveOptions, type TrainOptions } from './options.ts'
import { type Pair, PairQueue } from './pair-queue.ts'
import { mayBePiece } from './seeds.ts'
import { requireRoom, requireSize, type ScoredPiece, writeTrainedModel } from './trained-model.ts'

/** A pair seen once is no reason for a piece. */
const LEAST_COUNT = 2

/**
 * Trains a byte-pair-encoding model: the pair of neighbouring symbols that occurs most often becomes a symbol, again and
 * again, until `vocabSize` are there. The same lines and options give the same bytes.
 * The options that are of unigram training alone (`seedSize`, `shrinkFactor`, `subIterations`) change nothing.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, or the text has too many characters or too few pieces for `vocabSize`
 * @see Sennrich et al. 2016, arXiv:1508.07909
 */
export function trainBpe(lines: Iterable<string>, options: TrainOptions): Uint8Array {
  const resolved = resolveOptions(options, 'bpe')
  if (resolved.fixedPieces.length > 0) throw new TokenizerError('train: fixedPieces are for unigram models')
  const meta = metaPieces(resolved)
  const corpus = readCorpus(lines, resolved)
  const taken = new Set([...meta.values()].map(({ piece }) => piece))
  const characters = corpus.alphabet.map((codePoint) => String.fromCodePoint(codePoint)).filter((c) => !taken.has(c))
  requireRoom(characters.length, meta.size, resolved)
  const merged = new Merger(corpus, resolved, taken).run(resolved.vocabSize - meta.size - characters.length)
  // The score is minus the rank: earlier merges first, and characters, which nothing merges into, last.
  const pieces: ScoredPiece[] = [...merged, ...characters].map((piece, rank) => ({ piece, score: -rank }))
  requireSize(pieces.length, meta, resolved)
  resolved.onProgress({ phase: 'finish', done: pieces.length + meta.size, total: resolved.vocabSize })
  return writeTrainedModel(pieces, meta, resolved)
}

/** The corpus as chains of symbols, and the pairs in it. */
class Merger {
  readonly #corpus: Corpus
  readonly #options: ResolvedOptions
  readonly #taken: Set<string>
  /** By position: the symbol that starts there (0: none, or the end of a fragment), where the next and the last one start. */
  readonly #symbol: Int32Array
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #weight: Int32Array
  /** By symbol: its text and its number of characters. Symbol k up to the size of the alphabet is the character of code k. */
  readonly #texts: string[] = ['']
  readonly #lengths: number[] = [0]
  readonly #byText = new Map<string, number>()
  readonly #pairs = new Map<number, Pair>()
  readonly #queue = new PairQueue()
  #touched = new Set<Pair>()

  constructor(corpus: Corpus, options: ResolvedOptions, taken: Set<string>) {
    this.#corpus = corpus
    this.#options = options
    this.#taken = taken
    for (const codePoint of corpus.alphabet) this.#symbolOf(String.fromCodePoint(codePoint), 1)
    const n = corpus.starts[corpus.starts.length - 1]
    this.#symbol = corpus.codes.slice(0, n)
    this.#next = new Int32Array(n)
    this.#previous = new Int32Array(n)
    this.#weight = new Int32Array(n)
    for (let f = 0; f + 1 < corpus.starts.length; f++) {
      this.#weight.fill(corpus.counts[f], corpus.starts[f], corpus.starts[f + 1])
    }
    for (let i = 0; i < n; i++) {
      this.#next[i] = i + 1
      this.#previous[i] = i - 1
    }
    for (let i = 0; i + 1 < n; i++) this.#count(i, i + 1, this.#weight[i])
    this.#flush()
  }

  /** @returns the texts of the new symbols, in order */
  run(wanted: number): string[] {
    const result: string[] = []
    const found = new Set<string>()
    while (result.length < wanted) {
      const pair = this.#queue.pop()
      if (pair === undefined || pair.count < LEAST_COUNT) break
      this.#merge(pair)
      this.#flush()
      // Another pair may have given the same text before.
      if (found.has(pair.text) || this.#taken.has(pair.text)) continue
      found.add(pair.text)
      result.push(pair.text)
      if (result.length % 1000 === 0) this.#options.onProgress({ phase: 'merge', done: result.length, total: wanted })
    }
    return result
  }

  #symbolOf(text: string, length: number): number {
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    this.#texts.push(text)
    this.#lengths.push(length)
    this.#byText.set(text, this.#texts.length - 1)
    return this.#texts.length - 1
  }

  /** Adds `weight` to the pair of the symbols at two positions, where it may become a piece. */
  #count(at: number, following: number, weight: number): void {
    const left = this.#symbol[at]
    const right = this.#symbol[following]
    if (left === 0 || right === 0) return
    const length = this.#lengths[left] + this.#lengths[right]
    if (length > this.#options.maxPieceLength) return
    const key = left * 0x1000000 + right
    let pair = this.#pairs.get(key)
    if (!pair) {
      if (weight < 0) return
      if (!mayBePiece(this.#corpus, this.#options, at, length)) return
      pair = { left, right, count: 0, places: [], text: this.#texts[left] + this.#texts[right], length }
      this.#pairs.set(key, pair)
    }
    pair.count += weight
    if (weight > 0) {
      pair.places.push(at)
      this.#touched.add(pair)
    }
  }

  /** Puts pairs whose count has risen into the queue. */
  #flush(): void {
    for (const pair of this.#touched) if (pair.count >= LEAST_COUNT) this.#queue.push(pair)
    this.#touched.clear()
  }

  #merge(pair: Pair): void {
    const symbol = this.#symbol
    const next = this.#next
    const previous = this.#previous
    const merged = this.#symbolOf(pair.text, pair.length)
    // From left to right, so that of overlapping places (aaa) the first is taken, as in encoding.
    const places = pair.places.sort((a, b) => a - b)
    pair.places = []
    this.#pairs.delete(pair.left * 0x1000000 + pair.right)
    for (const at of places) {
      if (symbol[at] !== pair.left) continue
      const right = next[at]
      if (symbol[right] !== pair.right) continue
      const weight = this.#weight[at]
      const before = previous[at]
      const after = next[right]
      if (before >= 0) this.#count(before, at, -weight)
      this.#count(right, after, -weight)
      symbol[at] = merged
      symbol[right] = 0
      next[at] = after
      previous[after] = at
      if (before >= 0) this.#count(before, at, weight)
      this.#count(at, after, weight)
    }
    pair.count = 0
  }
}

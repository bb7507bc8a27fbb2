/** Training of byte-level BPE models. */
import { checkLines, checkOptions } from '../check-options.ts'
import { AlignedText, wellFormed } from '../huggingface/aligned-text.ts'
import { byteAlphabet } from '../huggingface/byte-alphabet.ts'
import { readNormalizer } from '../huggingface/normalizers.ts'
import { readPreTokenizer } from '../huggingface/pre-tokenizers.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { byteLevelFile } from './written-file.ts'

export type ByteLevelBpeOptions = {
  /** Number of tokens: the special ones, the 256 bytes, and one for each merge. */
  vocabSize: number
  /** Pattern (Oniguruma) that splits text into words, which no token crosses. Default: GPT-2's. */
  pattern?: string
  /** Special tokens, which get the ids from 0 on. Default none. */
  specialTokens?: readonly string[]
  /** Minimum count of a pair to be merged. Default 2. */
  minFrequency?: number
  /** Maximum length of a token in bytes. Default: no limit. */
  maxTokenLength?: number
  /** Prepends a space to a text that does not begin with one. Default false. */
  addPrefixSpace?: boolean
  /** Unicode normalisation form, which becomes part of the file. Default: none. */
  normalization?: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'
  /** Called every 1,000 merges: `done` tokens of `total`. */
  onProgress?: (progress: { done: number; total: number }) => void
}

const OPTIONS =
  'vocabSize pattern specialTokens minFrequency maxTokenLength addPrefixSpace normalization onProgress'.split(' ')

/**
 * Trains a byte-level BPE model with the same merges as Hugging Face's `BpeTrainer`: repeatedly merges the most
 * frequent pair, of equal counts the one with the smaller ids.
 * @returns the text of a `tokenizer.json`
 * @throws TokenizerError where an option is unknown or out of range
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/bpe/trainer.rs
 * @example
 * const json = trainByteLevelBpe(['low lower lowest', 'low lower'], { vocabSize: 258 })
 * loadHuggingFaceTokenizer(json).encode('low').length // 1
 */
export function trainByteLevelBpe(lines: Iterable<string>, options: ByteLevelBpeOptions): string {
  checkLines('trainByteLevelBpe', lines)
  if ('memory' in options) {
    throw new TokenizerError(
      'trainByteLevelBpe: memory is not supported: the distinct words and their pairs are held in memory, about 4 kB for each word; ' +
        'give fewer lines, or train a SentencePiece BPE model with trainOnDisk, which has a memory limit',
    )
  }
  checkOptions('trainByteLevelBpe', options, OPTIONS)
  const { vocabSize, specialTokens = [], minFrequency = 2, maxTokenLength = Number.POSITIVE_INFINITY } = options
  const least = 256 + specialTokens.length
  if (!Number.isInteger(vocabSize) || vocabSize < least) {
    throw new TokenizerError(
      `trainByteLevelBpe: vocabSize is ${vocabSize}; an integer of at least ${least} is needed (256 bytes and ${specialTokens.length} special tokens)`,
    )
  }
  if (new Set(specialTokens).size < specialTokens.length || specialTokens.includes('')) {
    throw new TokenizerError('trainByteLevelBpe: specialTokens has one twice, or an empty one')
  }
  for (const [name, value] of Object.entries({ minFrequency, maxTokenLength })) {
    if (!(value >= 0))
      throw new TokenizerError(`trainByteLevelBpe: ${name} is ${value}; a number of at least 0 is needed`)
  }
  const { pattern, addPrefixSpace = false, normalization, onProgress = () => {} } = options
  const file = (vocab: Record<string, number>, merges: [string, string][]) =>
    byteLevelFile({
      vocab,
      merges,
      pattern,
      addPrefixSpace,
      normalizer: normalization,
      tokens: specialTokens.map((content, id) => ({ id, content, special: true })),
      ignoreMerges: false,
    })
  const counts = countWords(lines, file({}, []))
  const tokens = [...specialTokens, ...[...byteAlphabet].sort()]
  const merges = learnMerges(counts, tokens, { vocabSize, minFrequency, maxTokenLength, onProgress })
  return file(Object.fromEntries(tokens.map((token, id) => [token, id])), merges)
}

function countWords(lines: Iterable<string>, json: string): Map<string, number> {
  const { normalizer, pre_tokenizer } = JSON.parse(json) as { normalizer: unknown; pre_tokenizer: unknown }
  const normalize = readNormalizer(normalizer, 'normalization')
  const cut = readPreTokenizer(pre_tokenizer, 'pattern')!
  const counts = new Map<string, number>()
  let line = 0
  for (const text of lines) {
    if (typeof text !== 'string') throw new TokenizerError(`train: line ${line} is ${typeof text}; lines are strings`)
    line++
    for (const part of cut(normalize(AlignedText.of(wellFormed(text), false)))) {
      if (part.text !== '') counts.set(part.text, (counts.get(part.text) ?? 0) + 1)
    }
  }
  return counts
}

type Learning = {
  vocabSize: number
  minFrequency: number
  maxTokenLength: number
  onProgress: (progress: { done: number; total: number }) => void
}
type Pair = { left: number; right: number; count: number; words: Set<number> }
type Candidate = { pair: Pair; count: number }

/** Learns merges; appends their tokens to `tokens`. @returns the merges in order */
function learnMerges(counts: Map<string, number>, tokens: string[], options: Learning): [string, string][] {
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const words: number[][] = []
  const weights: number[] = []
  const pairs = new Map<number, Pair>()
  const pairOf = (left: number, right: number): Pair => {
    const key = left * 0x4000000 + right
    let pair = pairs.get(key)
    if (!pair) {
      pair = { left, right, count: 0, words: new Set() }
      pairs.set(key, pair)
    }
    return pair
  }
  for (const [word, count] of counts) {
    const ids = Array.from(word, (character) => idOf.get(character)!)
    for (let k = 0; k + 1 < ids.length; k++) {
      const pair = pairOf(ids[k], ids[k + 1])
      pair.count += count
      pair.words.add(words.length)
    }
    words.push(ids)
    weights.push(count)
  }
  const queue = new CandidateHeap()
  for (const pair of pairs.values()) if (pair.count > 0) queue.push({ pair, count: pair.count })
  const merges: [string, string][] = []
  while (tokens.length < options.vocabSize) {
    const top = queue.pop()
    if (!top) break
    const { pair } = top
    if (top.count !== pair.count) {
      if (pair.count > 0) queue.push({ pair, count: pair.count })
      continue
    }
    if (top.count < 1 || top.count < options.minFrequency) break
    const text = tokens[pair.left] + tokens[pair.right]
    if (text.length > options.maxTokenLength) continue
    let id = idOf.get(text)
    if (id === undefined) {
      id = tokens.push(text) - 1
      idOf.set(text, id)
    }
    merges.push([tokens[pair.left], tokens[pair.right]])
    if (merges.length % 1000 === 0) options.onProgress({ done: tokens.length, total: options.vocabSize })
    const grown = new Set<Pair>()
    for (const w of pair.words) mergeWord(words[w], w, weights[w], pair, id, pairOf, grown)
    pair.words.clear()
    for (const other of grown) if (other.count > 0) queue.push({ pair: other, count: other.count })
  }
  options.onProgress({ done: tokens.length, total: options.vocabSize })
  return merges
}

/** Merges a pair in one word, from left to right, and updates the counts of the pairs around it. */
function mergeWord(
  ids: number[],
  word: number,
  weight: number,
  { left, right }: Pair,
  id: number,
  pairOf: (left: number, right: number) => Pair,
  grown: Set<Pair>,
): void {
  const change = (a: number, b: number, by: number) => {
    const pair = pairOf(a, b)
    pair.count += by
    if (by > 0) {
      pair.words.add(word)
      grown.add(pair)
    }
  }
  let to = 0
  for (let k = 0; k < ids.length; k++) {
    if (ids[k] !== left || ids[k + 1] !== right || k + 1 >= ids.length) {
      ids[to++] = ids[k]
      continue
    }
    if (to > 0) {
      change(ids[to - 1], left, -weight)
      change(ids[to - 1], id, weight)
    }
    if (k + 2 < ids.length) {
      change(right, ids[k + 2], -weight)
      change(id, ids[k + 2], weight)
    }
    pairOf(left, right).count -= weight
    ids[to++] = id
    k++
  }
  ids.length = to
}

/** A binary heap of candidates, largest count first; ties go to the smaller ids. */
class CandidateHeap {
  private readonly items: Candidate[] = []

  push(item: Candidate): void {
    const items = this.items
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(item, items[parent])) break
      items[at] = items[parent]
      at = parent
    }
    items[at] = item
  }

  pop(): Candidate | undefined {
    const items = this.items
    const top = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1], items[child])) child++
      if (!before(items[child], last)) break
      items[at] = items[child]
      at = child
    }
    items[at] = last
    return top
  }
}

function before(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count
  return a.pair.left !== b.pair.left ? a.pair.left < b.pair.left : a.pair.right < b.pair.right
}

/** The text that a model is trained on: counted fragments, and their alphabet. */
import { checkLines } from '../check-options.ts'
import { defaultNormalizerSpec, type NormalizerSpec } from '../sentencepiece/model-file.ts'
import { Normalizer, SPACE_MARK } from '../sentencepiece/normalizer.ts'
import { buildPieceTrie, longestPrefix } from '../sentencepiece/piece-trie.ts'
import { textOf } from '../sentencepiece/word-segmenter.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { codePointAt } from '../utf8.ts'
import { cutFragments } from './fragments.ts'
import type { ResolvedOptions } from './options.ts'
import { sampledLines } from './sampled-lines.ts'

/** The text to train on: its alphabet, and its distinct fragments with their counts. */
export type Corpus = {
  /** The characters that get a piece, most frequent first. Character k has the code k + 1; the code 0 ends a fragment. */
  alphabet: number[]
  /** How often each character of the alphabet occurs. */
  characterCounts: number[]
  /** The fragments one after another, each followed by a 0. */
  codes: Int32Array
  /** Fragment f is `codes[starts[f] .. starts[f + 1] - 1)`. */
  starts: Int32Array
  /** How often each fragment occurs. */
  counts: Int32Array
  /** Code of the space mark, 0 where the alphabet has none. */
  spaceCode: number
  /** The fixed pieces of several characters: piece k is `codes[fixed[k] .. fixed[k + 1])`, behind all fragments. */
  fixed: Int32Array
}

/** The fragments once for each character that follows them in the text: what candidates for pieces are found in. */
export type FollowedFragments = {
  /** The codes of each fragment, the code of the next character, and a 0. */
  codes: Int32Array
  /** For each code, where the same character of the same fragment is in the codes of the corpus. */
  origins: Int32Array
  /** Fragment f is `codes[starts[f] .. starts[f + 1] - 2)`. */
  starts: Int32Array
  /** How often each occurs with that next character. */
  counts: Int32Array
  /** The largest code: after the alphabet come that of the characters outside it and that of user-defined symbols. */
  maxCode: number
}

/** What follows a fragment where no character does: the end of the line, or a user-defined symbol. */
const LINE_END = 0
const SYMBOL = 0x110000
/** Code points and the two above fit below this. */
const FOLLOWERS = 0x200000

export function normalizerSpecOf(options: ResolvedOptions): NormalizerSpec {
  return {
    ...defaultNormalizerSpec(),
    name: options.normalization,
    precompiledCharsmap: options.charsmap,
    addDummyPrefix: options.addDummyPrefix,
    removeExtraWhitespaces: options.removeExtraWhitespaces,
  }
}

/** @throws TokenizerError where the lines have no text */
export function readCorpus(lines: Iterable<string>, options: ResolvedOptions): Corpus {
  return readFollowedCorpus(lines, options).corpus
}

/**
 * The corpus, and its fragments by what follows them.
 * @throws TokenizerError where the lines have no text
 */
export function readFollowedCorpus(
  lines: Iterable<string>,
  options: ResolvedOptions,
): { corpus: Corpus; followed: FollowedFragments } {
  checkLines('train', lines)
  const { inputSentenceSize, shuffleInputSentence } = options
  const fragments = countFragments(sampledLines(lines, inputSentenceSize, shuffleInputSentence), options)
  const { alphabet, characterCounts, codeOf } = chooseAlphabet(fragments, options)
  if (alphabet.length === 0) throw new TokenizerError('train: the lines have no text; at least one character is needed')
  const { followed, codes, starts, counts } = encodeFragments(fragments, codeOf)
  const spaceCode = codeOf.get(SPACE_MARK) ?? 0
  return {
    corpus: { alphabet, characterCounts, starts, counts, spaceCode, ...withFixed(codes, options.fixedPieces, codeOf) },
    followed,
  }
}

/** Puts the fixed pieces of several characters, and each character, behind the codes of the fragments. */
function withFixed(codes: Int32Array, fixedPieces: readonly string[], codeOf: Map<number, number>) {
  const fixed = [codes.length]
  const more: number[] = []
  for (const piece of fixedPieces) {
    const characters = Array.from(piece, (character) => codeOf.get(character.codePointAt(0)!)!)
    if (characters.length === 1) continue
    for (const code of characters) more.push(code)
    fixed.push(codes.length + more.length)
  }
  // A character that only a fixed piece has must be found somewhere, too.
  for (let code = 1; code <= codeOf.size; code++) more.push(code)
  const all = new Int32Array(codes.length + more.length)
  all.set(codes)
  all.set(more, codes.length)
  return { codes: all, fixed: Int32Array.from(fixed) }
}

/** Distinct fragments in the order of the text. */
type Fragments = {
  texts: string[]
  counts: number[]
  /** How often fragment f is followed by code point c, by `f * FOLLOWERS + c`. */
  followers: Map<number, number>
}

function countFragments(lines: Iterable<string>, options: ResolvedOptions): Fragments {
  const symbols = [...options.userDefinedSymbols]
  const symbolTrie =
    symbols.length > 0
      ? buildPieceTrie(
          symbols,
          Int32Array.from(symbols, (_, k) => k),
        )
      : undefined
  const normalizer = new Normalizer(
    normalizerSpecOf(options),
    options.treatWhitespaceAsSuffix,
    symbolTrie && ((text, at) => longestPrefix(symbolTrie, (index) => text.charCodeAt(index), at, text.length)),
  )
  const indexOf = new Map<string, number>()
  const fragments: Fragments = { texts: [], counts: [], followers: new Map() }
  const add = (text: string, follower: number) => {
    let index = indexOf.get(text)
    if (index === undefined) {
      index = indexOf.size
      indexOf.set(text, index)
      fragments.texts.push(text)
      fragments.counts.push(0)
    }
    fragments.counts[index]++
    const key = index * FOLLOWERS + follower
    fragments.followers.set(key, (fragments.followers.get(key) ?? 0) + 1)
  }
  let done = 0
  const total = Array.isArray(lines) ? lines.length : 0
  for (const line of lines) {
    if (typeof line !== 'string') throw new TokenizerError(`train: line ${done} is ${typeof line}; lines are strings`)
    const { units, length } = normalizer.normalize(line, false)
    const cut = (from: number, to: number) => {
      const end = to < length ? SYMBOL : LINE_END
      cutFragments(units.subarray(from, to), to - from, options, (a, b) =>
        add(textOf(units, from + a, from + b), from + b < to ? codePointAt(units, from + b, to) : end),
      )
    }
    let start = 0
    if (symbolTrie) {
      // User-defined symbols are cut out first: what is learnt never covers them.
      for (let at = 0; at < length; ) {
        const symbol = longestPrefix(symbolTrie, (index) => units[index], at, length)
        if (symbol > 0) {
          cut(start, at)
          start = at + symbol
        }
        at += symbol || 1
      }
    }
    cut(start, length)
    if (++done % 10_000 === 0) options.onProgress({ phase: 'read', done, total: Math.max(done, total) })
  }
  options.onProgress({ phase: 'read', done, total: done })
  return fragments
}

function chooseAlphabet({ texts, counts: weights }: Fragments, options: ResolvedOptions) {
  const counts = new Map<number, number>()
  let total = 0
  for (let f = 0; f < texts.length; f++) {
    const fragment = texts[f]
    const count = weights[f]
    for (let i = 0; i < fragment.length; i++) {
      const codePoint = fragment.codePointAt(i)!
      if (codePoint > 0xffff) i++
      counts.set(codePoint, (counts.get(codePoint) ?? 0) + count)
      total += count
    }
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])
  const alphabet: number[] = []
  const characterCounts: number[] = []
  const codeOf = new Map<number, number>()
  let covered = 0
  for (const [codePoint, count] of sorted) {
    if (covered / total >= options.characterCoverage) break
    covered += count
    alphabet.push(codePoint)
    characterCounts.push(count)
    codeOf.set(codePoint, alphabet.length)
  }
  for (const piece of options.fixedPieces) {
    for (const character of piece) {
      const codePoint = character.codePointAt(0)!
      if (codeOf.has(codePoint)) continue
      alphabet.push(codePoint)
      characterCounts.push(counts.get(codePoint) ?? 0)
      codeOf.set(codePoint, alphabet.length)
    }
  }
  return { alphabet, characterCounts, codeOf }
}

function encodeFragments({ texts, counts: weights, followers }: Fragments, codeOf: Map<number, number>) {
  let units = 0
  for (const text of texts) units += text.length + 1
  // A character outside the alphabet ends the fragment before it, so no more codes than units are needed.
  const codes = new Int32Array(units)
  const starts: number[] = [0]
  const counts: number[] = []
  /** By fragment of `texts`, the first of its parts. */
  const firstPart = new Int32Array(texts.length + 1)
  let at = 0
  for (let f = 0; f < texts.length; f++) {
    firstPart[f] = counts.length
    const fragment = texts[f]
    const end = () => {
      if (at === starts[starts.length - 1]) return
      codes[at++] = 0
      starts.push(at)
      counts.push(weights[f])
    }
    for (let i = 0; i < fragment.length; i++) {
      const codePoint = fragment.codePointAt(i)!
      if (codePoint > 0xffff) i++
      const code = codeOf.get(codePoint)
      if (code === undefined) end()
      else codes[at++] = code
    }
    end()
  }
  firstPart[texts.length] = counts.length
  const encoded = { codes: codes.slice(0, at), starts: Int32Array.from(starts), counts: Int32Array.from(counts) }
  return { ...encoded, followed: followFragments(texts, followers, encoded, firstPart, codeOf) }
}

function followFragments(
  texts: string[],
  followers: Map<number, number>,
  { codes, starts, counts }: { codes: Int32Array; starts: Int32Array; counts: Int32Array },
  firstPart: Int32Array,
  codeOf: Map<number, number>,
): FollowedFragments {
  const outside = codeOf.size + 1
  const symbol = codeOf.size + 2
  const parts: number[] = []
  const next: number[] = []
  const times: number[] = []
  let size = 0
  const put = (part: number, follower: number, count: number) => {
    parts.push(part)
    next.push(follower)
    times.push(count)
    size += starts[part + 1] - starts[part] + 1
  }
  const endsOutside = new Uint8Array(texts.length)
  for (let f = 0; f < texts.length; f++) {
    const text = texts[f]
    const low = text.charCodeAt(text.length - 1)
    const last = text.codePointAt(text.length - (low >= 0xdc00 && low <= 0xdfff && text.length > 1 ? 2 : 1))!
    endsOutside[f] = codeOf.has(last) ? 0 : 1
    // All parts but the last are followed by a character outside the alphabet, whatever follows the whole.
    const inner = firstPart[f + 1] - (endsOutside[f] ? 0 : 1)
    for (let part = firstPart[f]; part < inner; part++) put(part, outside, counts[part])
  }
  for (const [key, count] of followers) {
    const f = Math.floor(key / FOLLOWERS)
    if (endsOutside[f]) continue
    const follower = key % FOLLOWERS
    const code = follower === LINE_END ? 0 : follower === SYMBOL ? symbol : (codeOf.get(follower) ?? outside)
    put(firstPart[f + 1] - 1, code, count)
  }
  const result: FollowedFragments = {
    codes: new Int32Array(size),
    origins: new Int32Array(size),
    starts: new Int32Array(parts.length + 1),
    counts: Int32Array.from(times),
    maxCode: symbol,
  }
  let at = 0
  for (let k = 0; k < parts.length; k++) {
    for (let i = starts[parts[k]]; i < starts[parts[k] + 1] - 1; i++) {
      result.codes[at] = codes[i]
      result.origins[at++] = i
    }
    result.codes[at++] = next[k]
    result.codes[at++] = 0
    result.starts[k + 1] = at
  }
  return result
}

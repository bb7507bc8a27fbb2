import { defaultNormalizerSpec, type NormalizerSpec } from '../model-file.ts'
import { Normalizer } from '../normalizer.ts'
import { buildPieceTrie, longestPrefix } from '../piece-trie.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { textOf } from '../word-segmenter.ts'
import { cutFragments } from './fragments.ts'
import type { ResolvedOptions } from './options.ts'

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
}

export function normalizerSpecOf(options: ResolvedOptions): NormalizerSpec {
  return {
    ...defaultNormalizerSpec(),
    name: options.normalization,
    addDummyPrefix: options.addDummyPrefix,
    removeExtraWhitespaces: options.removeExtraWhitespaces,
  }
}

/** @throws TokenizerError where the lines have no text */
export function readCorpus(lines: Iterable<string>, options: ResolvedOptions): Corpus {
  const fragments = countFragments(lines, options)
  const { alphabet, characterCounts, codeOf } = chooseAlphabet(fragments, options.characterCoverage)
  if (alphabet.length === 0) throw new TokenizerError('train: the lines have no text; at least one character is needed')
  return { alphabet, characterCounts, ...encodeFragments(fragments, codeOf), spaceCode: codeOf.get(0x2581) ?? 0 }
}

function countFragments(lines: Iterable<string>, options: ResolvedOptions): Map<string, number> {
  const normalizer = new Normalizer(normalizerSpecOf(options), false)
  const symbols = [...options.userDefinedSymbols]
  const symbolTrie =
    symbols.length > 0
      ? buildPieceTrie(
          symbols,
          Int32Array.from(symbols, (_, k) => k),
        )
      : undefined
  const fragments = new Map<string, number>()
  let done = 0
  for (const line of lines) {
    if (typeof line !== 'string') throw new TokenizerError(`train: line ${done} is ${typeof line}; lines are strings`)
    const { units, length } = normalizer.normalize(line, false)
    const add = (from: number, to: number) => {
      const fragment = textOf(units, from, to)
      fragments.set(fragment, (fragments.get(fragment) ?? 0) + 1)
    }
    if (!symbolTrie) cutFragments(units, length, options, add)
    else {
      // User-defined symbols are cut out first: what is learnt never covers them.
      const cut = (from: number, to: number) =>
        cutFragments(units.subarray(from, to), to - from, options, (a, b) => add(from + a, from + b))
      let start = 0
      for (let at = 0; at < length; ) {
        const symbol = longestPrefix(symbolTrie, (index) => units[index], at, length)
        if (symbol > 0) {
          cut(start, at)
          start = at + symbol
        }
        at += symbol || 1
      }
      cut(start, length)
    }
    if (++done % 10_000 === 0) options.onProgress({ phase: 'read', done, total: done })
  }
  options.onProgress({ phase: 'read', done, total: done })
  return fragments
}

function chooseAlphabet(fragments: Map<string, number>, coverage: number) {
  const counts = new Map<number, number>()
  let total = 0
  for (const [fragment, count] of fragments) {
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
    if (covered / total >= coverage) break
    covered += count
    alphabet.push(codePoint)
    characterCounts.push(count)
    codeOf.set(codePoint, alphabet.length)
  }
  return { alphabet, characterCounts, codeOf }
}

function encodeFragments(fragments: Map<string, number>, codeOf: Map<number, number>) {
  let units = 0
  for (const fragment of fragments.keys()) units += fragment.length + 1
  // A character outside the alphabet ends the fragment before it, so no more codes than units are needed.
  const codes = new Int32Array(units)
  const starts: number[] = [0]
  const counts: number[] = []
  let at = 0
  for (const [fragment, count] of fragments) {
    const end = () => {
      if (at === starts[starts.length - 1]) return
      codes[at++] = 0
      starts.push(at)
      counts.push(count)
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
  return { codes: codes.slice(0, at), starts: Int32Array.from(starts), counts: Int32Array.from(counts) }
}

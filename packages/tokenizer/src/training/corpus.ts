/** The text that a model is trained on: counted fragments, and their alphabet. */
import { checkLines } from '../check-options.ts'
import { defaultNormalizerSpec, type NormalizerSpec } from '../sentencepiece/model-file.ts'
import { type Normalizer, SPACE_MARK } from '../sentencepiece/normalizer.ts'
import { longestPrefix, type PieceTrie } from '../sentencepiece/piece-trie.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { codePointAt } from '../utf8.ts'
import { type Blocks, BlockWriter, savedBlocks } from './blocks.ts'
import type { FragmentGroup } from './fragment-groups.ts'
import { cutFragments } from './fragments.ts'
import { LineCounts } from './line-counts.ts'
import type { ResolvedOptions } from './options.ts'
import { sampledLines } from './sampled-lines.ts'
import { withUserSymbols } from './user-symbols.ts'
import { blockLimit, newName, saveCorpus, type Workspace } from './workspace.ts'

/** The text to train on: its alphabet, and its distinct fragments with their counts. */
export type Corpus = {
  /** Code points that get a piece, most frequent first. Character k has the code k + 1; the code 0 ends a fragment. */
  alphabet: number[]
  /** How often each character of the alphabet occurs. */
  characterCounts: number[]
  /** The distinct fragments in the order of their first occurrence. */
  fragments: Blocks
  /**
   * Each fragment once for each distinct character that follows it in the text, with the code of that character
   * appended:
   * the input of the search for candidates (unigram only). Above the alphabet are two more codes: one for all
   * characters outside it, one for user-defined symbols.
   */
  followed: Blocks | undefined
  /** Code of the space mark, 0 where the alphabet has none. */
  spaceCode: number
  /** The fixed pieces of several characters: piece k is `codes[starts[k] .. starts[k + 1])`. */
  fixed: { codes: Int32Array; starts: Int32Array }
}

/** Followers of a fragment that are no characters: the end of the line, or a user-defined symbol. */
const LINE_END = 0
const SYMBOL = 0x110000
const CODE_POINTS = 0x110000

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
  checkLines('train', lines)
  const { inputSentenceSize, shuffleInputSentence } = options
  const reader = new CorpusReader(options, undefined, Array.isArray(lines) ? lines.length : 0)
  for (const line of sampledLines(lines, inputSentenceSize, shuffleInputSentence)) reader.add(line)
  return reader.finish()
}

/** Counts the fragments of lines; with a workspace, counts that exceed its budget go to disk. */
export class CorpusReader {
  private readonly options: ResolvedOptions
  private readonly workspace: Workspace | undefined
  private readonly normalizer: Normalizer
  private readonly symbols: PieceTrie | undefined
  private readonly counts: LineCounts | undefined

  /** @param total number of lines for progress; 0: unknown */
  constructor(options: ResolvedOptions, workspace?: Workspace, total = 0) {
    this.options = options
    this.workspace = workspace
    const { trie, normalizer } = withUserSymbols(
      [...options.userDefinedSymbols],
      normalizerSpecOf(options),
      options.treatWhitespaceAsSuffix,
    )
    this.symbols = trie
    this.normalizer = normalizer
    const { onProgress } = options
    if (!this.isComplete) this.counts = new LineCounts({ caller: 'train', total, onProgress, workspace })
  }

  /** Whether a resumed workspace already has the counts of all lines. */
  get isComplete(): boolean {
    return this.workspace?.state.corpus !== undefined
  }

  add(line: string): void {
    this.counts!.line(line, this.count)
  }

  private readonly count = (line: string): void => {
    const counts = this.counts!
    const options = this.options
    const symbols = this.symbols
    const { units, length } = this.normalizer.normalize(line, false)
    counts.reserve(length)
    // Only the search for candidates in unigram training needs the followers.
    const follows = options.modelType === 'unigram'
    const cut = (from: number, to: number) => {
      const end = to < length ? SYMBOL : LINE_END
      cutFragments(units.subarray(from, to), to - from, options, (a, b) => {
        const follower = !follows ? LINE_END : from + b < to ? codePointAt(units, from + b, to) : end
        counts.add(units, from + a, from + b, follower)
      })
    }
    let start = 0
    if (symbols) {
      // User-defined symbols are cut out first, so that no learnt piece contains one.
      for (let at = 0; at < length; ) {
        const symbol = longestPrefix(symbols, (index) => units[index], at, length)
        if (symbol > 0) {
          cut(start, at)
          start = at + symbol
        }
        at += symbol || 1
      }
    }
    cut(start, length)
  }

  /** @throws TokenizerError where the lines have no text */
  finish(): Corpus {
    const workspace = this.workspace
    const options = this.options
    if (workspace?.state.corpus) return savedCorpus(workspace, options)
    const counts = this.counts!
    counts.end()
    const characters = new Float64Array(CODE_POINTS)
    const groups = counts.groups(({ units, length, count }) => {
      for (let i = 0; i < length; i++) {
        const codePoint = codePointAt(units, i, length)
        if (codePoint > 0xffff) i++
        characters[codePoint] += count
      }
    })
    const { alphabet, characterCounts } = chooseAlphabet(characters, options)
    if (alphabet.length === 0) {
      throw new TokenizerError('train: the lines have no text; at least one character is needed')
    }
    const blocks = writeBlocks(groups, alphabet, options, workspace)
    if (workspace) {
      saveCorpus(workspace, {
        alphabet,
        characterCounts,
        fragments: blocks.fragments.saved!,
        ...(blocks.followed && { followed: blocks.followed.saved! }),
      })
    }
    return corpusOf(alphabet, characterCounts, blocks, options)
  }
}

function savedCorpus({ state, spill }: Workspace, options: ResolvedOptions): Corpus {
  const { alphabet, characterCounts, fragments, followed } = state.corpus!
  const blocks = { fragments: savedBlocks(fragments, spill), followed: followed && savedBlocks(followed, spill) }
  return corpusOf(alphabet, characterCounts, blocks, options)
}

function corpusOf(
  alphabet: number[],
  characterCounts: number[],
  { fragments, followed }: { fragments: Blocks; followed: Blocks | undefined },
  options: ResolvedOptions,
): Corpus {
  const codeOf = new Map(alphabet.map((codePoint, k) => [codePoint, k + 1]))
  return {
    alphabet,
    characterCounts,
    fragments,
    followed,
    spaceCode: codeOf.get(SPACE_MARK) ?? 0,
    fixed: fixedOf(options.fixedPieces, codeOf),
  }
}

function fixedOf(fixedPieces: readonly string[], codeOf: Map<number, number>): Corpus['fixed'] {
  const starts = [0]
  const codes: number[] = []
  for (const piece of fixedPieces) {
    const own = Array.from(piece, (character) => codeOf.get(character.codePointAt(0)!)!)
    if (own.length === 1) continue
    for (const code of own) codes.push(code)
    starts.push(codes.length)
  }
  return { codes: Int32Array.from(codes), starts: Int32Array.from(starts) }
}

function chooseAlphabet(counts: Float64Array, options: ResolvedOptions) {
  let total = 0
  const sorted: [codePoint: number, count: number][] = []
  for (let codePoint = 0; codePoint < counts.length; codePoint++) {
    if (counts[codePoint] === 0) continue
    total += counts[codePoint]
    sorted.push([codePoint, counts[codePoint]])
  }
  sorted.sort((a, b) => b[1] - a[1] || a[0] - b[0])
  const alphabet: number[] = []
  const characterCounts: number[] = []
  let covered = 0
  for (const [codePoint, count] of sorted) {
    if (covered / total >= options.characterCoverage) break
    covered += count
    alphabet.push(codePoint)
    characterCounts.push(count)
  }
  const known = new Set(alphabet)
  for (const piece of options.fixedPieces) {
    for (const character of piece) {
      const codePoint = character.codePointAt(0)!
      if (known.has(codePoint)) continue
      known.add(codePoint)
      alphabet.push(codePoint)
      characterCounts.push(counts[codePoint])
    }
  }
  return { alphabet, characterCounts }
}

/** Writes the fragments as codes. A character outside the alphabet splits a fragment and is dropped. */
function writeBlocks(
  groups: Iterable<FragmentGroup>,
  alphabet: readonly number[],
  options: ResolvedOptions,
  workspace: Workspace | undefined,
) {
  const outside = alphabet.length + 1
  const symbol = alphabet.length + 2
  const codeOf = new Int32Array(CODE_POINTS)
  alphabet.forEach((codePoint, k) => {
    codeOf[codePoint] = k + 1
  })
  const limit = workspace && blockLimit(workspace)
  const file = (kind: string) => workspace && { spill: workspace.spill, name: newName(workspace, kind), limit: limit! }
  const fragments = new BlockWriter(symbol, file('fragments'))
  const followed = options.modelType === 'unigram' ? new BlockWriter(symbol, file('followed')) : undefined
  let part = new Int32Array(64)
  for (const { units, length, count, followers, followerCounts } of groups) {
    if (length > part.length) part = new Int32Array(Math.max(length, 2 * part.length))
    let codes = 0
    const put = () => {
      for (let i = 0; i < codes; i++) fragments.push(part[i])
      fragments.end(count)
    }
    const follow = (code: number, times: number) => {
      if (!followed) return
      for (let i = 0; i < codes; i++) followed.push(part[i])
      followed.push(code)
      followed.end(times)
    }
    for (let i = 0; i < length; i++) {
      const codePoint = codePointAt(units, i, length)
      if (codePoint > 0xffff) i++
      const code = codeOf[codePoint]
      if (code > 0) part[codes++] = code
      else if (codes > 0) {
        put()
        follow(outside, count)
        codes = 0
      }
    }
    if (codes === 0) continue
    put()
    for (let k = 0; k < followers.length; k++) {
      const follower = followers[k]
      const code = follower === LINE_END ? 0 : follower === SYMBOL ? symbol : codeOf[follower] || outside
      follow(code, followerCounts[k])
    }
  }
  return { fragments: fragments.finish(), followed: followed?.finish() }
}

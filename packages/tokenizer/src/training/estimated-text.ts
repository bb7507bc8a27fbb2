/** The text that scores are estimated from: counts of the fragments between which no piece crosses. */
import { type ModelFile, PieceType } from '../sentencepiece/model-file.ts'
import type { Normalizer } from '../sentencepiece/normalizer.ts'
import { longestPrefix, type PieceTrie } from '../sentencepiece/piece-trie.ts'
import { codePointAt } from '../utf8.ts'
import { type Blocks, BlockWriter, savedBlocks } from './blocks.ts'
import type { EstimatedPieces } from './estimated-pieces.ts'
import { LineCounts } from './line-counts.ts'
import type { TrainProgress } from './options.ts'
import { withUserSymbols } from './user-symbols.ts'
import { blockLimit, newName, saveCorpus, type Workspace } from './workspace.ts'

/** Nothing depends on what follows a fragment. */
const NO_FOLLOWER = 0

/**
 * Counts fragments line by line; characters of no piece are dropped. With a workspace, counts that exceed its budget go
 * to disk.
 */
export class EstimatedText {
  private readonly pieces: EstimatedPieces
  private readonly workspace: Workspace | undefined
  private readonly normalizer: Normalizer
  private readonly symbols: PieceTrie | undefined
  private readonly counts: LineCounts | undefined

  /** @param total number of lines for progress; 0: unknown */
  constructor(
    file: ModelFile,
    pieces: EstimatedPieces,
    onProgress: (progress: TrainProgress) => void,
    workspace: Workspace | undefined,
    total: number,
  ) {
    const symbols = [...file.pieces].filter(({ type }) => type === PieceType.userDefined).map(({ piece }) => piece)
    const { trie, normalizer } = withUserSymbols(symbols, file.normalizer, file.trainer.treatWhitespaceAsSuffix)
    this.pieces = pieces
    this.workspace = workspace
    this.normalizer = normalizer
    this.symbols = trie
    if (!this.isComplete) this.counts = new LineCounts({ caller: 'reestimateScores', total, onProgress, workspace })
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
    const { codeOf, inside } = this.pieces
    const symbols = this.symbols
    const { units, length } = this.normalizer.normalize(line, false)
    counts.reserve(length)
    let start = 0
    let before = 0
    const cut = (at: number) => {
      if (at > start) counts.add(units, start, at, NO_FOLLOWER)
      start = at
    }
    for (let at = 0; at < length; ) {
      const symbol = symbols ? longestPrefix(symbols, (index) => units[index], at, length) : 0
      const codePoint = codePointAt(units, at, length)
      const code = symbol > 0 ? undefined : codeOf.get(codePoint)
      const next = at + (symbol || (codePoint > 0xffff ? 2 : 1))
      if (code === undefined) {
        cut(at)
        start = next
      } else if (before > 0 && !inside.has(before * 0x200000 + code)) cut(at)
      before = code ?? 0
      at = next
    }
    cut(length)
  }

  /**
   * @param vocabulary texts that are counted once more, whole
   * @returns the fragments as codes, in the order of the text; none where the lines have no text
   */
  finish(vocabulary: readonly string[]): Blocks {
    const workspace = this.workspace
    if (workspace?.state.corpus) return savedBlocks(workspace.state.corpus.fragments, workspace.spill)
    const counts = this.counts!
    counts.end()
    for (const text of vocabulary) {
      // Each is a line of its own, so that a resumed run passes over it.
      counts.line(text, () => {
        counts.reserve(text.length)
        const units = new Uint16Array(text.length)
        for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i)
        counts.add(units, 0, text.length, NO_FOLLOWER)
      })
    }
    const { codeOf, characters } = this.pieces
    const file = workspace && {
      spill: workspace.spill,
      name: newName(workspace, 'fragments'),
      limit: blockLimit(workspace),
    }
    const groups = counts.groups()
    const writer = new BlockWriter(characters.length, file)
    for (const { units, length, count } of groups) {
      for (let i = 0; i < length; i++) {
        const codePoint = codePointAt(units, i, length)
        if (codePoint > 0xffff) i++
        writer.push(codeOf.get(codePoint)!)
      }
      writer.end(count)
    }
    const blocks = writer.finish()
    if (workspace) saveCorpus(workspace, { alphabet: [], characterCounts: [], fragments: blocks.saved! })
    return blocks
  }
}

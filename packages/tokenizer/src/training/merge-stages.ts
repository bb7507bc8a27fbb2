/** Learns the merges of byte-pair encoding from a text that may be larger than memory. */
import { TokenizerError } from '../tokenizer-error.ts'
import { type Blocks, BlockWriter, type SavedBlocks } from './blocks.ts'
import type { Corpus } from './corpus.ts'
import { Merger } from './merger.ts'
import type { ResolvedOptions } from './options.ts'
import { PairQueue } from './pair-queue.ts'
import { hashOf, PairTable } from './pair-table.ts'
import { Sequences } from './sequences.ts'
import { ByteSource, fileSink } from './spill.ts'
import { Symbols } from './symbols.ts'
import { blockLimit, newName, type Workspace } from './workspace.ts'

/** A pair that occurs only once is not merged. */
const LEAST_COUNT = 2
/** Merges between two checkpoints on disk. */
const KEPT_EVERY = 2000

/**
 * The texts of the merged symbols, in the order they were learnt.
 *
 * While only pairs with a count of at least `least` are merged, no merge ever crosses a border between two symbols
 * whose context occurs around fewer than `least` borders, since those counts only decrease. The text is therefore cut
 * there, which leaves a small number of frequent sequences. Where those for `least = 2` do not fit in memory, a higher
 * threshold is used: merging goes on until no pair is that frequent, then the merges learnt are applied to the text,
 * and it is cut and counted again with a lower threshold. The result is the same merges in the same order.
 * @param wanted number of merged symbols
 */
export function learnMerges(
  corpus: Corpus,
  options: ResolvedOptions,
  taken: ReadonlySet<string>,
  wanted: number,
  workspace?: Workspace,
): string[] {
  const symbols = new Symbols(corpus.alphabet)
  const found = new Set<string>()
  const note = (symbol: number) => {
    // Another pair may have produced the same text before.
    const text = symbols.texts[symbol]
    if (taken.has(text) || found.has(text)) return
    found.add(text)
    if (found.size % 1000 === 0) options.onProgress({ phase: 'merge', done: found.size, total: wanted })
  }
  for (const symbol of keptMerges(symbols, workspace)) note(symbol)
  let text = corpus.fragments
  let applied = 0
  let least = LEAST_COUNT
  while (found.size < wanted) {
    const before = symbols.merged.length
    if (workspace && before > applied) {
      text = rewritten(text, symbols, applied, workspace)
      applied = before
    }
    const stage = mergeStage(text, symbols, corpus.spaceCode, options, least, workspace, (symbol) => {
      note(symbol)
      if (workspace && symbols.merged.length % KEPT_EVERY === 0) keepMerges(symbols, workspace)
      return found.size < wanted
    })
    workspace?.spill.collect()
    if (workspace) keepMerges(symbols, workspace)
    if (found.size >= wanted || (stage.least === LEAST_COUNT && !stage.isFull)) break
    if (symbols.merged.length === before) throw tooLittle(text, stage.least, workspace!)
    least = stage.isFull ? higher(stage.least) : Math.max(LEAST_COUNT, Math.floor(stage.least / 4))
  }
  return [...found]
}

function tooLittle({ codes }: Blocks, least: number, { budget }: Workspace) {
  const mebibytes = (bytes: number) => Math.ceil(bytes / 2 ** 20)
  return new TokenizerError(
    `train: memory is too little for BPE on this text (${mebibytes(budget)} MiB for arrays): only the places of pairs that occur ${least} times fit, and ` +
      `no pair does any more; give more (everything fits in ${mebibytes((codes * bytesPerSymbol) / 0.85)} MiB), or a smaller vocabSize`,
    { option: 'memory' },
  )
}

/** The text rewritten by the merges from number `applied` on. */
function rewritten(text: Blocks, symbols: Symbols, applied: number, workspace: Workspace): Blocks {
  const { spill, state } = workspace
  const writer = new BlockWriter(symbols.texts.length, {
    spill,
    name: newName(workspace, 'merged'),
    limit: blockLimit(workspace),
  })
  const held = new Int32Array(text.longest)
  for (const { codes, starts, counts, size } of text) {
    for (let f = 0; f < size; f++) {
      held.set(codes.subarray(starts[f], starts[f + 1] - 1))
      const length = symbols.apply(held, starts[f + 1] - 1 - starts[f], applied)
      // A single symbol has no pairs left to merge.
      if (length === 1) continue
      for (let i = 0; i < length; i++) writer.push(held[i])
      writer.end(counts[f])
    }
  }
  const old = (text as { saved?: SavedBlocks }).saved?.name
  const result = writer.finish()
  if (old !== undefined && old !== state.corpus?.fragments.name) spill.remove(old)
  return result
}

/**
 * Memory per symbol of the text: sequences with their starts, counts and hash table, the merger's arrays, and the
 * pairs.
 */
const bytesPerSymbol = 4 + (4 + 8 + 8) / 3 + Merger.BYTES + (PairTable.BYTES + PairQueue.BYTES) / 4

/**
 * One stage: cuts the text, counts its sequences in memory, and merges pairs.
 * @param least lowest count of a pair to merge; raised where the sequences do not fit
 * @param merged called after each merge; returns whether to go on
 * @returns the threshold that was used, and whether the stage ended because the table of pairs was full
 */
function mergeStage(
  text: Blocks,
  symbols: Symbols,
  spaceCode: number,
  options: ResolvedOptions,
  least: number,
  workspace: Workspace | undefined,
  merged: (symbol: number) => boolean,
): { least: number; isFull: boolean } {
  const capacity = workspace && Math.max(64, Math.floor((workspace.budget * 0.85) / bytesPerSymbol))
  const mostPairs = capacity === undefined ? Number.POSITIVE_INFINITY : Math.ceil(capacity / 4)
  let borders: Borders | undefined = new Borders(text, symbols, workspace?.budget)
  const { most } = borders
  for (;;) {
    const sequences = new Sequences(capacity)
    if (fill(sequences, text, borders, least)) {
      sequences.close()
      borders = undefined
      workspace?.spill.collect()
      const merger = new Merger(sequences, symbols, spaceCode, options, least, mostPairs)
      let any = false
      while (!merger.isFull) {
        const symbol = merger.merge()
        if (symbol < 0 || !merged(symbol)) return { least, isFull: false }
        any = true
      }
      // The table of pairs is full: the merges so far are valid, the next stage goes on from them.
      if (any) return { least, isFull: true }
    }
    workspace?.spill.collect()
    if (least > most) return { least, isFull: true }
    least = higher(least)
    borders ??= new Borders(text, symbols, workspace?.budget)
  }
}

function higher(least: number): number {
  return Math.max(least + 1, Math.ceil(least * 1.6))
}

/** Cuts the text at rare borders and counts the sequences between. @returns false where they do not fit */
function fill(sequences: Sequences, text: Blocks, borders: Borders, least: number): boolean {
  for (const { codes, starts, counts, size } of text) {
    for (let f = 0; f < size; f++) {
      const end = starts[f + 1] - 1
      for (let from = starts[f]; from < end; ) {
        let to = from + 1
        while (to < end && borders.count(codes[to - 1], codes[to]) >= least) to++
        // A single symbol has no pairs.
        if (to - from > 1 && !sequences.add(codes, from, to - from, counts[f])) return false
        from = to
      }
    }
  }
  return true
}

/** Counters saturate at this value, which then means "unknown, at least this". */
const MOST = 2 ** 32 - 1

function countOf(counter: number): number {
  return counter === MOST ? Number.POSITIVE_INFINITY : counter
}

/**
 * Counts of the contexts of borders between symbols: one or two characters before the border and one or two after it.
 * The counters are hashed, so a count is exact or too high, never too low. A pair merged across a border contains the
 * symbols on both sides, so it cannot occur more often than the border's context.
 */
class Borders {
  /** The largest count. */
  most = 0
  private readonly counts: Uint32Array
  private readonly symbols: Symbols

  constructor(text: Blocks, symbols: Symbols, budget = Number.POSITIVE_INFINITY) {
    this.symbols = symbols
    let counters = 64
    while (counters < 2 ** 26 && counters < 4 * text.codes && counters * 2 * 4 <= budget / 4) counters *= 2
    this.counts = new Uint32Array(counters)
    const isLater = symbols.merged.length > 0
    const add = (a: number, b: number, c: number, d: number, count: number) => {
      const counter = this.counter(a, b, c, d)
      this.counts[counter] = Math.min(MOST, this.counts[counter] + count)
    }
    const { codes: codesOf } = symbols
    for (const { codes, starts, counts, size } of text) {
      for (let f = 0; f < size; f++) {
        const count = counts[f]
        const end = starts[f + 1] - 1
        for (let i = starts[f] + 1; i < end; i++) {
          const left = codesOf[codes[i - 1]]
          const right = codesOf[codes[i]]
          const b = left[left.length - 1]
          const c = right[0]
          add(0, b, c, 0, count)
          // In the first stage every symbol is one character, so only contexts (b, c) are looked up.
          if (!isLater) continue
          const other = left.length > 1 ? left : i - 1 > starts[f] ? codesOf[codes[i - 2]] : undefined
          const a = other === undefined ? 0 : other === left ? left[left.length - 2] : other[other.length - 1]
          const d = right.length > 1 ? right[1] : i + 1 < end ? codesOf[codes[i + 1]][0] : 0
          if (a > 0) add(a, b, c, 0, count)
          if (d > 0) add(0, b, c, d, count)
          if (a > 0 && d > 0) add(a, b, c, d, count)
        }
      }
    }
    for (const count of this.counts) this.most = Math.max(this.most, countOf(count))
  }

  /** Upper bound of the number of merges across a border between two symbols. */
  count(left: number, right: number): number {
    const one = this.symbols.codes[left]
    const other = this.symbols.codes[right]
    const a = one.length > 1 ? one[one.length - 2] : 0
    const d = other.length > 1 ? other[1] : 0
    return countOf(this.counts[this.counter(a, one[one.length - 1], other[0], d)])
  }

  private counter(a: number, b: number, c: number, d: number): number {
    return (hashOf(b, c) ^ (a === 0 && d === 0 ? 0 : hashOf(a, d + 0x200000))) & (this.counts.length - 1)
  }
}

function keepMerges(symbols: Symbols, workspace: Workspace): void {
  const { state, spill } = workspace
  const old = state.merges?.name
  const name = newName(workspace, 'merges')
  const sink = fileSink(spill.write(name), 1 << 12)
  symbols.merged.forEach((_, k) => {
    sink.varint(symbols.lefts[k])
    sink.varint(symbols.rights[k])
  })
  sink.end()
  state.merges = { name, count: symbols.merged.length }
  workspace.save()
  if (old !== undefined) spill.remove(old)
}

/** Replays the merges of a checkpoint. @returns the merged symbols */
function* keptMerges(symbols: Symbols, workspace: Workspace | undefined): Generator<number> {
  const kept = workspace?.state.merges
  if (!kept) return
  const source = new ByteSource(workspace.spill.read(kept.name), 1 << 12)
  for (let k = 0; k < kept.count; k++) {
    const left = source.varint()
    yield symbols.merge(left, source.varint())
  }
  source.close()
}

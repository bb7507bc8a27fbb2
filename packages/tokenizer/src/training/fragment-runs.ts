/** Sorted runs of fragment counts on disk, and their k-way merge. */
import type { CountedText } from './fragment-counts.ts'
import { ByteSource, fileSink, type Spill } from './spill.ts'

/** Read buffer of a file, in bytes. */
export const BUFFER_BYTES = 1 << 16
const LEAST_BUFFER = 256

/** Number of files that are merged at once under a budget in bytes. */
export function fanIn(budget: number): number {
  return Math.max(2, Math.min(64, Math.floor(budget / 4 / BUFFER_BYTES)))
}

export function bufferBytes(budget: number): number {
  return Math.max(LEAST_BUFFER, Math.min(BUFFER_BYTES, Math.floor(budget / 16)))
}

/** Writes a run of sorted texts. */
export function writeRun(texts: Iterable<CountedText>, spill: Spill, name: string, budget: number): void {
  const sink = fileSink(spill.write(name), bufferBytes(budget))
  for (const { units, from, length, follower, count, first } of texts) {
    sink.varint(length)
    for (let i = from; i < from + length; i++) sink.varint(units[i])
    sink.varint(follower)
    sink.varint(count)
    sink.varint(first)
  }
  sink.end()
}

/** A run being read: its current text. */
class Run implements CountedText {
  units = new Uint16Array(64)
  readonly from = 0
  length = 0
  follower = 0
  count = 0
  first = 0
  private readonly source: ByteSource

  constructor(spill: Spill, name: string, budget: number) {
    this.source = new ByteSource(spill.read(name), bufferBytes(budget))
  }

  /** @returns false at the end */
  next(): boolean {
    const source = this.source
    if (source.ended()) {
      source.close()
      return false
    }
    const length = source.varint()
    if (length > this.units.length) this.units = new Uint16Array(Math.max(length, 2 * this.units.length))
    for (let i = 0; i < length; i++) this.units[i] = source.varint()
    this.length = length
    this.follower = source.varint()
    this.count = source.varint()
    this.first = source.varint()
    return true
  }
}

/**
 * The texts of several runs in order, each once with the sum of its counts. More runs than may be open at once are
 * merged into larger ones first. The yielded object is reused.
 * @param onMerged called when a new run replaces others, which may then be removed
 */
export function mergeRuns(
  runs: readonly string[],
  spill: Spill,
  budget: number,
  newName: () => string,
  onMerged: (old: readonly string[], name: string) => void,
): Generator<CountedText> {
  const most = fanIn(budget)
  const names = [...runs]
  while (names.length > most) {
    const some = names.splice(0, Math.min(most, names.length - most + 1))
    const name = newName()
    writeRun(mergeSome(some, spill, budget), spill, name, budget)
    names.push(name)
    onMerged(some, name)
  }
  return mergeSome(names, spill, budget)
}

function* mergeSome(names: readonly string[], spill: Spill, budget: number): Generator<CountedText> {
  const heap = new RunHeap()
  for (const name of names) {
    const run = new Run(spill, name, budget)
    if (run.next()) heap.push(run)
  }
  const merged: CountedText = { units: new Uint16Array(64), from: 0, length: 0, follower: 0, count: 0, first: 0 }
  while (heap.runs.length > 0) {
    const { units, length, follower, count, first } = heap.runs[0]
    if (length > merged.units.length) merged.units = new Uint16Array(Math.max(length, 2 * merged.units.length))
    merged.units.set(units.subarray(0, length))
    merged.length = length
    merged.follower = follower
    merged.count = count
    merged.first = first
    heap.advance()
    while (heap.runs.length > 0 && compare(heap.runs[0], merged) === 0) {
      merged.count += heap.runs[0].count
      merged.first = Math.min(merged.first, heap.runs[0].first)
      heap.advance()
    }
    yield merged
  }
}

/** A min-heap of runs by their current text. */
class RunHeap {
  readonly runs: Run[] = []

  push(run: Run): void {
    this.runs.push(run)
    let at = this.runs.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (compare(this.runs[parent], run) <= 0) break
      this.runs[at] = this.runs[parent]
      at = parent
    }
    this.runs[at] = run
  }

  /** Advances the top run to its next text and restores the heap. */
  advance(): void {
    const { runs } = this
    const goesOn = runs[0].next()
    // The last run replaces one that has ended (possibly itself).
    const run = goesOn ? runs[0] : runs.pop()!
    if (goesOn || runs.length > 0) this.sink(run)
  }

  private sink(run: Run): void {
    const { runs } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= runs.length) break
      if (child + 1 < runs.length && compare(runs[child + 1], runs[child]) < 0) child++
      if (compare(run, runs[child]) <= 0) break
      runs[at] = runs[child]
      at = child
    }
    runs[at] = run
  }
}

function compare(a: CountedText, b: CountedText): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = a.units[a.from + i] - b.units[b.from + i]
    if (difference !== 0) return difference
  }
  return a.length - b.length || a.follower - b.follower
}

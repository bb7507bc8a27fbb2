/** Fragments with all their followers, sorted by first occurrence. */
import type { CountedText } from './fragment-counts.ts'
import { bufferBytes, fanIn } from './fragment-runs.ts'
import { numbersTo, sortTexts } from './sort-codes.ts'
import { ByteSink, ByteSource, fileSink, type Spill } from './spill.ts'

/** A fragment with its followers and their counts. */
export type FragmentGroup = {
  units: Uint16Array
  length: number
  count: number
  /** Index of the fragment's first occurrence; unique. */
  first: number
  followers: number[]
  followerCounts: number[]
}

function emptyGroup(): FragmentGroup {
  return { units: new Uint16Array(64), length: 0, count: 0, first: 0, followers: [], followerCounts: [] }
}

/** Groups consecutive entries of the same text. The yielded object is reused. */
export function* grouped(texts: Iterable<CountedText>): Generator<FragmentGroup> {
  const group = emptyGroup()
  for (const text of texts) {
    if (group.count > 0 && !isText(group, text)) {
      yield group
      group.count = 0
    }
    if (group.count === 0) {
      if (text.length > group.units.length) group.units = new Uint16Array(Math.max(text.length, 2 * group.units.length))
      group.units.set(text.units.subarray(text.from, text.from + text.length))
      group.length = text.length
      group.first = text.first
      group.followers.length = 0
      group.followerCounts.length = 0
    }
    group.count += text.count
    group.first = Math.min(group.first, text.first)
    group.followers.push(text.follower)
    group.followerCounts.push(text.count)
  }
  if (group.count > 0) yield group
}

function isText(group: FragmentGroup, { units, from, length }: CountedText): boolean {
  if (length !== group.length) return false
  for (let i = 0; i < length; i++) if (units[from + i] !== group.units[i]) return false
  return true
}

/** Sorts groups by first occurrence: an external merge sort where they exceed the budget. */
export class GroupOrder {
  private readonly budget: number
  private readonly spill: Spill | undefined
  private readonly newName: () => string
  private readonly runs: string[] = []
  private readonly sink: ByteSink
  private readonly limit: number
  private starts: Float64Array
  private firsts: Float64Array
  private size = 0

  /**
   * @param budget bytes; unused without `spill`
   * @param spill undefined: everything is kept in memory
   */
  constructor(budget: number, spill: Spill | undefined, newName: () => string) {
    this.budget = budget
    this.spill = spill
    this.newName = newName
    this.limit = spill ? Math.max(64, Math.floor(budget / 2)) : Number.POSITIVE_INFINITY
    this.sink = new ByteSink(spill ? this.limit : 1 << 16)
    const entries = spill ? Math.max(4, Math.floor(budget / 48)) : 1 << 12
    this.starts = new Float64Array(entries)
    this.firsts = new Float64Array(entries)
  }

  add(group: FragmentGroup): void {
    const sink = this.sink
    if (this.spill && this.size > 0) {
      const most = group.length * 3 + group.followers.length * 12 + 32
      if (this.size === this.starts.length || sink.size + most > this.limit) this.flush(this.spill)
    }
    if (this.size === this.starts.length) {
      const larger = (from: Float64Array) => {
        const to = new Float64Array(from.length * 2)
        to.set(from)
        return to
      }
      this.starts = larger(this.starts)
      this.firsts = larger(this.firsts)
    }
    this.starts[this.size] = sink.size
    this.firsts[this.size++] = group.first
    write(sink, group)
  }

  /** The groups in order. The yielded object is reused; `add` may not be called afterwards. */
  *inOrder(): Generator<FragmentGroup> {
    const spill = this.spill
    if (!spill || this.runs.length === 0) {
      yield* this.sorted()
      return
    }
    this.flush(spill)
    const most = fanIn(this.budget)
    while (this.runs.length > most) {
      const some = this.runs.splice(0, Math.min(most, this.runs.length - most + 1))
      this.runs.push(this.write(mergeGroups(some, spill, this.budget), spill))
      for (const old of some) spill.remove(old)
    }
    yield* mergeGroups(this.runs, spill, this.budget)
    for (const run of this.runs) spill.remove(run)
  }

  private flush(spill: Spill): void {
    if (this.size === 0) return
    this.runs.push(this.write(this.sorted(), spill))
    this.size = 0
    this.sink.size = 0
  }

  private write(groups: Iterable<FragmentGroup>, spill: Spill): string {
    const name = this.newName()
    const sink = fileSink(spill.write(name), bufferBytes(this.budget))
    for (const group of groups) write(sink, group)
    sink.end()
    return name
  }

  private *sorted(): Generator<FragmentGroup> {
    const order = numbersTo(this.size)
    const firsts = this.firsts
    sortTexts(order, this.size, (k, depth) =>
      depth === 0 ? Math.floor(firsts[k] / 2 ** 26) : depth === 1 ? firsts[k] % 2 ** 26 : -1,
    )
    const source = new ByteSource(this.sink.bytes)
    const group = emptyGroup()
    for (const k of order) {
      source.seek(this.starts[k])
      read(source, group)
      yield group
    }
  }
}

function write(sink: ByteSink, group: FragmentGroup): void {
  sink.varint(group.length)
  for (let i = 0; i < group.length; i++) sink.varint(group.units[i])
  sink.varint(group.count)
  sink.varint(group.first)
  sink.varint(group.followers.length)
  for (let k = 0; k < group.followers.length; k++) {
    sink.varint(group.followers[k])
    sink.varint(group.followerCounts[k])
  }
}

function read(source: ByteSource, group: FragmentGroup): void {
  const length = source.varint()
  if (length > group.units.length) group.units = new Uint16Array(Math.max(length, 2 * group.units.length))
  for (let i = 0; i < length; i++) group.units[i] = source.varint()
  group.length = length
  group.count = source.varint()
  group.first = source.varint()
  const followers = source.varint()
  group.followers.length = followers
  group.followerCounts.length = followers
  for (let k = 0; k < followers; k++) {
    group.followers[k] = source.varint()
    group.followerCounts[k] = source.varint()
  }
}

/** Merges the groups of several sorted files. */
function* mergeGroups(names: readonly string[], spill: Spill, budget: number): Generator<FragmentGroup> {
  const open = names.map((name) => ({
    source: new ByteSource(spill.read(name), bufferBytes(budget)),
    group: emptyGroup(),
  }))
  const advance = ({ source, group }: (typeof open)[number]) => {
    if (source.ended()) {
      source.close()
      return false
    }
    read(source, group)
    return true
  }
  let live = open.filter(advance)
  while (live.length > 0) {
    // A linear scan: at most `fanIn` files are open.
    let least = live[0]
    for (const one of live) if (one.group.first < least.group.first) least = one
    yield least.group
    if (!advance(least)) live = live.filter((one) => one !== least)
  }
}

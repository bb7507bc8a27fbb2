/** The sorted suffixes of a text that may be larger than memory, in blocks. */
import type { Blocks } from './blocks.ts'
import { sortTexts } from './sort-codes.ts'

/** Markers for the end of a line and the end of a suffix; both sort before every code `c`, stored here as `c + 1`. */
const LINE_END = 0
const END = 1
/** Integers in front of the codes of a suffix: its weight in two parts, and its length. */
const HEAD = 3
const WEIGHT = 2 ** 31
/** Smallest size of a suffix in integers: head, one code, follower, end. */
const LEAST = HEAD + 3

/** Suffix k starts at `codes[order[k]]`. Suffixes are sorted within a block and from block to block. */
export type SuffixBlock = { codes: Int32Array; order: Int32Array; size: number }

/** Length of a suffix in codes, without its follower; lengths above the longest piece are stored as that plus 1. */
export function lengthOf(block: SuffixBlock, at: number): number {
  return block.codes[at - 1]
}

/** Number of occurrences of a suffix. */
export function weightOf(block: SuffixBlock, at: number): number {
  return block.codes[at - 3] + block.codes[at - 2] * WEIGHT
}

/**
 * Suffixes that begin with `prefix` followed by a code in `[from, to)`; `to` is -1 where all are equal to full depth.
 */
type Range = { prefix: readonly number[]; from: number; to: number }

/**
 * The sorted suffixes of fragments with their followers, compared to the depth of the longest piece and its follower;
 * the order of equal ones is undefined. Where they do not fit in one block, each pass over the text collects those of
 * one range of prefixes. The yielded block is reused.
 * @param maxCode largest code of the fragments
 * @param longest length of the longest piece in codes
 * @param capacity maximum size of a block in integers
 */
export function* sortedSuffixes(
  followed: Blocks,
  maxCode: number,
  longest: number,
  capacity: number,
): Generator<SuffixBlock> {
  const depth = longest + 2
  let block: SuffixBlock | undefined
  for (const range of ranges(followed, maxCode, depth, capacity, [])) {
    if (range.to < 0) {
      yield together(followed, range.prefix, depth)
      continue
    }
    if (!block) {
      const most = Math.min(capacity, sizeOf(followed, depth))
      block = { codes: new Int32Array(most), order: new Int32Array(Math.ceil(most / LEAST)), size: 0 }
    }
    gather(followed, range, depth, block)
    const { codes, order } = block
    sortTexts(order, block.size, (at, d) => (d < depth && d < codes[at - 1] + 2 ? codes[at + d] : -1))
    yield block
  }
}

/** Upper bound of the integers that all suffixes take. */
function sizeOf(followed: Blocks, depth: number): number {
  return followed.codes * (HEAD + depth)
}

/** Visits the suffixes that begin with a prefix. */
function eachSuffix(
  followed: Blocks,
  prefix: readonly number[],
  use: (codes: Int32Array, at: number, end: number, count: number) => void,
): void {
  const given = prefix.length
  for (const { codes, starts, counts, size } of followed) {
    for (let f = 0; f < size; f++) {
      // After the fragment come its follower and the terminating 0.
      const end = starts[f + 1] - 2
      for (let at = starts[f]; at < end; at++) {
        let k = 0
        while (k < given && at + k < end + 2 && codeAt(codes, at + k, end) === prefix[k]) k++
        if (k === given) use(codes, at, end, counts[f])
      }
    }
  }
}

function codeAt(codes: Int32Array, at: number, end: number): number {
  return at > end ? END : at === end && codes[at] === 0 ? LINE_END : codes[at] + 1
}

/** Sorted ranges of prefixes whose suffixes fit in a block; prefixes with too many suffixes are extended. */
function* ranges(
  followed: Blocks,
  maxCode: number,
  depth: number,
  capacity: number,
  prefix: readonly number[],
): Generator<Range> {
  const numbers = new Float64Array(maxCode + 2)
  const given = prefix.length
  eachSuffix(followed, prefix, (codes, at, end) => {
    if (at + given > end + 1) return
    numbers[codeAt(codes, at + given, end)] += HEAD + Math.min(end - at + 2, depth)
  })
  let from = 0
  let sum = 0
  for (let code = 0; code < numbers.length; code++) {
    if (numbers[code] === 0) continue
    if (sum > 0 && sum + numbers[code] > capacity) {
      yield { prefix, from, to: code }
      from = code
      sum = 0
    }
    if (numbers[code] <= capacity) {
      sum += numbers[code]
      continue
    }
    const deeper = [...prefix, code]
    // Nothing is compared past the end.
    if (deeper.length === depth || (code === END && given > 0)) yield { prefix: deeper, from: 0, to: -1 }
    else yield* ranges(followed, maxCode, depth, capacity, deeper)
    from = code + 1
  }
  if (sum > 0) yield { prefix, from, to: numbers.length }
}

function gather(followed: Blocks, { prefix, from, to }: Range, depth: number, block: SuffixBlock): void {
  const { codes: text, order } = block
  const given = prefix.length
  let used = 0
  let size = 0
  eachSuffix(followed, prefix, (codes, at, end, count) => {
    if (at + given > end + 1) return
    const next = codeAt(codes, at + given, end)
    if (next < from || next >= to) return
    used = put(text, used, codes, at, end, count, depth)
    order[size++] = used - Math.min(end - at + 2, depth)
  })
  block.size = size
}

/** Writes a suffix. @returns where the next one goes */
function put(
  text: Int32Array,
  used: number,
  codes: Int32Array,
  at: number,
  end: number,
  count: number,
  depth: number,
): number {
  text[used++] = count % WEIGHT
  text[used++] = Math.floor(count / WEIGHT)
  text[used++] = Math.min(end - at, depth - 1)
  const last = Math.min(end, at + depth)
  for (let i = at; i < last; i++) text[used++] = codes[i] + 1
  if (last === at + depth) return used
  text[used++] = codes[end] === 0 ? LINE_END : codes[end] + 1
  if (end + 1 < at + depth) text[used++] = END
  return used
}

/** All suffixes with one prefix as a single one: they are equal to the depth compared. */
function together(followed: Blocks, prefix: readonly number[], depth: number): SuffixBlock {
  const text = new Int32Array(HEAD + depth)
  let weight = 0
  eachSuffix(followed, prefix, (codes, at, end, count) => {
    weight += count
    put(text, 0, codes, at, end, weight, depth)
  })
  return { codes: text, order: Int32Array.of(HEAD), size: 1 }
}

/**
 * Counts of fragments by the character that follows them: an open-addressing hash table in typed arrays of known size.
 */
import { larger } from './larger-array.ts'
import { numbersTo, sortTexts } from './sort-codes.ts'

/** Bytes of an entry without its text and its hash slots. */
const ENTRY_BYTES = 32
const SLOT_BYTES = 4
/** Maximum load factor. */
const LOAD = 0.75

/** A fragment with one follower and its count. */
export type CountedText = {
  units: Uint16Array
  from: number
  length: number
  /** The code point that follows, or a marker for the end of the line or a user-defined symbol. */
  follower: number
  count: number
  /** Index of its first occurrence among all fragments read. */
  first: number
}

/** Counts of (fragment, follower) pairs. Grows, or with a limit in bytes reports that it is full. */
export class FragmentCounts {
  size = 0
  private readonly mayGrow: boolean
  private units: Uint16Array
  private used = 0
  private at: Float64Array
  private length: Int32Array
  private follower: Int32Array
  private count: Float64Array
  private first: Float64Array
  private slots: Int32Array

  /** @param bytes limit for all arrays together; undefined: they grow as needed */
  constructor(bytes: number | undefined) {
    this.mayGrow = bytes === undefined
    let slots = 1 << 12
    if (bytes !== undefined) {
      while (slots > 16 && slots * (SLOT_BYTES + LOAD * ENTRY_BYTES) > 0.65 * bytes) slots >>= 1
      while (slots < 2 ** 29 && slots * 2 * (SLOT_BYTES + LOAD * ENTRY_BYTES) <= 0.65 * bytes) slots *= 2
    }
    const entries = Math.floor(slots * LOAD)
    const units = bytes === undefined ? 1 << 14 : (bytes - slots * SLOT_BYTES - entries * ENTRY_BYTES) / 2
    this.units = new Uint16Array(Math.max(32, Math.floor(units)))
    this.at = new Float64Array(entries)
    this.length = new Int32Array(entries)
    this.follower = new Int32Array(entries)
    this.count = new Float64Array(entries)
    this.first = new Float64Array(entries)
    this.slots = new Int32Array(slots)
  }

  /** Whether texts of `units` UTF-16 units in total fit, however they are cut. */
  hasRoomFor(units: number): boolean {
    return this.mayGrow || (this.used + units <= this.units.length && this.size + units <= this.at.length)
  }

  /** Increments the count of `units[from..to)`. @returns false where the table is full */
  add(units: Uint16Array, from: number, to: number, follower: number, first: number): boolean {
    const length = to - from
    let hash = Math.imul(follower, 0x9e3779b1)
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ units[i], 0x85ebca6b) ^ (hash >>> 13)
    hash ^= hash >>> 16
    const pool = this.units
    const slots = this.slots
    const mask = slots.length - 1
    let slot = hash & mask
    for (let entry = slots[slot]; entry !== 0; entry = slots[(slot = (slot + 1) & mask)]) {
      const k = entry - 1
      if (this.length[k] !== length || this.follower[k] !== follower) continue
      const at = this.at[k]
      let i = 0
      while (i < length && pool[at + i] === units[from + i]) i++
      if (i < length) continue
      this.count[k]++
      return true
    }
    if (this.size === this.at.length || this.used + length > pool.length) {
      // An empty table grows past its limit for a single text that is longer than all of it.
      if (!this.mayGrow && this.size > 0) return false
      this.grow(length)
      return this.add(units, from, to, follower, first)
    }
    const k = this.size++
    pool.set(units.subarray(from, to), this.used)
    this.at[k] = this.used
    this.used += length
    this.length[k] = length
    this.follower[k] = follower
    this.count[k] = 1
    this.first[k] = first
    slots[slot] = k + 1
    return true
  }

  clear(): void {
    this.size = 0
    this.used = 0
    this.slots.fill(0)
  }

  /** The entries sorted by text, then by follower. The yielded object is reused. */
  *sorted(): Generator<CountedText> {
    const order = numbersTo(this.size)
    const units = this.units
    const at = this.at
    const lengths = this.length
    const followers = this.follower
    sortTexts(order, this.size, (k, depth) => {
      const length = lengths[k]
      // The follower is compared at the end of the text; units are offset above all followers, so that equal texts stay
      // together.
      return depth < length ? units[at[k] + depth] + 0x400000 : depth === length ? followers[k] : -1
    })
    const entry: CountedText = { units, from: 0, length: 0, follower: 0, count: 0, first: 0 }
    for (const k of order) {
      entry.from = at[k]
      entry.length = lengths[k]
      entry.follower = followers[k]
      entry.count = this.count[k]
      entry.first = this.first[k]
      yield entry
    }
  }

  private grow(length: number): void {
    if (this.used + length > this.units.length)
      this.units = larger(this.units, Math.max(this.units.length * 2, this.used + length))
    if (this.size < this.at.length) return
    const entries = this.at.length * 2
    this.at = larger(this.at, entries)
    this.length = larger(this.length, entries)
    this.follower = larger(this.follower, entries)
    this.count = larger(this.count, entries)
    this.first = larger(this.first, entries)
    const slots = new Int32Array(this.slots.length * 2)
    const mask = slots.length - 1
    for (let k = 0; k < this.size; k++) {
      let hash = Math.imul(this.follower[k], 0x9e3779b1)
      const from = this.at[k]
      for (let i = from; i < from + this.length[k]; i++)
        hash = Math.imul(hash ^ this.units[i], 0x85ebca6b) ^ (hash >>> 13)
      hash ^= hash >>> 16
      let slot = hash & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = k + 1
    }
    this.slots = slots
  }
}

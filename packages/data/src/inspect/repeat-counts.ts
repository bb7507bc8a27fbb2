/**
 * Counts duplicate documents in bounded memory: exactly up to a million distinct ones, beyond that from a sample of the
 * distinct documents by hash, each with all of its copies.
 * @see Gibbons 2001, Distinct Sampling for Highly-Accurate Answers to Distinct Values Queries, VLDB
 */
export class RepeatCounts {
  private readonly most: number
  private readonly copies = new Map<number, number>()
  /** The sample has the hashes whose lowest `level` bits are 0. */
  private level = 0

  constructor(most = 1_000_000) {
    this.most = most
  }

  /** @param hash 53 bits of a hash of the document, as an integer */
  add(hash: number): void {
    if (hash % 2 ** this.level !== 0) return
    this.copies.set(hash, (this.copies.get(hash) ?? 0) + 1)
    while (this.copies.size > this.most) {
      this.level++
      const unit = 2 ** this.level
      for (const one of this.copies.keys()) if (one % unit !== 0) this.copies.delete(one)
    }
  }

  /** Share of documents that repeat an earlier one, number of distinct documents, and whether these are estimates. */
  summary(): { readonly share: number; readonly different: number; readonly estimated: boolean } {
    let all = 0
    for (const count of this.copies.values()) all += count
    const different = this.copies.size
    return {
      share: all === 0 ? 0 : (all - different) / all,
      different: different * 2 ** this.level,
      estimated: this.level > 0,
    }
  }
}

/** A 53-bit hash of UTF-16 units or ids, from two 32-bit hashes in the manner of FNV-1a. */
export function hashOf(units: string | ArrayLike<number>): number {
  let a = 0x811c9dc5
  let b = 0x01000193
  for (let i = 0; i < units.length; i++) {
    const unit = typeof units === 'string' ? units.charCodeAt(i) : units[i]
    a = Math.imul(a ^ unit, 0x01000193)
    b = Math.imul(b ^ (unit + 0x9e37), 0x85ebca6b)
    b ^= b >>> 15
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b)
  a ^= a >>> 13
  return (a >>> 0) * 2 ** 21 + (b >>> 11)
}

/** The merges of a BPE model, from a pair of ids to rank and merged id: open addressing in typed arrays. */
export class MergeTable {
  /** By rank: the id of the merged token. */
  readonly merged: Int32Array
  private readonly mask: number
  private readonly left: Int32Array
  private readonly right: Int32Array
  /** Rank + 1, 0 where the slot is free. */
  private readonly rank: Int32Array

  /** @param size the number of merges */
  constructor(size: number) {
    let capacity = 16
    while (capacity < size * 2) capacity *= 2
    this.mask = capacity - 1
    this.left = new Int32Array(capacity)
    this.right = new Int32Array(capacity)
    this.rank = new Int32Array(capacity)
    this.merged = new Int32Array(size)
  }

  /** Sets the rank of a pair, replacing an earlier one. */
  set(left: number, right: number, rank: number, merged: number): void {
    const slot = this.slot(left, right)
    this.left[slot] = left
    this.right[slot] = right
    this.rank[slot] = rank + 1
    this.merged[rank] = merged
  }

  /** The rank of a pair, or -1 where it does not merge. */
  rankOf(left: number, right: number): number {
    return this.rank[this.slot(left, right)] - 1
  }

  private slot(left: number, right: number): number {
    let h = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
    h = (h ^ (h >>> 15)) & this.mask
    while (this.rank[h] !== 0 && (this.left[h] !== left || this.right[h] !== right)) h = (h + 1) & this.mask
    return h
  }
}

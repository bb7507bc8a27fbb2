/**
 * A segmentation of normalised text: piece i has the id `ids[i]` and ends before unit `ends[i]`. Buffers are reused.
 */
export class Segments {
  ids = new Int32Array(256)
  ends = new Int32Array(256)
  count = 0
  /** False only where no id is that of the unknown piece. */
  unknown = true

  clear(capacity: number): void {
    this.count = 0
    this.unknown = true
    if (this.ids.length < capacity) this.grow(capacity)
  }

  push(id: number, end: number): void {
    if (this.count === this.ids.length) this.grow(this.count * 2)
    this.ids[this.count] = id
    this.ends[this.count++] = end
  }

  private grow(capacity: number): void {
    const ids = new Int32Array(Math.max(capacity, this.ids.length))
    const ends = new Int32Array(ids.length)
    ids.set(this.ids.subarray(0, this.count))
    ends.set(this.ends.subarray(0, this.count))
    this.ids = ids
    this.ends = ends
  }

  /** Frees buffers of more than `kept` elements. */
  release(kept: number): void {
    if (this.ids.length <= kept) return
    this.ids = new Int32Array(256)
    this.ends = new Int32Array(256)
  }
}

/** Segments normalised text into pieces by a model type. Unknown characters get the id of the unknown piece. */
export type Segmenter = {
  segment(units: Uint16Array, length: number, out: Segments): void
  /** Frees large buffers. */
  release(): void
}

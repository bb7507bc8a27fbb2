/** Counted sequences of codes in blocks: a single one in memory, or several on disk. */
import { TokenizerError } from '../tokenizer-error.ts'
import type { Spill, SpillReader } from './spill.ts'

/** Sequence k is `codes[starts[k] .. starts[k + 1] - 1)`, followed by a 0; it occurs `counts[k]` times. */
export type Block = { codes: Int32Array; starts: Int32Array; counts: Float64Array; size: number }

/** Blocks that can be iterated any number of times. The yielded block is reused: the next one overwrites it. */
export type Blocks = Iterable<Block> & {
  /** Length of the longest sequence in codes, with its terminating 0. */
  longest: number
  /** Total number of codes, with the terminating zeros. */
  codes: number
}

/** The description of blocks on disk from which {@link savedBlocks} reads them. */
export type SavedBlocks = { name: string; longest: number; codes: number; largest: number; most: number; wide: boolean }

function newBlock(codes: number, sequences: number): Block {
  return {
    codes: new Int32Array(codes),
    starts: new Int32Array(sequences + 1),
    counts: new Float64Array(sequences),
    size: 0,
  }
}

/** Writes sequences into blocks. */
export class BlockWriter {
  private block: Block
  private at = 0
  private longest = 0
  private codes = 0
  private largest = 0
  private most = 0
  private readonly limit: number
  private readonly wide: boolean
  private readonly file: { writer: ReturnType<Spill['write']>; name: string; spill: Spill } | undefined

  /**
   * @param maxCode the largest code; up to 0xffff, codes take two bytes on disk
   * @param file file for blocks of at most `limit` codes; undefined: one block in memory
   */
  constructor(maxCode: number, file?: { spill: Spill; name: string; limit: number }) {
    this.wide = maxCode > 0xffff
    this.limit = file ? file.limit : Number.POSITIVE_INFINITY
    this.file = file && { spill: file.spill, name: file.name, writer: file.spill.write(file.name) }
    this.block = newBlock(file ? file.limit : 1 << 14, file ? (file.limit >> 1) + 1 : 1 << 12)
  }

  /** Appends a code to the current sequence. */
  push(code: number): void {
    if (this.at === this.block.codes.length) this.room()
    this.block.codes[this.at++] = code
  }

  /** Length of the current sequence in codes. */
  get length(): number {
    return this.at - this.block.starts[this.block.size]
  }

  /** Ends the current sequence, which must not be empty, with its count. */
  end(count: number): void {
    this.push(0)
    const block = this.block
    if (block.size === block.counts.length) {
      this.block = copied(block, block.codes.length, block.counts.length * 2)
    }
    const length = this.at - this.block.starts[this.block.size]
    this.longest = Math.max(this.longest, length)
    this.codes += length
    this.block.counts[this.block.size++] = count
    this.block.starts[this.block.size] = this.at
    if (this.at >= this.limit) this.flush()
  }

  finish(): Blocks & { saved?: SavedBlocks } {
    const { longest, codes } = { longest: this.longest, codes: this.codes }
    if (!this.file) {
      const { size, ...arrays } = this.block
      const block: Block = {
        codes: arrays.codes.slice(0, this.at),
        starts: arrays.starts.slice(0, size + 1),
        counts: arrays.counts.slice(0, size),
        size,
      }
      return { longest, codes, [Symbol.iterator]: () => [block][Symbol.iterator]() }
    }
    this.flush()
    this.file.writer.close()
    const saved = {
      name: this.file.name,
      longest,
      codes,
      largest: this.largest,
      most: this.most,
      wide: this.wide,
    }
    return savedBlocks(saved, this.file.spill)
  }

  private room(): void {
    const { starts, size } = this.block
    // Finished sequences are flushed first; a single long sequence may still need a larger block.
    if (this.file && size > 0) {
      const rest = this.block.codes.slice(starts[size], this.at)
      this.at = starts[size]
      this.flush()
      this.block.codes.set(rest)
      this.at = rest.length
      if (this.at < this.block.codes.length) return
    }
    this.block = copied(this.block, this.block.codes.length * 2, this.block.counts.length)
  }

  private flush(): void {
    const { codes, starts, counts, size } = this.block
    if (!this.file || size === 0) return
    const { writer } = this.file
    const end = starts[size]
    this.largest = Math.max(this.largest, end)
    this.most = Math.max(this.most, size)
    writer.append(bytesOf(Float64Array.of(end, size)))
    writer.append(bytesOf(counts.subarray(0, size)))
    writer.append(bytesOf(starts.subarray(0, size + 1)))
    writer.append(bytesOf(this.wide ? codes.subarray(0, end) : Uint16Array.from(codes.subarray(0, end))))
    this.block.size = 0
    this.at = 0
  }
}

function copied(block: Block, codes: number, sequences: number): Block {
  const larger = newBlock(codes, sequences)
  larger.codes.set(block.codes)
  larger.starts.set(block.starts)
  larger.counts.set(block.counts)
  larger.size = block.size
  return larger
}

function bytesOf(array: Float64Array | Int32Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** Blocks that a {@link BlockWriter} wrote. */
export function savedBlocks(saved: SavedBlocks, spill: Spill): Blocks & { saved: SavedBlocks } {
  const { name, longest, codes, largest, most, wide } = saved
  return {
    saved,
    longest,
    codes,
    *[Symbol.iterator]() {
      const block = newBlock(largest, most)
      const narrow = wide ? undefined : new Uint16Array(largest)
      const reader = spill.read(name)
      try {
        const header = new Float64Array(2)
        while (readWhole(reader, bytesOf(header))) {
          const [end, size] = header
          const codes = narrow ?? block.codes
          for (const part of [
            block.counts.subarray(0, size),
            block.starts.subarray(0, size + 1),
            codes.subarray(0, end),
          ]) {
            if (!readWhole(reader, bytesOf(part))) throw new TokenizerError(`train: ${name} is truncated; start over`)
          }
          if (narrow) for (let i = 0; i < end; i++) block.codes[i] = narrow[i]
          block.size = size
          yield block
        }
      } finally {
        reader.close()
      }
    },
  }
}

function readWhole(reader: SpillReader, into: Uint8Array): boolean {
  let at = 0
  while (at < into.length) {
    const count = reader.read(into.subarray(at))
    if (count === 0) return false
    at += count
  }
  return true
}

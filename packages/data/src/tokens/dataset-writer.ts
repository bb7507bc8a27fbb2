/** Streaming writer of PREFIX.bin and PREFIX.idx, with 4 bytes per document in memory. Node only. */
import { renameSync, rmSync } from 'node:fs'
import { FileWriter } from './file-writer.ts'
import { encodeIndexHeader, type TokenDtype } from './indexed-dataset.ts'
import { removeSubsets, type TokenSubset, writeSubsets } from './subset-record.ts'

/**
 * Writes both files under temporary names and renames them when both are complete. Each document is one sequence; one
 * without tokens has no sequence, as in Megatron-LM's preprocessing.
 */
export class DatasetWriter {
  private readonly prefix: string
  private readonly bin: FileWriter
  private readonly dtype: TokenDtype
  private readonly bytesPerToken: number
  private lengths = new Int32Array(1024)
  private documents = 0
  private sequences = 0
  private tokens = 0
  private idx: FileWriter | undefined

  /** @throws Error that names a file that cannot be written */
  constructor(prefix: string, dtype: 'uint16' | 'int32') {
    this.prefix = prefix
    this.dtype = dtype
    this.bytesPerToken = dtype === 'uint16' ? 2 : 4
    this.bin = new FileWriter(this.temporary('bin'))
  }

  /** Appends bytes to .bin. */
  write(bytes: Uint8Array): void {
    this.bin.write(bytes)
  }

  /** Ends the current document. @param length its number of tokens, whose bytes have been written */
  endDocument(length: number): void {
    if (this.documents === this.lengths.length) {
      const grown = new Int32Array(2 * this.lengths.length)
      grown.set(this.lengths)
      this.lengths = grown
    }
    this.lengths[this.documents++] = length
    this.tokens += length
    if (length > 0) this.sequences++
  }

  /**
   * Completes both files: when this returns, they are synced to disk under their names.
   * @param subsets origin of the texts, by the total number of tokens, for PREFIX.subsets.json
   */
  close(subsets?: (tokens: number) => readonly TokenSubset[]): { documents: number; tokens: number } {
    this.bin.close()
    const idx = new FileWriter(this.temporary('idx'))
    this.idx = idx
    const lengths = this.lengths.subarray(0, this.documents)
    idx.write(encodeIndexHeader(this.dtype, this.sequences, this.documents))
    const entry = new DataView(new ArrayBuffer(8))
    const [four, eight] = [new Uint8Array(entry.buffer, 0, 4), new Uint8Array(entry.buffer)]
    const long = (value: number) => {
      entry.setBigInt64(0, BigInt(value), true)
      idx.write(eight)
    }
    for (const length of lengths) {
      if (length === 0) continue
      entry.setInt32(0, length, true)
      idx.write(four)
    }
    let offset = 0
    for (const length of lengths) {
      if (length > 0) long(offset)
      offset += length * this.bytesPerToken
    }
    let sequence = 0
    long(0)
    for (const length of lengths) {
      if (length > 0) sequence++
      long(sequence)
    }
    idx.close()
    // Removed before the files change, so that a release level never belongs to other tokens.
    removeSubsets(this.prefix)
    for (const extension of ['bin', 'idx'] as const)
      renameSync(this.temporary(extension), `${this.prefix}.${extension}`)
    if (subsets) writeSubsets(this.prefix, subsets(this.tokens))
    return { documents: this.documents, tokens: this.tokens }
  }

  /** Closes and removes the temporary files. */
  abandon(): void {
    this.bin.abandon()
    this.idx?.abandon()
    for (const extension of ['bin', 'idx'] as const) rmSync(this.temporary(extension), { force: true })
  }

  private temporary(extension: 'bin' | 'idx'): string {
    return `${this.prefix}.${extension}.${process.pid}.tmp`
  }
}

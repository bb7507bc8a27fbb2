/** PREFIX.bin and PREFIX.idx of documents that are one sequence each, with the lengths alone in memory: 4 bytes a document. Node only. */
import { renameSync, rmSync } from 'node:fs'
import { FileWriter } from './file-writer.ts'
import { encodeIndexHeader, type TokenDtype } from './indexed-dataset.ts'
import { removeSubsets, type TokenSubset, writeSubsets } from './subset-record.ts'

/**
 * Both files under temporary names, moved into place when both are whole. A document without tokens is one without a sequence, as
 * Megatron-LM's preprocessing writes it.
 */
export class DatasetWriter {
  readonly #prefix: string
  readonly #bin: FileWriter
  readonly #dtype: TokenDtype
  readonly #bytesPerToken: number
  #lengths = new Int32Array(1024)
  #documents = 0
  #sequences = 0
  #tokens = 0
  #idx: FileWriter | undefined

  /** @throws Error naming a file that cannot be written */
  constructor(prefix: string, dtype: 'uint16' | 'int32') {
    this.#prefix = prefix
    this.#dtype = dtype
    this.#bytesPerToken = dtype === 'uint16' ? 2 : 4
    this.#bin = new FileWriter(this.#temporary('bin'))
  }

  /** Bytes of .bin. */
  write(bytes: Uint8Array): void {
    this.#bin.write(bytes)
  }

  /** @param length tokens of the document whose bytes were written */
  endDocument(length: number): void {
    if (this.#documents === this.#lengths.length) {
      const grown = new Int32Array(2 * this.#lengths.length)
      grown.set(this.#lengths)
      this.#lengths = grown
    }
    this.#lengths[this.#documents++] = length
    this.#tokens += length
    if (length > 0) this.#sequences++
  }

  /**
   * Both files are on the disk, under their names, when this returns.
   * @param subsets which texts the tokens are from: written beside them
   */
  close(subsets?: (tokens: number) => readonly TokenSubset[]): { documents: number; tokens: number } {
    this.#bin.close()
    const idx = new FileWriter(this.#temporary('idx'))
    this.#idx = idx
    const lengths = this.#lengths.subarray(0, this.#documents)
    idx.write(encodeIndexHeader(this.#dtype, this.#sequences, this.#documents))
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
      offset += length * this.#bytesPerToken
    }
    let sequence = 0
    long(0)
    for (const length of lengths) {
      if (length > 0) sequence++
      long(sequence)
    }
    idx.close()
    // Gone before the files change: at no time stands a level beside tokens that do not have it.
    removeSubsets(this.#prefix)
    for (const extension of ['bin', 'idx'] as const)
      renameSync(this.#temporary(extension), `${this.#prefix}.${extension}`)
    if (subsets) writeSubsets(this.#prefix, subsets(this.#tokens))
    return { documents: this.#documents, tokens: this.#tokens }
  }

  /** Closes and removes what was written. */
  abandon(): void {
    this.#bin.abandon()
    this.#idx?.abandon()
    for (const extension of ['bin', 'idx'] as const) rmSync(this.#temporary(extension), { force: true })
  }

  #temporary(extension: 'bin' | 'idx'): string {
    return `${this.#prefix}.${extension}.${process.pid}.tmp`
  }
}

/** PREFIX.idx of documents that are one sequence each, written with the lengths alone in memory: 4 bytes a document. Node only. */
import { encodeIndexHeader, type TokenDtype } from '../tokens/indexed-dataset.ts'
import { FileWriter } from './file-writer.ts'

export class IndexWriter {
  readonly #file: FileWriter
  readonly #lengths: Int32Array
  readonly #bytesPerToken: number
  readonly #dtype: TokenDtype
  #count = 0

  constructor(path: string, documents: number, dtype: 'uint16' | 'int32') {
    this.#lengths = new Int32Array(documents)
    this.#dtype = dtype
    this.#bytesPerToken = dtype === 'uint16' ? 2 : 4
    this.#file = new FileWriter(path)
  }

  add(length: number): void {
    this.#lengths[this.#count++] = length
  }

  close(): void {
    const lengths = this.#lengths
    if (this.#count !== lengths.length)
      throw new Error(`${this.#file.path}: ${this.#count} documents came, ${lengths.length} were announced`)
    this.#file.write(encodeIndexHeader(this.#dtype, lengths.length))
    this.#each(4, (view, at, i) => view.setInt32(at, lengths[i], true))
    let offset = 0
    this.#each(8, (view, at, i) => {
      view.setBigInt64(at, BigInt(offset), true)
      offset += lengths[i] * this.#bytesPerToken
    })
    this.#each(8, (view, at, i) => view.setBigInt64(at, BigInt(i), true), 1)
    this.#file.close()
  }

  abandon(): void {
    this.#file.abandon()
  }

  /** An array of the file, one entry for each document and `more`. */
  #each(bytes: number, set: (view: DataView, at: number, i: number) => void, more = 0): void {
    const entry = new Uint8Array(bytes)
    const view = new DataView(entry.buffer)
    for (let i = 0; i < this.#lengths.length + more; i++) {
      set(view, 0, i)
      this.#file.write(entry)
    }
  }
}

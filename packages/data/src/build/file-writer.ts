/** A file written from its beginning on, a megabyte at a time. Node only. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'

const bufferBytes = 2 ** 20

/** Writes whole: short writes are gone on with, a full disk is told. */
export class FileWriter {
  readonly path: string
  readonly #file: number
  readonly #buffer = new Uint8Array(bufferBytes)
  #filled = 0
  #isOpen = true

  constructor(path: string) {
    this.path = path
    try {
      this.#file = openSync(path, 'w')
    } catch (error) {
      throw new Error(`${path}: it cannot be written (${(error as Error).message})`, { cause: error })
    }
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + bufferBytes - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === bufferBytes) this.#flush()
    }
  }

  /** The bytes are on the disk when this returns. */
  close(): void {
    this.#flush()
    this.#attempt(() => fsyncSync(this.#file))
    closeSync(this.#file)
    this.#isOpen = false
  }

  /** Closes and removes the file. */
  abandon(): void {
    if (this.#isOpen) closeSync(this.#file)
    this.#isOpen = false
    rmSync(this.path, { force: true })
  }

  #flush(): void {
    this.#attempt(() => {
      for (let at = 0; at < this.#filled; ) at += writeSync(this.#file, this.#buffer, at, this.#filled - at)
    })
    this.#filled = 0
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const fault = code === 'ENOSPC' ? 'the disk is full' : code === 'EDQUOT' ? 'the quota is used up' : message
      throw new Error(`${this.path}: it cannot be written (${fault})`, { cause: error })
    }
  }
}

/** A buffered sequential file writer. Node only. */
import fs from 'node:fs'

/** Initial and maximum size of the buffer; it starts small for the sake of many small files. */
const [leastBuffer, bufferBytes] = [2 ** 12, 2 ** 20]

/** The error for a failed write, with the reason in words and the final name of a temporary file. */
export function writeFault(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException
  const fault =
    code === 'ENOSPC'
      ? 'the disk is full'
      : code === 'EDQUOT'
        ? 'the quota is used up'
        : code === 'EFBIG'
          ? 'it is larger than the file system or a limit allows'
          : message
  return new Error(`${path.replace(/\.\d+\.tmp$/, '')}: it cannot be written (${fault})`, { cause: error })
}

/** Writes a file completely: short writes are continued, a full disk is an error. */
export class FileWriter {
  readonly path: string
  private readonly file: number
  private buffer = new Uint8Array(leastBuffer)
  private filled = 0
  private isOpen = true

  /** @throws Error that names a file that cannot be created */
  constructor(path: string) {
    this.path = path
    try {
      this.file = fs.openSync(path, 'w')
    } catch (error) {
      throw writeFault(path, error)
    }
  }

  write(bytes: Uint8Array): void {
    const wanted = Math.min(bufferBytes, this.filled + bytes.length)
    if (wanted > this.buffer.length) {
      const grown = new Uint8Array(Math.min(bufferBytes, 2 ** Math.ceil(Math.log2(wanted))))
      grown.set(this.buffer.subarray(0, this.filled))
      this.buffer = grown
    }
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.buffer.length - this.filled)
      this.buffer.set(part, this.filled)
      this.filled += part.length
      at += part.length
      if (this.filled === bufferBytes) this.flush()
    }
  }

  /** Flushes and syncs: the bytes are on the disk when this returns. */
  close(): void {
    this.flush()
    this.attempt(() => fs.fsyncSync(this.file))
    this.isOpen = false
    // Some file systems report a full disk only on close.
    this.attempt(() => fs.closeSync(this.file))
  }

  /** Closes and removes the file. */
  abandon(): void {
    try {
      if (this.isOpen) fs.closeSync(this.file)
    } catch {
      // The first error is the one reported.
    }
    this.isOpen = false
    fs.rmSync(this.path, { force: true })
  }

  private flush(): void {
    this.attempt(() => {
      for (let at = 0; at < this.filled; ) at += fs.writeSync(this.file, this.buffer, at, this.filled - at)
    })
    this.filled = 0
  }

  private attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      throw writeFault(this.path, error)
    }
  }
}

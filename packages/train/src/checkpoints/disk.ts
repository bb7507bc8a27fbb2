/** What checkpoints ask of a file system, so that tests can let it fail between any two operations. Node only. */
import { createHash } from 'node:crypto'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { makeFolder } from '@kumiki/data/node'

/** Size and SHA-256 (hexadecimal) of a file. */
export interface FileSeal {
  readonly bytes: number
  readonly sha256: string
}

export interface Disk {
  makeFolder(path: string): Promise<void>
  /** Writes a file that is not there, and waits until it is on the disk. */
  write(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<FileSeal>
  rename(from: string, to: string): Promise<void>
  /** Waits until the names in a folder are on the disk. */
  settle(folder: string): Promise<void>
  /** Removes a file or a folder with all in it; what is not there is no fault. */
  remove(path: string): Promise<void>
  /** Names in a folder; none where there is no folder. */
  list(folder: string): Promise<string[]>
}

/** Less than what one write takes at most (2 GiB). */
const writeBytes = 2 ** 26

export const nodeDisk: Disk = {
  makeFolder,
  async write(path, chunks) {
    const file = await open(path, 'wx')
    const hash = createHash('sha256')
    let bytes = 0
    try {
      for await (const chunk of chunks) {
        for (let from = 0; from < chunk.byteLength; from += writeBytes) {
          const part = chunk.subarray(from, from + writeBytes)
          hash.update(part)
          for (let at = 0; at < part.byteLength; ) at += (await file.write(part, at)).bytesWritten
          bytes += part.byteLength
        }
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return { bytes, sha256: hash.digest('hex') }
  },
  rename,
  async settle(folder) {
    // Not every system opens folders.
    const handle = await open(folder, 'r').catch(() => undefined)
    await handle?.sync().catch(() => {})
    await handle?.close()
  },
  async remove(path) {
    await rm(path, { recursive: true, force: true })
  },
  async list(folder) {
    return readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
  },
}

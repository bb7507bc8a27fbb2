/** File system operations of checkpoints, as an interface so that tests can make any of them fail. Node only. */
import { createHash } from 'node:crypto'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { makeFolder } from '@kumiki/data/node'

/** Size and SHA-256 (hexadecimal) of a file. */
export interface FileChecksum {
  readonly bytes: number
  readonly sha256: string
}

export interface Disk {
  makeFolder(path: string): Promise<void>
  /** Writes a new file and flushes it to disk. Fails if the file exists. */
  write(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<FileChecksum>
  rename(from: string, to: string): Promise<void>
  /** Flushes a folder's directory entries to disk (fsync). */
  settle(folder: string): Promise<void>
  /** Removes a file or a folder with its contents; a missing path is not an error. */
  remove(path: string): Promise<void>
  /** Names in a folder; empty if the folder does not exist. */
  list(folder: string): Promise<string[]>
}

/** Largest single write; the system accepts less than 2 GiB. */
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
    // Not every system can open folders.
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

/** Reads ranges of files of any size, split into reads that the system accepts. Node only. */
import { open } from 'node:fs/promises'
import type { RangeSource } from '../safetensors/safetensors.ts'

export interface FileRanges extends RangeSource {
  close(): Promise<void>
}

/**
 * Opens a file for reading ranges, each of any length that fits in memory.
 * @param chunkBytes largest single read in bytes (the system accepts less than 2 GiB); default 64 MiB
 * @throws Error naming the file
 */
export async function openFileRanges(path: string, chunkBytes = 2 ** 26): Promise<FileRanges> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    const fault = error.code === 'ENOENT' ? 'there is no such file' : (error.code ?? error.message)
    throw new Error(`${path}: cannot be read (${fault})`, { cause: error })
  })
  const close = () => file.close()
  try {
    const info = await file.stat()
    if (!info.isFile()) throw new Error(`${path}: cannot be read (not a regular file)`)
    return {
      size: info.size,
      async read(byteOffset, byteLength) {
        const bytes = new Uint8Array(byteLength)
        for (let at = 0; at < byteLength; ) {
          const wanted = Math.min(chunkBytes, byteLength - at)
          const { bytesRead } = await file.read(bytes, at, wanted, byteOffset + at)
          if (bytesRead === 0) return bytes.subarray(0, at) // truncated since it was opened
          at += bytesRead
        }
        return bytes
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

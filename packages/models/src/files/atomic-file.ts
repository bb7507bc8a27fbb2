/** Atomic replacement of files: a reader finds the old content or the new, never part of it. Node only. */
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder } from './make-folder.ts'

let counter = 0

/**
 * Writes to a temporary file in the same folder, flushes it to disk and renames it. A failure leaves the old file
 * unchanged.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  await makeFolder(dirname(path))
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${counter++}.tmp`)
  try {
    const file = await open(temporary, 'wx')
    try {
      if (typeof content === 'string' || content instanceof Uint8Array) await file.writeFile(content)
      else for await (const chunk of content) await writeAll(file, chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw explained(path, error)
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) {
    // One write call accepts less than 2 GiB.
    const { bytesWritten } = await file.write(chunk, at, Math.min(chunk.byteLength - at, 2 ** 26))
    at += bytesWritten
  }
}

function explained(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC')
    return new Error(`${path}: the disk is full; existing files are unchanged. Free some space and try again`, {
      cause: error,
    })
  if (code === 'EACCES' || code === 'EROFS') return new Error(`${path}: no permission to write here`, { cause: error })
  return new Error(`${path}: writing failed: ${message}`, { cause: error })
}

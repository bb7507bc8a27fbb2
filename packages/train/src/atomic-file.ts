/** Atomic replacement of files, in folders that are created if missing. Node only. */
import { dirname } from 'node:path'
import { makeFolder } from '@kumiki/data/node'
import { replaceFile } from '@kumiki/models/node'
import { diskError } from './disk-error.ts'

/**
 * Writes to a temporary file in the same folder, flushes it to disk and renames it. A failure leaves the old file
 * unchanged.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  await makeFolder(dirname(path))
  try {
    await replaceFile(path, content)
  } catch (error) {
    throw diskError(path, error, 'the file is unchanged')
  }
}

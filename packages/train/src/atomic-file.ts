/** Files that are either the old ones or the new ones, in folders that are made where they are missing. Node only. */
import { dirname } from 'node:path'
import { makeFolder } from '@kumiki/data/node'
import { replaceFile } from '@kumiki/models/node'
import { diskError } from './disk-error.ts'

/** Writes beside the final place, flushes to the disk, and renames. A failure leaves the old file as it was. */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  await makeFolder(dirname(path))
  try {
    await replaceFile(path, content)
  } catch (error) {
    throw diskError(path, error, 'the file is as it was')
  }
}

/** Files that are either the old ones or the new ones, in folders that are made where they are missing. Node only. */
import { dirname } from 'node:path'
import { makeFolder } from '@kumiki/data/node'
import { replaceFile } from '@kumiki/models/node'

/** Writes beside the final place, flushes to the disk, and renames. A failure leaves the old file as it was. */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  await makeFolder(dirname(path))
  await replaceFile(path, content)
}

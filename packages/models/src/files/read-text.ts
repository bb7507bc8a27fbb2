/** Reads untrusted text files up to a size limit. Node only. */
import { open } from 'node:fs/promises'

/**
 * A UTF-8 file.
 * @throws RangeError for a file of more than `maxBytes`, and the system's errors (with `code`)
 */
export async function readText(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > maxBytes) throw new RangeError(`the file has ${size} bytes; at most ${maxBytes} are read`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

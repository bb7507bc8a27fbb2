/** Text files from outside, read only where they are of a sensible size. Node only. */
import { open } from 'node:fs/promises'

/**
 * A UTF-8 file.
 * @throws RangeError for a file of more than `maxBytes`, and whatever the system says (`code`)
 */
export async function readText(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > maxBytes) throw new RangeError(`${size} bytes, at most ${maxBytes} are read`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

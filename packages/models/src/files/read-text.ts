/** Reads untrusted text and JSON files. Node only. */
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

/**
 * The value in a JSON file's text.
 * @throws SyntaxError that says what is wrong with the file; it does not name it
 */
export function parseJson(text: string): any {
  if (text.trim() === '') throw new SyntaxError('the file is empty, but must be JSON; copy or download it again')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SyntaxError(`is not JSON (${(error as Error).message.slice(0, 160)}); copy or download it again`, {
      cause: error,
    })
  }
}

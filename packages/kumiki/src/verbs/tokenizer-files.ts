/** Opens tokenizer files for the verbs, with errors that name the file. */
import { readBytes } from '../files/files.ts'

/** @throws Error naming the file */
export async function openTokenizer(path: string) {
  const { loadTokenizer } = await import('@kumiki/tokenizer')
  const bytes = await readBytes(path)
  try {
    return loadTokenizer(bytes)
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}

/** @throws Error naming the file */
export async function openAnyTokenizer(path: string) {
  const { openTokenizer: open } = await import('@kumiki/tokenizer/node')
  const bytes = await readBytes(path)
  try {
    return await open(bytes)
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}

/** Decodes ids of token files. @throws Error naming both files, if an id is not in the vocabulary */
export function decodeOf(tokenizer: { decode(ids: Int32Array): string }, path: string | undefined, prefix: string) {
  return (ids: Int32Array): string => {
    try {
      return tokenizer.decode(ids)
    } catch (error) {
      throw new Error(
        `${prefix}: not encoded with the tokenizer ${path} (${(error as Error).message.replace(/^decode: /, '')})`,
        { cause: error },
      )
    }
  }
}

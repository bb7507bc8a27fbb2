/** Reading and writing files whose errors name them. */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** JSON documents that this command line reads are small; a larger one is no configuration. */
const maxJsonBytes = 64 * 2 ** 20

/** @throws Error naming the file: it is not there, or cannot be read */
export async function readBytes(path: string, maxBytes = 2 ** 31 - 1): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > maxBytes) throw new Error(`${size} bytes are more than the ${maxBytes} that are read`)
    return await readFile(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory, not a file' : message
    throw new Error(`${path}: ${reason}`)
  }
}

/** @throws Error naming the file */
export async function readJson(path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(path, maxJsonBytes))
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${path}: it is not JSON (${(error as Error).message.slice(0, 160)})`)
  }
}

/** Whether something is at a path. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/**
 * Writes under a temporary name and moves it into place: an older file survives a failure. Folders are made. What a run keeps is written by
 * `writeFileAtomically` of @kumiki/train, which flushes to the disk too; it loads the tensor runtime, which verbs that write a plan, a
 * tokenizer or a table do without.
 */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const { makeFolder } = await import('@kumiki/data/node')
    await makeFolder(dirname(path))
    await writeFile(temporary, data)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`${path}: it cannot be written (${code === 'ENOSPC' ? 'the disk is full' : message})`)
  }
}

/** Reads and writes files, with errors that name them. */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Limit for JSON documents; configurations are much smaller. */
const maxJsonBytes = 64 * 2 ** 20

/** @throws Error naming the file that is missing or cannot be read */
export async function readBytes(path: string, maxBytes = 2 ** 31 - 1): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > maxBytes) throw new Error(`the file has ${size} bytes; at most ${maxBytes} are read`)
    return await readFile(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'a folder, not a file' : message
    throw new Error(`${path}: ${reason}`, { cause: error })
  }
}

/** @throws Error naming the file */
export async function readJson(path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(path, maxJsonBytes))
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${path}: not valid JSON (${(error as Error).message.slice(0, 160)})`)
  }
}

/** Whether a path exists. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/**
 * Writes a file atomically: under a temporary name, then renamed. Creates missing folders. Files of runs are written
 * with `writeFileAtomically` of @kumiki/train, which also flushes to disk; it is not used here because it loads the
 * tensor runtime, which many commands do not need.
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
    throw new Error(`${path}: cannot be written (${code === 'ENOSPC' ? 'the disk is full' : message})`, {
      cause: error,
    })
  }
}

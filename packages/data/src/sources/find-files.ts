/** Files under paths, in the order of their names. Node only. */
import type { Stats } from 'node:fs'

/**
 * Files as given, and those in folders whose names are wanted, recursively; hidden ones and symbolic links in folders are passed over.
 * @throws Error naming the path: it is not there, is a pipe or device, or holds nothing that is wanted
 */
export async function findFiles(paths: readonly string[], wanted: (name: string) => boolean): Promise<string[]> {
  const files: string[] = []
  for await (const file of eachFile(paths, wanted)) files.push(file)
  return files
}

/** The same one by one: of a folder of a million files the names are held, and nothing else. */
export async function* eachFile(
  paths: readonly string[],
  wanted: (name: string) => boolean,
): AsyncGenerator<string, undefined> {
  if (paths.length === 0) throw new Error('no path was given; name a file or a directory')
  // Only paths that are several can name a file twice.
  const seen = paths.length > 1 ? new Set<string>() : undefined
  for (const path of paths) {
    const info = await statOf(path)
    // Files are read twice, and by their size: a pipe can be neither.
    if (!info.isDirectory() && !info.isFile())
      throw new Error(`${path}: it is neither a file nor a directory; write what it gives into a file`)
    let found = 0
    for await (const file of info.isDirectory() ? eachBelow(path, wanted) : [path]) {
      if (seen?.has(file)) continue
      seen?.add(file)
      found++
      yield file
    }
    if (info.isDirectory() && found === 0)
      throw new Error(`${path}: the directory holds no .txt, .md, .jsonl (also .gz, .zst) or .parquet file`)
  }
}

/** What is at a path. @throws Error naming one that is not there */
export async function statOf(path: string): Promise<Stats> {
  const { stat } = await import('node:fs/promises')
  return await stat(path).catch((error: NodeJS.ErrnoException) => {
    const fault = error.code === 'ENOENT' ? 'there is no such file or directory' : error.message
    throw new Error(`${path}: ${fault}; check the path (relative ones start at ${process.cwd()})`)
  })
}

/** Files in a folder and those below it whose names are wanted, in the order of their names; hidden ones and links are passed over. */
export async function filesBelow(directory: string, wanted: (name: string) => boolean): Promise<string[]> {
  const files: string[] = []
  for await (const file of eachBelow(directory, wanted)) files.push(file)
  return files
}

async function* eachBelow(directory: string, wanted: (name: string) => boolean): AsyncGenerator<string, undefined> {
  const { join } = await import('node:path')
  const { opendir } = await import('node:fs/promises')
  const names: string[] = []
  const folders = new Set<string>()
  const entries = await opendir(directory, { bufferSize: 1024 }).catch((error: Error) => {
    throw new Error(`${directory}: it cannot be read (${error.message})`, { cause: error })
  })
  for await (const entry of entries) {
    const { name } = entry
    if (name.startsWith('.')) continue
    if (entry.isDirectory()) folders.add(name)
    else if (!entry.isFile() || !wanted(name)) continue
    names.push(name)
  }
  names.sort()
  for (const name of names) {
    if (folders.has(name)) yield* eachBelow(join(directory, name), wanted)
    else yield join(directory, name)
  }
}

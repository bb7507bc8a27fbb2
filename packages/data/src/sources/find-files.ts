/** Finds files under paths, in the order of their names. Node only. */
import type { Stats } from 'node:fs'

/**
 * The given files, and the matching files in given folders, recursively; hidden files and symbolic links in folders are
 * skipped.
 * @param wanted whether a file in a folder matches, by its name
 * @throws Error that names the path: it does not exist, is a pipe or device, or contains no matching files
 */
export async function findFiles(paths: readonly string[], wanted: (name: string) => boolean): Promise<string[]> {
  const files: string[] = []
  for await (const file of eachFile(paths, wanted)) files.push(file)
  return files
}

/** Like {@link findFiles}, one file at a time; memory is bounded by the names of the current folders. */
export async function* eachFile(
  paths: readonly string[],
  wanted: (name: string) => boolean,
): AsyncGenerator<string, undefined> {
  if (paths.length === 0) throw new Error('no path was given; name a file or a directory')
  // Only several paths can contain the same file.
  const seen = paths.length > 1 ? new Set<string>() : undefined
  for (const path of paths) {
    const info = await statOf(path)
    // Files are read twice and their sizes are needed, which pipes do not allow.
    if (!info.isDirectory() && !info.isFile())
      throw new Error(`${path}: it is neither a file nor a directory; write its output to a file`)
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

/** `stat` of a path. @throws Error that names a path that does not exist */
export async function statOf(path: string): Promise<Stats> {
  const { stat } = await import('node:fs/promises')
  return await stat(path).catch((error: NodeJS.ErrnoException) => {
    const fault = error.code === 'ENOENT' ? 'there is no such file or directory' : error.message
    throw new Error(`${path}: ${fault}; check the path (relative ones start at ${process.cwd()})`)
  })
}

/** The matching files in a folder and below, in the order of their names; hidden files and links are skipped. */
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

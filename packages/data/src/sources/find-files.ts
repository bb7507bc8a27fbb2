/** Files under paths, in the order of their names. Node only. */
import type { Stats } from 'node:fs'

/**
 * Files as given, and those in folders whose names are wanted, recursively; hidden ones and symbolic links in folders are passed over.
 * @throws Error naming the path: it is not there, or holds nothing that is wanted
 */
export async function findFiles(paths: readonly string[], wanted: (name: string) => boolean): Promise<string[]> {
  if (paths.length === 0) throw new Error('no path was given; name a file or a directory')
  const files = new Set<string>()
  for (const path of paths) {
    const info = await statOf(path)
    const before = files.size
    for (const file of info.isDirectory() ? await filesBelow(path, wanted) : [path]) files.add(file)
    if (info.isDirectory() && files.size === before)
      throw new Error(`${path}: the directory holds no .txt, .md, .jsonl (also .gz, .zst) or .parquet file`)
  }
  return [...files]
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
  const { join } = await import('node:path')
  const { readdir } = await import('node:fs/promises')
  const entries = await readdir(directory, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const files: string[] = []
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue
    const inner = join(directory, entry.name)
    if (entry.isDirectory()) for (const file of await filesBelow(inner, wanted)) files.push(file)
    else if (entry.isFile() && wanted(entry.name)) files.push(inner)
  }
  return files
}

/** Files under paths, in the order of their names. Node only. */

/**
 * Files as given, and those in folders whose names are wanted, recursively; hidden ones and symbolic links in folders are passed over.
 * @throws Error naming the path: it is not there, or holds nothing that is wanted
 */
export async function findFiles(paths: readonly string[], wanted: (name: string) => boolean): Promise<string[]> {
  const { join } = await import('node:path')
  const { readdir, stat } = await import('node:fs/promises')
  if (paths.length === 0) throw new Error('no path was given; name a file or a directory')
  const files = new Set<string>()
  const visit = async (directory: string): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true })
    entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue
      const inner = join(directory, entry.name)
      if (entry.isDirectory()) await visit(inner)
      else if (entry.isFile() && wanted(entry.name)) files.add(inner)
    }
  }
  for (const path of paths) {
    const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
      const fault = error.code === 'ENOENT' ? 'there is no such file or directory' : error.message
      throw new Error(`${path}: ${fault}; check the path (relative ones start at ${process.cwd()})`)
    })
    const before = files.size
    if (info.isDirectory()) await visit(path)
    else files.add(path)
    if (info.isDirectory() && files.size === before)
      throw new Error(`${path}: the directory holds no .txt, .md, .jsonl (also .gz, .zst) or .parquet file`)
  }
  return [...files]
}

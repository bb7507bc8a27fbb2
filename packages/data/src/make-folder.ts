/** Recursive creation of folders. Node only. */

/**
 * Creates a folder and its parents, like `mkdir -p`. Node's recursive mkdir never returns where nothing can be created
 * (under /proc).
 * @throws Error that names the path and the reason
 */
export async function makeFolder(path: string): Promise<void> {
  const { mkdir, stat } = await import('node:fs/promises')
  const { dirname, resolve } = await import('node:path')
  const missing: string[] = []
  for (let at = resolve(path); ; at = dirname(at)) {
    const info = await stat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
      throw new Error(`${path}: the folder cannot be made (${error.message})`, { cause: error })
    })
    if (info?.isDirectory()) break
    if (info) throw new Error(`${path}: the folder cannot be made: ${at} is no folder`)
    missing.unshift(at)
    if (dirname(at) === at) break
  }
  for (const folder of missing) {
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return // created by another process in the meantime
      const fault = error.code === 'EACCES' || error.code === 'EROFS' ? 'no permission' : (error.code ?? error.message)
      throw new Error(`${path}: the folder cannot be made (${fault} at ${folder})`, { cause: error })
    })
  }
}

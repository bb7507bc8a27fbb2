/** Folders made without surprises. Node only. */

/**
 * Makes a folder and those above it, like `mkdir -p`. Node's own recursion never returns where nothing can be made (under /proc).
 * @throws Error naming the path and what is in the way
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
      if (error.code === 'EEXIST') return // somebody else made it just now
      const fault = error.code === 'EACCES' || error.code === 'EROFS' ? 'no permission' : (error.code ?? error.message)
      throw new Error(`${path}: the folder cannot be made (${fault} at ${folder})`, { cause: error })
    })
  }
}

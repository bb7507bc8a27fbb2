/** Creation of folders with their parents. Node only. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Creates a folder and the parents that it lacks, one by one: Node's recursive mkdir never returns where the system
 * answers that there is no such folder although its parent exists, as under /proc.
 * @throws Error that names the folder and the place in the way
 */
export async function makeFolder(folder: string): Promise<void> {
  const fault = (reason: string, cause?: unknown) =>
    new Error(`${folder}: the folder cannot be made (${reason}); give another place`, { cause })
  const missing: string[] = []
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = await stat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw fault(error.message, error)
    })
    if (found?.isDirectory()) break
    if (found) throw fault(`${at} is a file`)
    missing.unshift(at)
    if (dirname(at) === at) break
  }
  for (const at of missing)
    await mkdir(at).catch((error: NodeJS.ErrnoException) => {
      // EEXIST: another process has just made it.
      if (error.code !== 'EEXIST') throw fault(`${error.code} at ${at}`, error)
    })
}

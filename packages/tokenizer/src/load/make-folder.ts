/** Creation of folders with their parents. Node only. */
import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { TokenizerError } from '../tokenizer-error.ts'

/**
 * Creates a folder and the parents that it lacks, one by one: Node's recursive mkdir never returns where the system
 * answers that there is no such folder although its parent exists, as under /proc.
 * @throws TokenizerError that names the folder and the place in the way
 */
export function makeFolder(folder: string): void {
  const fault = (reason: string, cause?: unknown) =>
    new TokenizerError(`train: the folder ${folder} cannot be made (${reason}); give another place`, { cause })
  const missing: string[] = []
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = statSync(at, { throwIfNoEntry: false })
    if (found?.isDirectory()) break
    if (found) throw fault(`${at} is a file`)
    missing.unshift(at)
    if (dirname(at) === at) break
  }
  for (const at of missing) {
    try {
      mkdirSync(at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // EEXIST: another process has just made it.
      if (code !== 'EEXIST') throw fault(`${code} at ${at}`, error)
    }
  }
}

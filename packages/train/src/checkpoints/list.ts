/** Lists the checkpoints of a run. Node only. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeDisk } from './disk.ts'
import { type CheckpointManifest, readManifest } from './manifest.ts'

/** A checkpoint folder, readable or not. */
export interface CheckpointEntry {
  readonly step: number
  readonly name: string
  readonly path: string
  /** Undefined if it cannot be read; `fault` states why. */
  readonly manifest: CheckpointManifest | undefined
  readonly fault?: string
}

const pattern = /^step-(\d{8,15})(?:-\d+)?$/

/**
 * The checkpoints of a run in the order they were written, oldest first; unreadable ones come first.
 */
export async function listCheckpoints(runFolder: string): Promise<CheckpointEntry[]> {
  const root = join(runFolder, 'checkpoints')
  const entries: CheckpointEntry[] = []
  for (const name of await nodeDisk.list(root).catch(() => [])) {
    const match = pattern.exec(name)
    if (match) entries.push(await readEntry(join(root, name), name, Number(match[1])))
  }
  return entries.sort((a, b) => (a.manifest?.serial ?? -1) - (b.manifest?.serial ?? -1) || a.step - b.step)
}

async function readEntry(path: string, name: string, step: number): Promise<CheckpointEntry> {
  try {
    const manifest = readManifest(await readFile(join(path, 'checkpoint.json'), 'utf8'))
    if (manifest.step !== step) throw new Error(`is of step ${manifest.step}, but the folder is named for step ${step}`)
    return { step, name, path, manifest }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return {
      step,
      name,
      path,
      manifest: undefined,
      fault: `${join(path, 'checkpoint.json')}: ${code === undefined ? message : code === 'ENOENT' ? 'is missing' : code}`,
    }
  }
}

/** The folder of a run: one run in it, one process at work on it. Node only. */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { makeFolder } from '@kumiki/data/node'
import { type LockOptions, RunLock } from './run-lock.ts'

/** Everything a run writes. Nothing else in its folder is ever touched. */
const runFiles = [
  'run.json',
  'metrics.jsonl',
  'evaluations.json',
  'checkpoints',
  'config.json',
  'model.safetensors',
  'tokenizer.model',
  'tokenizer_config.json',
  'tokenizer.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'generation_config.json',
  'adapter_config.json',
  'adapter_model.safetensors',
  'finetune.json',
  'samples.json',
  'samples.jsonl',
  'tensorboard',
  'summary.json',
  'scores.json',
  'scores.html',
  'report.html',
] as const

/** The folder cannot be taken for a new run, or holds none to go on with. */
export class RunFolderError extends Error {
  override name = 'RunFolderError'
}

/** A run folder that this process holds until `release`. */
export class RunFolder {
  readonly path: string
  private readonly lock: RunLock
  /** Whether it was made just now. */
  private readonly fresh: boolean

  private constructor(path: string, lock: RunLock, fresh: boolean) {
    this.path = path
    this.lock = lock
    this.fresh = fresh
  }

  /**
   * Takes a folder for a new run, and makes it where it is missing.
   * @param options.overwrite lets it hold a run: `empty` removes that one
   * @throws RunFolderError where it holds a run; RunLockedError where another process is at work there
   */
  static async create(path: string, options: LockOptions & { readonly overwrite?: boolean } = {}): Promise<RunFolder> {
    const full = resolve(path)
    await makeFolder(dirname(full))
    const fresh = await makeExclusively(full)
    if (!fresh) await makeFolder(full) // says so where it is a file
    const folder = new RunFolder(full, await RunLock.take(full, options), fresh)
    const found = await folder.contents()
    if (found.length === 0 || options.overwrite) return folder
    await folder.release()
    throw new RunFolderError(
      `${path}: it holds a run already (${found.slice(0, 3).join(', ')}${found.length > 3 ? ', ...' : ''}); go on with it by --resume ${path}, take another folder, or remove that run by --overwrite`,
    )
  }

  /** Takes a new folder under `root`; where the name is taken, `name-2`, `name-3` and so on. */
  static async reserve(root: string, name: string): Promise<RunFolder> {
    await makeFolder(root)
    for (let n = 1; ; n++) {
      const path = resolve(root, n === 1 ? name : `${name}-${n}`)
      if (await makeExclusively(path)) return new RunFolder(path, await RunLock.take(path), true)
    }
  }

  /**
   * Takes the folder of a run to go on with, and clears away what dead processes left half done.
   * @throws RunFolderError where there is no run; RunLockedError where another process is at work there
   */
  static async open(path: string, options: LockOptions = {}): Promise<RunFolder> {
    const full = resolve(path)
    const names = await readdir(full).catch((error: NodeJS.ErrnoException) => {
      const fault =
        error.code === 'ENOENT'
          ? 'there is no such folder'
          : error.code === 'ENOTDIR'
            ? 'it is no folder'
            : error.message
      throw new RunFolderError(`${path}: ${fault}; give the folder of a run`)
    })
    if (!names.includes('run.json')) throw new RunFolderError(`${path}: there is no run.json; give the folder of a run`)
    const folder = new RunFolder(full, await RunLock.take(full, options), false)
    await folder.clean()
    return folder
  }

  /** What of a run lies here. */
  async contents(): Promise<string[]> {
    const names = await readdir(this.path)
    return runFiles.filter((name) => names.includes(name))
  }

  /** Removes the run that lies here; other files stay. */
  async empty(): Promise<void> {
    await this.clean()
    for (const name of await this.contents()) {
      // Renamed first: a folder half removed is no run any more.
      const aside = join(this.path, `.${name}.${process.pid}.removed.tmp`)
      await rename(join(this.path, name), aside)
      await rm(aside, { recursive: true, force: true })
    }
  }

  /** @throws Error where this process no longer holds the folder */
  async check(): Promise<void> {
    await this.lock.check()
  }

  /** Lets others have the folder. One that was made for this run and holds nothing goes. */
  async release(): Promise<void> {
    await this.lock.release()
    if (this.fresh) await rmdir(this.path).catch(() => {})
  }

  /** Under the lock no other process works here: what is unfinished stays so. */
  private async clean(): Promise<void> {
    for (const folder of [this.path, join(this.path, 'checkpoints')]) {
      const names = await readdir(folder).catch(() => [])
      for (const name of names)
        if (/^\..+\.tmp$/.test(name)) await rm(join(folder, name), { recursive: true, force: true })
    }
  }
}

/** @returns false where something is there already */
async function makeExclusively(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    throw new Error(`${path}: the folder cannot be made (${code === 'EACCES' ? 'no permission' : message})`, {
      cause: error,
    })
  }
}

/** Folder and step of `RUN@STEP`, where a folder of the whole name is not meant. */
export function parseRunAtStep(text: string): { readonly folder: string; readonly step?: number } {
  const match = /^(.+)@(\d{1,15})$/.exec(text)
  return match ? { folder: match[1], step: Number(match[2]) } : { folder: text }
}

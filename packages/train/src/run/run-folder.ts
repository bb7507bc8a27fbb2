/** The folder of a run. It contains one run, and one process at a time uses it. Node only. */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { makeFolder } from '@kumiki/data/node'
import { type LockOptions, RunLock } from './run-lock.ts'

/** All files that a run writes. Other files in its folder are never changed. */
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
  'vocab.json',
  'merges.txt',
  'spiece.model',
  'chat_template.jinja',
  'chat_template.json',
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

/** The folder cannot be used for a new run, or has no run to resume. */
export class RunFolderError extends Error {
  override name = 'RunFolderError'
}

/** A run folder that this process has locked until `release`. */
export class RunFolder {
  readonly path: string
  private readonly lock: RunLock
  /** Whether this process created the folder. */
  private readonly fresh: boolean

  private constructor(path: string, lock: RunLock, fresh: boolean) {
    this.path = path
    this.lock = lock
    this.fresh = fresh
  }

  /**
   * Locks a folder for a new run, and creates it if missing.
   * @param options.overwrite allows an existing run, which
   * `empty` removes
   * @throws RunFolderError if the folder has a run; RunLockedError if another process uses it
   */
  static async create(path: string, options: LockOptions & { readonly overwrite?: boolean } = {}): Promise<RunFolder> {
    const full = resolve(path)
    await makeFolder(dirname(full))
    const fresh = await makeExclusively(full)
    if (!fresh) await makeFolder(full) // throws if it is a file
    const folder = new RunFolder(full, await RunLock.take(full, options), fresh)
    const found = await folder.contents()
    if (found.length === 0 || options.overwrite) return folder
    await folder.release()
    throw new RunFolderError(
      `${path}: the folder already has a run (${found.slice(0, 3).join(', ')}${found.length > 3 ? ', ...' : ''}); resume it with --resume ${path}, use another folder, or replace that run with --overwrite`,
    )
  }

  /** Creates and locks a new folder under `root`; if the name exists, `name-2`, `name-3` and so on. */
  static async reserve(root: string, name: string): Promise<RunFolder> {
    await makeFolder(root)
    for (let n = 1; ; n++) {
      const path = resolve(root, n === 1 ? name : `${name}-${n}`)
      if (await makeExclusively(path)) return new RunFolder(path, await RunLock.take(path), true)
    }
  }

  /**
   * Locks the folder of a run to resume, and deletes temporary files of crashed processes.
   * @throws RunFolderError if there is no run; RunLockedError if another process uses it
   */
  static async open(path: string, options: LockOptions = {}): Promise<RunFolder> {
    const full = resolve(path)
    const names = await readdir(full).catch((error: NodeJS.ErrnoException) => {
      const fault =
        error.code === 'ENOENT' ? 'there is no such folder' : error.code === 'ENOTDIR' ? 'not a folder' : error.message
      throw new RunFolderError(`${path}: ${fault}; give the folder of a run`)
    })
    if (!names.includes('run.json')) throw new RunFolderError(`${path}: no run.json found; give the folder of a run`)
    const folder = new RunFolder(full, await RunLock.take(full, options), false)
    await folder.clean()
    return folder
  }

  /** Names of the run's files that exist. */
  async contents(): Promise<string[]> {
    const names = await readdir(this.path)
    return runFiles.filter((name) => names.includes(name))
  }

  /** Deletes the run's files; other files are kept. */
  async empty(): Promise<void> {
    await this.clean()
    for (const name of await this.contents()) {
      // Renamed first, so that a partly deleted folder does not look like a run.
      const aside = join(this.path, `.${name}.${process.pid}.removed.tmp`)
      await rename(join(this.path, name), aside)
      await rm(aside, { recursive: true, force: true })
    }
  }

  /** @throws Error if this process no longer has the lock */
  async check(): Promise<void> {
    await this.lock.check()
  }

  /** Releases the lock, and deletes the folder if this process created it and it is empty. */
  async release(): Promise<void> {
    await this.lock.release()
    if (this.fresh) await rmdir(this.path).catch(() => {})
  }

  /** Deletes temporary files: under the lock, no other process can be writing them. */
  private async clean(): Promise<void> {
    for (const folder of [this.path, join(this.path, 'checkpoints')]) {
      const names = await readdir(folder).catch(() => [])
      for (const name of names)
        if (/^\..+\.tmp$/.test(name)) await rm(join(folder, name), { recursive: true, force: true })
    }
  }
}

/** Creates a folder. @returns false if the path already exists */
async function makeExclusively(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    throw new Error(`${path}: the folder cannot be created (${code === 'EACCES' ? 'no permission' : message})`, {
      cause: error,
    })
  }
}

/** Splits `RUN@STEP` into folder and step; without @STEP, the step is undefined. */
export function parseRunAtStep(text: string): { readonly folder: string; readonly step?: number } {
  const match = /^(.+)@(\d{1,15})$/.exec(text)
  return match ? { folder: match[1], step: Number(match[2]) } : { folder: text }
}

/** The working folder of training under a memory limit. Node only. */

import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { TokenizerError } from '../tokenizer-error.ts'
import type { Spill, SpillReader, SpillWriter } from '../training/spill.ts'
import { makeFolder } from './make-folder.ts'

const STATE = 'state.json'
const LOCK = 'lock'
/** Names of files that training creates. */
const OWN = /^(?:(?:counts|order|fragments|followed|round|merges|merged)-\d+|state\.json)(?:\.part)?$/

/**
 * Files in a folder locked by one process. Files are written under a temporary name, synced to disk, and then renamed.
 */
export class SpillFolder implements Spill {
  readonly path: string
  private readonly lock: string

  /** @throws TokenizerError where another process holds the lock, or the folder has files that are not from training */
  constructor(path: string) {
    this.path = path
    this.lock = join(path, LOCK)
    makeFolder(path)
    const others = readdirSync(path).filter((name) => !OWN.test(name) && name !== LOCK && !name.startsWith(`${LOCK}.`))
    if (others.length > 0) {
      throw new TokenizerError(`train: ${path} has files that are not from training (${others[0]}); give a new folder`)
    }
    this.take()
  }

  /** The state saved by {@link save}; undefined where there is none. */
  load(): unknown {
    try {
      return JSON.parse(readFileSync(join(this.path, STATE), 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new TokenizerError(
        `train: ${join(this.path, STATE)} cannot be read (${(error as Error).message}); remove ${this.path} to start over`,
      )
    }
  }

  save(state: unknown): void {
    const writer = this.write(STATE)
    writer.append(new TextEncoder().encode(JSON.stringify(state)))
    writer.close()
  }

  /** Removes leftovers of interrupted work: all files of training except `names` and the state. */
  keepOnly(names: readonly string[]): void {
    for (const name of readdirSync(this.path)) {
      if (OWN.test(name) && name !== STATE && !names.includes(name)) this.remove(name)
    }
  }

  write(name: string): SpillWriter {
    const part = join(this.path, `${name}.part`)
    let written = 0
    const attempt = <T>(work: () => T): T => {
      try {
        return work()
      } catch (error) {
        rmSync(part, { force: true })
        throw this.explained(error as NodeJS.ErrnoException, name, written)
      }
    }
    const file = attempt(() => openSync(part, 'w'))
    return {
      append: (bytes) =>
        attempt(() => {
          for (let at = 0; at < bytes.length; ) {
            const count = writeSync(file, bytes, at, bytes.length - at)
            at += count
            written += count
          }
        }),
      close: () =>
        attempt(() => {
          fsyncSync(file)
          closeSync(file)
          renameSync(part, join(this.path, name))
        }),
    }
  }

  read(name: string): SpillReader {
    const path = join(this.path, name)
    let file: number
    try {
      file = openSync(path, 'r')
    } catch (error) {
      throw new TokenizerError(
        `train: ${path} cannot be read (${(error as Error).message}); remove ${this.path} to start over`,
      )
    }
    let isOpen = true
    return {
      read: (into) => readSync(file, into, 0, into.length, null),
      close() {
        if (isOpen) closeSync(file)
        isOpen = false
      },
    }
  }

  remove(name: string): void {
    rmSync(join(this.path, name), { force: true })
  }

  collect(): void {
    collectGarbage()
  }

  /** Releases the lock. The folder is kept where it has a state to resume from, and removed otherwise. */
  release(): void {
    const names = readdirSync(this.path)
    if (!names.includes(STATE)) for (const name of names) if (OWN.test(name)) this.remove(name)
    rmSync(this.lock, { force: true })
    if (!names.includes(STATE)) rmdirSync(this.path)
  }

  /** Removes the folder with its files. */
  clear(): void {
    this.remove(STATE)
    this.release()
  }

  private explained(error: NodeJS.ErrnoException, name: string, written: number): Error {
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return error
    return new TokenizerError(
      `train: the disk of ${this.path} is full (${written} bytes of ${name} were written); free some space, or move the folder to another disk. ` +
        'Finished work is kept there: the same call resumes from it',
      { cause: error },
    )
  }

  private take(): void {
    const own = `${this.lock}.${process.pid}`
    writeFileSync(own, JSON.stringify({ pid: process.pid, began: beganAt(process.pid), host: hostname() }))
    try {
      for (let attempt = 0; ; attempt++) {
        try {
          linkSync(own, this.lock)
          return
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 3) throw error
        }
        const holder = holderOf(this.lock)
        if (holder && isAlive(holder)) {
          throw new TokenizerError(
            `train: process ${holder.pid} on ${holder.host} is using ${this.path}; wait for it or stop it, or give another folder (if it no longer runs, remove ${this.lock})`,
          )
        }
        rmSync(this.lock, { force: true })
      }
    } finally {
      rmSync(own, { force: true })
    }
  }
}

type Holder = { pid: number; began: string | undefined; host: string }

function holderOf(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

/** Whether a process is running. Processes of other hosts cannot be checked and count as running. */
function isAlive({ pid, began, host }: Holder): boolean {
  if (host !== hostname()) return true
  const now = beganAt(pid)
  if (now !== undefined) return now === began
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/**
 * Start time of a process in clock ticks since boot; '' where it has ended, undefined where the system does not tell.
 * @see proc_pid_stat(5)
 */
function beganAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19]
  } catch {
    return process.platform === 'linux' ? '' : undefined
  }
}

let collector: (() => void) | undefined

/** Forces garbage collection: V8 does not know the memory limit, so it may keep unreferenced arrays past it. */
function collectGarbage(): void {
  if (!collector) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
  }
  collector()
}

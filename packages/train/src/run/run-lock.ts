/** A run folder belongs to one living process at a time. Node only. */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync, rmSync } from 'node:fs'
import { link, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

export const lockName = 'run.lock'

/** Seconds between two signs of life, and how long one without any counts as alive. */
const beatSeconds = 5
const silentSeconds = 20

/** Who holds a folder. What the system does not tell is left out. */
export interface LockHolder {
  readonly id: string
  readonly pid: number
  /** When the process began, as the system counts it: a number that is used again is another process. */
  readonly began?: string
  readonly host: string
  /** Tells machines of one name apart. */
  readonly machine?: string
  /** Changes with every start of the machine. */
  readonly boot?: string
  /** Processes of another container cannot be looked at. */
  readonly container?: string
  /** ISO time. */
  readonly since: string
}

export interface LockOptions {
  /** How long a holder that cannot be looked at is waited for; default 20. */
  readonly silentSeconds?: number
  /** Called before such a wait. */
  readonly onWait?: (holder: LockHolder, seconds: number) => void
}

/** Another process has the folder. */
export class RunLockedError extends Error {
  override name = 'RunLockedError'
  readonly holder: LockHolder
  constructor(folder: string, holder: LockHolder) {
    super(
      `${folder}: process ${holder.pid} on ${holder.host} trains here since ${holder.since}; wait for it or stop it, or take another folder`,
    )
    this.holder = holder
  }
}

/** The lock of a run folder, `run.lock`. It ends with its process, however that ends. */
export class RunLock {
  private readonly folder: string
  private readonly holder: LockHolder
  private readonly beat: Worker
  private readonly onExit: () => void

  private constructor(folder: string, holder: LockHolder) {
    this.folder = folder
    this.holder = holder
    const path = join(folder, lockName)
    // A thread of its own: a step that keeps the main one busy for minutes is no silence.
    this.beat = new Worker(
      `const { utimesSync } = require('node:fs'); const { workerData } = require('node:worker_threads')
setInterval(() => { try { const now = new Date(); utimesSync(workerData.path, now, now) } catch {} }, workerData.every)`,
      { eval: true, execArgv: [], workerData: { path, every: beatSeconds * 1000 } },
    )
    this.beat.unref()
    this.beat.on('error', () => {})
    this.onExit = () => {
      if (read(path)?.id === holder.id) rmSync(path, { force: true })
    }
    process.on('exit', this.onExit)
  }

  /**
   * Takes the lock of a folder that is there. One that a dead process left is taken over. Where its holder is out of sight (another machine or
   * container) signs of life are waited for.
   * @throws RunLockedError where a living process holds it
   */
  static async take(folder: string, options: LockOptions = {}): Promise<RunLock> {
    const path = join(folder, lockName)
    const holder = thisProcess()
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await create(path, holder)) {
        const lock = new RunLock(folder, holder)
        await lock.check()
        return lock
      }
      const found = await look(path)
      if (!found) continue // it was given up just now
      if (await isAlive(path, found.holder, holder, options))
        throw new RunLockedError(folder, found.holder ?? unknownHolder)
      await takeAway(path, found.holder?.id, `${holder.id}.${attempt}`)
    }
    throw new Error(`${path}: the lock keeps changing its owner; stop the other processes that train here`)
  }

  /** @throws Error where another process has taken the folder meanwhile (this one was thought dead) */
  async check(): Promise<void> {
    const path = join(this.folder, lockName)
    let found = await look(path)
    // It was removed by hand: it is put back.
    if (!found && !(await create(path, this.holder))) found = await look(path)
    if (!found || found.holder?.id === this.holder.id) return
    const { pid, host } = found.holder ?? unknownHolder
    throw new Error(`${this.folder}: process ${pid} on ${host} has taken this run over; this one writes nothing more`)
  }

  async release(): Promise<void> {
    process.off('exit', this.onExit)
    await this.beat.terminate()
    const path = join(this.folder, lockName)
    if (read(path)?.id === this.holder.id) await rm(path, { force: true })
  }
}

const unknownHolder: LockHolder = { id: '', pid: 0, host: 'an unknown machine', since: 'an unknown time' }

function thisProcess(): LockHolder {
  const attempt = <T>(ask: () => T): T | undefined => {
    try {
      return ask() || undefined
    } catch {
      return undefined
    }
  }
  return {
    id: randomUUID(),
    pid: process.pid,
    began: beganAt(process.pid),
    host: hostname(),
    machine: attempt(() => readFileSync('/etc/machine-id', 'utf8').trim()),
    boot: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    container: attempt(() => readlinkSync('/proc/self/ns/pid')),
    since: new Date().toISOString(),
  }
}

/** When a process began, in ticks since the machine did; '' for one that has ended, undefined where the system does not say. @see proc_pid_stat(5) */
function beganAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19]
  } catch {
    return undefined
  }
}

/** Puts the lock there whole, or not at all. @returns whether it is ours */
async function create(path: string, holder: LockHolder): Promise<boolean> {
  const text = `${JSON.stringify(holder, null, 2)}\n`
  const temporary = join(path, '..', `.${lockName}.${holder.id}.tmp`)
  await writeFile(temporary, text)
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EOPNOTSUPP') throw error
    // A file system without links: made exclusively, then filled.
    const file = await open(path, 'wx').catch((e: NodeJS.ErrnoException) => {
      if (e.code === 'EEXIST') return undefined
      throw e
    })
    if (!file) return false
    await file.writeFile(text)
    await file.close()
    return true
  } finally {
    await rm(temporary, { force: true })
  }
}

function parse(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text)
    return typeof holder?.id === 'string' && Number.isInteger(holder.pid) && typeof holder.host === 'string'
      ? holder
      : undefined
  } catch {
    return undefined
  }
}

function read(path: string): LockHolder | undefined {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** What is there; `holder` is undefined for what no lock of ours looks like (or is being written). */
async function look(path: string): Promise<{ holder: LockHolder | undefined; beat: number } | undefined> {
  // Opened each time: network file systems refresh a file's attributes on open.
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!file) return undefined
  try {
    return { holder: parse(await file.readFile('utf8')), beat: (await file.stat()).mtimeMs }
  } finally {
    await file.close()
  }
}

async function isAlive(
  path: string,
  holder: LockHolder | undefined,
  me: LockHolder,
  { silentSeconds: silent = silentSeconds, onWait }: LockOptions,
): Promise<boolean> {
  const here = holder && holder.host === me.host && holder.machine === me.machine
  if (here && holder.boot !== me.boot) return false // the machine was rebooted since
  if (here && holder.container === me.container) {
    const began = beganAt(holder.pid)
    if (began !== undefined) return began !== '' && (holder.began === undefined || began === holder.began)
    try {
      process.kill(holder.pid, 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    }
    // It lives, but perhaps it is another process with the same number.
  }
  if (holder) onWait?.(holder, silent)
  const seen = await look(path)
  if (!seen) return false
  for (const end = performance.now() + silent * 1000; performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, silent * 250)))
    const now = await look(path)
    if (!now) return false // given up
    // Taken by another: look again. Where one look could not read it, somebody is writing it.
    if (now.holder?.id !== seen.holder?.id) return !now.holder || !seen.holder
    if (now.beat !== seen.beat) return true
  }
  return false
}

/** Takes a dead lock away, and nothing else that may have come in its place. */
async function takeAway(path: string, id: string | undefined, by: string): Promise<void> {
  const aside = join(path, '..', `.${lockName}.${by}.dead.tmp`)
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const taken = parse(await readFile(aside, 'utf8'))
  if (taken?.id !== id) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

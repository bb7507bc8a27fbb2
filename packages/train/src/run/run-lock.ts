/** The lock of a run folder: only one live process at a time may use it. Node only. */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync, rmSync } from 'node:fs'
import { link, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

export const lockName = 'run.lock'

/** Seconds between heartbeats, and seconds without one after which a holder counts as dead. */
const beatSeconds = 5
const silentSeconds = 20

/** The holder of a lock. Fields that the system does not provide are missing. */
export interface LockHolder {
  readonly id: string
  readonly pid: number
  /** Start time of the process in system ticks, which distinguishes processes that reuse a pid. */
  readonly began?: string
  readonly host: string
  /** Machine id, which distinguishes machines with the same host name. */
  readonly machine?: string
  /** Boot id, which changes with every boot. */
  readonly boot?: string
  /** PID namespace; processes of another container are not visible. */
  readonly container?: string
  /** When the lock was taken, ISO 8601. */
  readonly since: string
}

export interface LockOptions {
  /** Seconds to wait for a heartbeat of a holder that is not visible; default 20. */
  readonly silentSeconds?: number
  /** Called before such a wait. */
  readonly onWait?: (holder: LockHolder, seconds: number) => void
}

/** Another process has locked the folder. */
export class RunLockedError extends Error {
  override name = 'RunLockedError'
  readonly holder: LockHolder
  constructor(folder: string, holder: LockHolder) {
    super(
      `${folder}: process ${holder.pid} on ${holder.host} has been using this folder since ${holder.since}; wait for it, stop it, or use another folder`,
    )
    this.holder = holder
  }
}

/** The lock of a run folder, `run.lock`. A lock of a dead process is not valid. */
export class RunLock {
  private readonly folder: string
  private readonly holder: LockHolder
  private readonly beat: Worker
  private readonly onExit: () => void

  private constructor(folder: string, holder: LockHolder) {
    this.folder = folder
    this.holder = holder
    const path = join(folder, lockName)
    // A heartbeat thread, because a step may block the main thread for minutes.
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
   * Takes the lock of an existing folder. The lock of a dead process is replaced. If the holder is not visible (another
   * machine or container), waits for a heartbeat.
   * @throws RunLockedError if a live process holds it
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
      if (!found) continue // released in the meantime
      if (await isAlive(path, found.holder, holder, options))
        throw new RunLockedError(folder, found.holder ?? unknownHolder)
      await takeAway(path, found.holder?.id, `${holder.id}.${attempt}`)
    }
    throw new Error(`${path}: the lock's holder keeps changing; stop the other processes that use this folder`)
  }

  /** @throws Error if another process has taken the lock (because this one appeared dead) */
  async check(): Promise<void> {
    const path = join(this.folder, lockName)
    let found = await look(path)
    // The file was deleted, perhaps by hand: it is written again.
    if (!found && !(await create(path, this.holder))) found = await look(path)
    if (!found || found.holder?.id === this.holder.id) return
    const { pid, host } = found.holder ?? unknownHolder
    throw new Error(`${this.folder}: process ${pid} on ${host} has taken over this run; this process stops writing`)
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

/**
 * Start time of a process in ticks since boot; '' if it has ended, undefined if the system does not provide it.
 * @see proc_pid_stat(5)
 */
function beganAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19]
  } catch {
    return undefined
  }
}

/** Creates the lock file atomically. @returns whether this process now has the lock */
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
    // A file system without hard links: created exclusively, then written.
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

/** Reads the lock file; `holder` is undefined if it is malformed or being written. */
async function look(path: string): Promise<{ holder: LockHolder | undefined; beat: number } | undefined> {
  // Opened each time, because network file systems refresh a file's attributes on open.
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
  if (here && holder.boot !== me.boot) return false // the machine has rebooted since
  if (here && holder.container === me.container) {
    const began = beganAt(holder.pid)
    if (began !== undefined) return began !== '' && (holder.began === undefined || began === holder.began)
    try {
      process.kill(holder.pid, 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    }
    // A process with this pid exists, but may be another one.
  }
  if (holder) onWait?.(holder, silent)
  const seen = await look(path)
  if (!seen) return false
  for (const end = performance.now() + silent * 1000; performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, silent * 250)))
    const now = await look(path)
    if (!now) return false // released
    // Another process has the lock: check again. If one of the two reads failed, it is being written.
    if (now.holder?.id !== seen.holder?.id) return !now.holder || !seen.holder
    if (now.beat !== seen.beat) return true
  }
  return false
}

/** Removes the lock of a dead process, but not one that has replaced it. */
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

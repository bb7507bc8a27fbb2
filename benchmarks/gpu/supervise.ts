/**
 * Runs the measurements in a process of their own: a kernel that never ends, or a driver that ends its process, costs
 * one row. The process is then replaced by another one, which goes on after that row.
 */
import type { ChildProcess } from 'node:child_process'
import type { OpenedAdapter } from './adapter.ts'
import { type Budget, type GpuRecord, leftOut, type Report, type Row } from './record.ts'

/** Messages of the measuring process. */
export type WorkerMessage =
  | Report
  | { readonly kind: 'opened'; readonly opened: OpenedAdapter }
  | { readonly kind: 'unusable'; readonly why: string }
  | { readonly kind: 'done' }

/** The first message to the measuring process. */
export interface WorkerTask {
  readonly budget: { readonly minutes: number; readonly began: number }
  /** What earlier processes of this run have measured. */
  readonly done: readonly Row[]
}

/** Processes in succession that end without a row before the run gives up. */
const mostFailures = 3

/** Milliseconds that starting, and going on to the next case, take at most on a busy machine. */
const slowest = 60_000

export interface Supervision {
  /** Starts a measuring process with an IPC channel. */
  readonly start: () => ChildProcess
  readonly record: GpuRecord
  readonly budget: Pick<Budget, 'left' | 'caseLimit' | 'toJSON'>
  /** Milliseconds that a case may take; default: those of the budget. */
  readonly caseLimit?: number
  readonly onOpened: (opened: OpenedAdapter) => void
}

/**
 * Resolves when every case has its row.
 * @throws Error if there is no adapter, or if processes end before they measure anything
 */
export async function supervise(options: Supervision): Promise<void> {
  for (let failures = 0; ; ) {
    const rows = options.record.rows.length
    const why = await oneProcess(options)
    if (why === undefined) return
    failures = options.record.rows.length > rows ? 0 : failures + 1
    if (failures === mostFailures) throw new Error(why)
  }
}

/** Resolves to undefined after the last case, and to what has happened to the process if it has ended before. */
function oneProcess({ start, record, budget, caseLimit, onOpened }: Supervision): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = start()
    let running: { readonly section: string; readonly name: string } | undefined
    let timer: NodeJS.Timeout | undefined
    let finished = false
    let reason: string | undefined
    let over = false
    // A process that does not even answer is replaced as one that hangs in a case is.
    const watch = (milliseconds: number, why: string) => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        reason = why
        child.kill('SIGKILL')
      }, milliseconds)
    }
    const limit = caseLimit ?? budget.caseLimit
    watch(Math.max(limit, slowest), 'the adapter was not opened in time')
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'opened') onOpened(message.opened)
      else if (message.kind === 'begin') {
        running = message
        const left = Math.max(budget.left(), 0)
        over = left < limit
        if (over) watch(left, 'the time of the run was over')
        else watch(limit, `took more than ${limit / 1000} s`)
      } else if (message.kind === 'row') {
        running = undefined
        record.add(message.row)
        watch(Math.max(limit, slowest), 'the process did not go on')
      } else if (message.kind === 'unusable') {
        reject(new Error(message.why))
        child.kill('SIGKILL')
      } else {
        finished = true
        // What it leaves behind may be broken: it need not end by itself.
        child.kill('SIGKILL')
      }
    })
    child.on('error', (error) => {
      reason ??= error.message
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (finished) return resolve(undefined)
      const why = reason ?? `the process ended with ${signal ?? `exit code ${code}`}`
      if (running) {
        const { section, name } = running
        record.add(
          over && reason !== undefined
            ? { ...leftOut(section, name), error: `stopped: ${why}` }
            : { section, name, ok: false, error: why },
        )
      }
      resolve(why)
    })
    const task: WorkerTask = { budget: budget.toJSON(), done: record.rows }
    // If it has ended at once, `close` says so.
    child.send(task, () => {})
  })
}

/** Ctrl-C and other signals: the first is a request to stop after the current step, the second ends at once. Node only. */
import { constants } from 'node:os'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export type StopSignal = (typeof signals)[number]

/** Runners such as npm pass on a signal that the terminal has sent as well: what comes so soon after the first is the same one. */
const echoMilliseconds = 250

/** A run was asked to stop, and has. */
export class Stopped extends Error {
  override name = 'Stopped'
  readonly signal: StopSignal
  readonly exitCode: number
  /** @param exitCode default: `exitCodeOf(signal)`; 0 where everything is in a safe place */
  constructor(signal: StopSignal, message: string, exitCode = exitCodeOf(signal)) {
    super(message)
    this.signal = signal
    this.exitCode = exitCode
  }
}

/** What a shell gives for a process that a signal ended: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP. */
export function exitCodeOf(signal: StopSignal): number {
  return 128 + constants.signals[signal]
}

export interface StopSignalOptions {
  /** Called at once with the first signal. */
  readonly onRequest: (signal: StopSignal) => void
  /** Called with the second, just before the process ends. */
  readonly onSecond: (signal: StopSignal) => void
  /** Default: ends the process with `exitCodeOf(signal)`. */
  readonly end?: (signal: StopSignal) => void
}

/** Listens until `dispose`. */
export class StopSignals {
  private readonly options: StopSignalOptions
  private readonly listeners = new Map<StopSignal, () => void>()
  private readonly controller = new AbortController()
  private first: { readonly signal: StopSignal; readonly at: number } | undefined

  constructor(options: StopSignalOptions) {
    this.options = options
    for (const signal of signals) {
      const listener = () => this.receive(signal)
      this.listeners.set(signal, listener)
      process.on(signal, listener)
    }
  }

  /** The signal that asked the run to stop, if one has. */
  get requested(): StopSignal | undefined {
    return this.first?.signal
  }

  /** Lets signals that have arrived be heard: work that never waits for the outside keeps them out. */
  async listen(): Promise<StopSignal | undefined> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.requested
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  dispose(): void {
    for (const [signal, listener] of this.listeners) process.off(signal, listener)
    this.listeners.clear()
  }

  private receive(signal: StopSignal): void {
    const now = performance.now()
    if (!this.first) {
      this.first = { signal, at: now }
      this.options.onRequest(signal)
      this.controller.abort(new Stopped(signal, `stopped by ${signal}`))
      return
    }
    if (now - this.first.at < echoMilliseconds) return
    this.options.onSecond(signal)
    const end = this.options.end ?? ((s: StopSignal) => process.exit(exitCodeOf(s)))
    end(signal)
  }
}

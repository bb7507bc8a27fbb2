/**
 * Handles Ctrl-C and other signals: the first requests a stop after the current step, the second exits at once. Node
 * only.
 */
import { constants } from 'node:os'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export type StopSignal = (typeof signals)[number]

/**
 * Runners such as npm forward a signal that the terminal has also sent; one that follows within this time is the same.
 */
const echoMilliseconds = 250

/** A run stopped on request. */
export class Stopped extends Error {
  override name = 'Stopped'
  readonly signal: StopSignal
  readonly exitCode: number
  /** @param exitCode default: `exitCodeOf(signal)`; 0 if all state has been saved */
  constructor(signal: StopSignal, message: string, exitCode = exitCodeOf(signal)) {
    super(message)
    this.signal = signal
    this.exitCode = exitCode
  }
}

/** A shell's exit code for a process ended by a signal: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP. */
export function exitCodeOf(signal: StopSignal): number {
  return 128 + constants.signals[signal]
}

export interface StopSignalOptions {
  /** Called immediately at the first signal. */
  readonly onRequest: (signal: StopSignal) => void
  /** Called at the second signal, just before the process exits. */
  readonly onSecond: (signal: StopSignal) => void
  /** Ends the process. Default: exits with `exitCodeOf(signal)`. */
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

  /** The signal that requested the stop, if any. */
  get requested(): StopSignal | undefined {
    return this.first?.signal
  }

  /** Yields to the event loop, so that pending signals are delivered. */
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

/** Pauses a run between two steps. */
import type { RunStop } from '../run/run.ts'

/** A gate that blocks `pass` while paused. */
export class PauseGate {
  private waiting: (() => void)[] = []
  paused = false

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    for (const go of this.waiting.splice(0)) go()
  }

  /** Waits while paused, at most until `signal` is aborted. */
  async pass(signal: AbortSignal): Promise<void> {
    // Keeps the process alive: without pending work, Node would exit here.
    const alive = setInterval(() => {}, 60_000)
    try {
      while (this.paused && !signal.aborted)
        await new Promise<void>((resolve) => {
          this.waiting.push(resolve)
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
    } finally {
      clearInterval(alive)
    }
  }
}

/**
 * Wraps a run's stop so that the run also waits while the gate is paused: the current step completes, the next one
 * waits.
 */
export function withPause(stop: RunStop, gate: PauseGate): RunStop {
  return {
    get requested() {
      return stop.requested
    },
    signal: stop.signal,
    async listen() {
      const requested = await stop.listen()
      if (requested || !gate.paused) return requested
      await gate.pass(stop.signal)
      return stop.listen()
    },
  }
}

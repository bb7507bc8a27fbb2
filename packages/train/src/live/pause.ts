/** Holding a run between two steps. */
import type { RunStop } from '../run/run.ts'

/** Closed, it holds whoever waits. */
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

  /** Waits while it is closed, and no longer than until `signal` is aborted. */
  async pass(signal: AbortSignal): Promise<void> {
    // A process in which nothing else is under way would end here.
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

/** A run's stop that also holds it while a gate is closed: the step under way is made, the next one waits. */
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

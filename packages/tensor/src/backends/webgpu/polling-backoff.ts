// Sleeping before readbacks, so that polling does not occupy a CPU core.

/**
 * Waits for the device without busy polling. In Node, Dawn polls a pending promise in every iteration of the event
 * loop, which then never pauses: this occupies a CPU core that a software adapter needs, and produces garbage. So the
 * thread sleeps for most of the time that the queued work is expected to take, and only then polls.
 */
export class PollingBackoff {
  /** Expected end of the queued work, by performance.now(). */
  private expectedEnd = 0
  /** The program submitted last since the device was idle, and whether others were submitted before it. */
  private only: { readonly work: object; readonly at: number } | undefined
  private several = false
  /** Expected milliseconds by program. */
  private readonly usual = new WeakMap<object, number>()
  private readonly polls = typeof process === 'object' && process.versions?.node !== undefined
  /** Promises being waited for, since when (performance.now()), and whether `pauseEventLoop` is running. */
  private pending = 0
  private pendingSince = 0
  private pausing = false

  /** Call when `work` has been submitted. */
  submitted(work: object): void {
    const now = performance.now()
    this.several ||= this.only !== undefined
    this.only = { work, at: now }
    this.expectedEnd = Math.max(this.expectedEnd, now) + (this.usual.get(work) ?? 0)
  }

  /** Sleeps while the device is expected to be busy, for a fraction of the expected time. */
  async sleep(): Promise<void> {
    if (!this.polls) return
    const milliseconds = share * (this.expectedEnd - performance.now())
    if (milliseconds >= shortest) await new Promise((resolve) => setTimeout(resolve, milliseconds))
  }

  /**
   * Waits for a promise of the device. For waits of unknown length (a first run, the compilation of a pipeline), every
   * iteration of the event loop pauses for a twentieth of the time waited so far, once that is 4 milliseconds, and for
   * at most 1 millisecond: short waits are not delayed, and long ones leave the CPU to the device.
   */
  async until<T>(promise: Promise<T>): Promise<T> {
    if (!this.polls) return promise
    if (this.pending++ === 0) this.pendingSince = performance.now()
    this.pauseEventLoop()
    try {
      return await promise
    } finally {
      this.pending--
    }
  }

  /** Blocks the event loop for a short time in each iteration, until no promise is pending. */
  private pauseEventLoop(): void {
    if (this.pausing) return
    this.pausing = true
    const cell = new Int32Array(new SharedArrayBuffer(4))
    const turn = () => {
      this.pausing = this.pending > 0
      if (!this.pausing) return
      const pause = Math.min((performance.now() - this.pendingSince) / 20, longestPause)
      if (pause >= shortestPause) Atomics.wait(cell, 0, 0, pause)
      setImmediate(turn)
    }
    setImmediate(turn)
  }

  /** Call when everything submitted has finished. */
  done(): void {
    const now = performance.now()
    if (this.only && !this.several) {
      const took = now - this.only.at
      const before = this.usual.get(this.only.work)
      // If the device finished during the sleep, the measured time is that of the sleep. Since the next sleep is
      // shorter, the estimate falls until it is right.
      this.usual.set(this.only.work, before === undefined ? took : (before + took) / 2)
    }
    this.only = undefined
    this.several = false
    this.expectedEnd = now
  }
}

/** Fraction of the expected time to sleep. */
const share = 0.8
/** Milliseconds of the shortest sleep worth a timer. */
const shortest = 3
/** Milliseconds of a pause per iteration of the event loop: pauses far below the timer's resolution are useless. */
const longestPause = 1
const shortestPause = 0.2

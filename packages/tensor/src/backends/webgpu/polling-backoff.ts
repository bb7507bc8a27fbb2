// How long to sleep before a readback, so that polling does not burn a processor.

/**
 * Waiting without spinning. In Node, a promise of the device that is pending makes the event loop turn without pause: a
 * whole processor goes to asking whether the device is done, which on a software adapter is half of what it computes
 * with, and the turning leaves garbage behind. So the thread sleeps for most of the time that the queue is expected to
 * take, and asks only then.
 */
export class PollingBackoff {
  /** When the work that is queued should be done; performance.now(). */
  private expectedEnd = 0
  /** The program that has been submitted since the device was last seen idle, if it is a single one. */
  private only: { readonly work: object; readonly at: number } | undefined
  private several = false
  /** Milliseconds that programs took. */
  private readonly usual = new WeakMap<object, number>()
  private readonly spins = typeof process === 'object' && process.versions?.node !== undefined
  /** Promises of the device that are waited for, since when (performance.now()), and whether the brake runs. */
  private pending = 0
  private pendingSince = 0
  private braking = false

  /** Tells that `work` has been submitted. */
  submitted(work: object): void {
    const now = performance.now()
    this.several ||= this.only !== undefined
    this.only = { work, at: now }
    this.expectedEnd = Math.max(this.expectedEnd, now) + (this.usual.get(work) ?? 0)
  }

  /** Sleeps while the device is surely busy. Ends early rather than late. */
  async sleep(): Promise<void> {
    if (!this.spins) return
    const milliseconds = share * (this.expectedEnd - performance.now())
    if (milliseconds >= shortest) await new Promise((resolve) => setTimeout(resolve, milliseconds))
  }

  /**
   * Waits for a promise of the device. Where nothing says how long it will take (a first run, a pipeline that is
   * compiled), every turn of the event loop pauses for a twentieth of the time waited so far, from 4 milliseconds on and
   * at most for one: what is short is not delayed, and what is long leaves the processor to the device.
   */
  async until<T>(promise: Promise<T>): Promise<T> {
    if (!this.spins) return promise
    if (this.pending++ === 0) this.pendingSince = performance.now()
    this.brake()
    try {
      return await promise
    } finally {
      this.pending--
    }
  }

  private brake(): void {
    if (this.braking) return
    this.braking = true
    const cell = new Int32Array(new SharedArrayBuffer(4))
    const turn = () => {
      this.braking = this.pending > 0
      if (!this.braking) return
      const pause = Math.min((performance.now() - this.pendingSince) / 20, longestPause)
      if (pause >= shortestPause) Atomics.wait(cell, 0, 0, pause)
      setImmediate(turn)
    }
    setImmediate(turn)
  }

  /** Tells that everything submitted is done. */
  done(): void {
    const now = performance.now()
    if (this.only && !this.several) {
      const took = now - this.only.at
      const before = this.usual.get(this.only.work)
      // A device that was done before the sleep was over looks as slow as the sleep: the estimate falls until it no
      // longer is.
      this.usual.set(this.only.work, before === undefined ? took : (before + took) / 2)
    }
    this.only = undefined
    this.several = false
    this.expectedEnd = now
  }
}

/** Of the expected time. */
const share = 0.8
/** Milliseconds below which a timer is not worth it. */
const shortest = 3
/** Milliseconds of a pause in a turn of the event loop. A pause much shorter than a timer's slack is not worth it. */
const longestPause = 1
const shortestPause = 0.2

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

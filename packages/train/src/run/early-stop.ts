/** Early stopping: ends training when the held-out loss no longer improves. */

export interface EarlyStopOptions {
  /** Evaluations without improvement after which the run ends. */
  readonly patience: number
  /** Minimum improvement in nats per token. Default 0. */
  readonly minDelta?: number
}

/** Tracks the held-out loss of successive evaluations. */
export class EarlyStop {
  private readonly patience: number
  private readonly minDelta: number
  private best = { step: 0, loss: Number.POSITIVE_INFINITY }
  private since = 0

  /** @throws RangeError for a patience that is not an integer of at least 1, or a negative minDelta */
  constructor({ patience, minDelta = 0 }: EarlyStopOptions) {
    if (!Number.isInteger(patience) || patience < 1)
      throw new RangeError(`EarlyStop: patience must be an integer of at least 1, got ${patience}`)
    if (!(minDelta >= 0)) throw new RangeError(`EarlyStop: minDelta must be 0 or more, got ${minDelta}`)
    this.patience = patience
    this.minDelta = minDelta
  }

  /** @param loss nats per token @returns the reason to end the run, or undefined to continue */
  push(step: number, loss: number): string | undefined {
    if (loss < this.best.loss - this.minDelta) {
      this.best = { step, loss }
      this.since = 0
      return undefined
    }
    this.since++
    if (this.since < this.patience) return undefined
    return `the held-out loss was lowest at step ${this.best.step} (${this.best.loss.toFixed(4)} nats per token) and has not improved in ${this.since} evaluation${this.since === 1 ? '' : 's'} since`
  }
}

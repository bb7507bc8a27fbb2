/** When a loss goes wrong: since which step, so that a checkpoint from before is kept and can be named. */
import { spikeDetector } from '@kumiki/optim'

export interface TroubleReading {
  readonly step: number
  readonly loss: number
  readonly gradNorm?: number
}

/** Losses before trouble that tell what was usual; as many in a row that are no higher end it. */
const calmSteps = 16

/** Nats by which a loss may lie above the usual ones. */
const margin = 0.1

/** Watches losses for what a run may not come back from: a spike that stays, a slow climb, gradients that are gone. */
export class TroubleWatch {
  private readonly detector = spikeDetector()
  private trouble: { readonly since: number; readonly level: number } | undefined
  private calm = 0
  /** The last losses outside of trouble. */
  private recent: number[] = []
  private lowest: { readonly median: number; readonly step: number } | undefined

  /** The step at which trouble began, while it lasts. */
  get since(): number | undefined {
    return this.trouble?.since
  }

  push({ step, loss, gradNorm }: TroubleReading): void {
    const { spike, median } = this.detector.push(loss)
    if (this.trouble) {
      this.calm = loss <= this.trouble.level && gradNorm !== 0 ? this.calm + 1 : 0
      if (this.calm >= calmSteps) {
        this.trouble = undefined
        // What was calm enough to end trouble is no climb either.
        this.lowest = undefined
      }
      return
    }
    this.calm = 0
    if (Number.isFinite(median) && !(median >= (this.lowest?.median ?? Number.POSITIVE_INFINITY)))
      this.lowest = { median, step }
    // What was usual just before, not over the whole window: a loss that falls fast has left the older ones behind.
    const usual = Math.max(...this.recent) + margin
    if (spike || gradNorm === 0) this.trouble = { since: step, level: usual }
    else if (this.lowest && median > this.lowest.median + Math.max(0.25, 0.05 * this.lowest.median))
      this.trouble = { since: this.lowest.step + 1, level: this.lowest.median + margin }
    else this.recent = [...this.recent, loss].slice(-calmSteps)
  }
}

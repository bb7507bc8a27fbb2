/**
 * Detects divergence of the loss and the step at which it began, so that an earlier checkpoint can be kept and
 * suggested.
 */
import { spikeDetector } from '@kumiki/optim'

/** The loss and gradient norm of a step. */
export interface LossReading {
  readonly step: number
  readonly loss: number
  readonly gradNorm?: number
}

/** Number of losses that define the normal level; as many consecutive losses at that level end a divergence. */
const calmSteps = 16

/** Nats by which a loss may exceed the normal level. */
const margin = 0.1

/** Watches for divergence: a spike without recovery, a slow rise, vanished gradients. */
export class DivergenceDetector {
  private readonly detector = spikeDetector()
  private divergence: { readonly since: number; readonly level: number } | undefined
  private calm = 0
  /** The last losses before a divergence. */
  private recent: number[] = []
  private lowest: { readonly median: number; readonly step: number } | undefined

  /** The step at which the current divergence began, if any. */
  get since(): number | undefined {
    return this.divergence?.since
  }

  push({ step, loss, gradNorm }: LossReading): void {
    const { spike, median } = this.detector.push(loss)
    if (this.divergence) {
      this.calm = loss <= this.divergence.level && gradNorm !== 0 ? this.calm + 1 : 0
      if (this.calm >= calmSteps) {
        this.divergence = undefined
        // Restarts the detection of a slow rise from the recovered level.
        this.lowest = undefined
      }
      return
    }
    this.calm = 0
    if (Number.isFinite(median) && !(median >= (this.lowest?.median ?? Number.POSITIVE_INFINITY)))
      this.lowest = { median, step }
    // The level of the last steps, not of the whole window, whose older losses are much higher if the loss falls fast.
    const level = Math.max(...this.recent) + margin
    if (spike || gradNorm === 0) this.divergence = { since: step, level: level }
    else if (this.lowest && median > this.lowest.median + Math.max(0.25, 0.05 * this.lowest.median))
      this.divergence = { since: this.lowest.step + 1, level: this.lowest.median + margin }
    else this.recent = [...this.recent, loss].slice(-calmSteps)
  }
}

/**
 * The batch size of each step of a Megatron-LM run, with `--rampup-batch-size`.
 * @see Megatron-LM megatron/core/num_microbatches_calculator.py (0.16.1)
 */

/** `--rampup-batch-size START INCREMENT SAMPLES`. */
export interface BatchRampup {
  readonly start: number
  readonly increment: number
  readonly samples: number
  /**
   * With `--decrease-batch-size-if-needed`: sizes are rounded down to a multiple of this, micro batch x data-parallel
   * size.
   */
  readonly multiple?: number
}

/** Consecutive steps of the same size, from a step and a sample on. */
interface Stretch {
  readonly step: number
  readonly sample: number
  readonly size: number
}

const mostSteps = 1e8

/** The ranges of samples of steps; steps are numbered from 1. */
export class StepSizes {
  readonly globalBatchSize: number
  /** The stretches in order; the last has no end. */
  private readonly stretches: Stretch[] = []

  /** @throws RangeError for numbers that Megatron-LM rejects */
  constructor(globalBatchSize: number, rampup?: BatchRampup) {
    this.globalBatchSize = globalBatchSize
    if (!rampup) {
      this.stretches.push({ step: 1, sample: 0, size: globalBatchSize })
      return
    }
    const { start, increment, samples, multiple = 1 } = rampup
    for (const [name, value] of Object.entries({ START: start, INCREMENT: increment, multiple }))
      if (!Number.isInteger(value) || value < 1)
        throw new RangeError(`--rampup-batch-size: ${name} must be an integer of at least 1, got ${value}`)
    if (!Number.isSafeInteger(samples) || samples < 0)
      throw new RangeError(`--rampup-batch-size: SAMPLES must be an integer of at least 0, got ${samples}`)
    const difference = globalBatchSize - start
    if (difference <= 0 || difference % increment !== 0)
      throw new RangeError(
        `--rampup-batch-size: the global batch size ${globalBatchSize} minus START ${start} must be a positive multiple of INCREMENT ${increment}`,
      )
    const perIncrement = samples / (difference / increment)
    let consumed = 0
    for (let step = 1; ; step++) {
      const full = consumed > samples || samples === 0
      const wanted = full ? globalBatchSize : start + Math.trunc(consumed / perIncrement) * increment
      const size = Math.floor(wanted / multiple) * multiple
      if (size < 1)
        throw new RangeError(
          `--rampup-batch-size: a batch of ${wanted} is smaller than micro batch x data-parallel size, ${multiple}`,
        )
      if (this.stretches.at(-1)?.size !== size || full) this.stretches.push({ step, sample: consumed, size })
      if (full) return
      if (step > mostSteps)
        throw new RangeError(`--rampup-batch-size: the ramp-up takes more than ${mostSteps} steps; use fewer SAMPLES`)
      consumed += size
    }
  }

  /** The samples `from` to `to` - 1 of a step. */
  range(step: number): { readonly from: number; readonly to: number } {
    const stretch = this.stretches.findLast((one) => one.step <= step) as Stretch
    const from = stretch.sample + (step - stretch.step) * stretch.size
    return { from, to: from + stretch.size }
  }

  /** The step that reads a sample. */
  stepOf(sample: number): number {
    const stretch = this.stretches.findLast((one) => one.sample <= sample) as Stretch
    return stretch.step + Math.floor((sample - stretch.sample) / stretch.size)
  }

  /** Number of complete steps in `samples` samples. */
  stepsIn(samples: number): number {
    return this.stepOf(samples) - 1
  }
}

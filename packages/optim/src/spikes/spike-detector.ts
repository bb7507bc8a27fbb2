// Detects loss spikes: values that are upward outliers among the latest ones.

import { checkInteger, checkNumber, checkOptions } from '../check.ts'

export interface SpikeDetectorOptions {
  /** How many of the latest values a value is compared with. Default 128. */
  window?: number
  /** Robust z-score at which a value counts as a spike. Default 6. */
  threshold?: number
  /**
   * Until this many values are in the window, only non-finite values are spikes. Default: a quarter of the window, at
   * least 2.
   */
  minimum?: number
  /** Lower bound of the spread, in units of the values, so that noise on a flat curve is not a spike. Default 1e-3. */
  minimumSpread?: number
}

export interface SpikeReading {
  spike: boolean
  /**
   * (value - median) / (1.4826 * median absolute deviation). 0 until `minimum` values are known, infinity for NaN and
   * infinities.
   */
  score: number
  /** Median of the window before this value. NaN while it is empty. */
  median: number
}

export interface SpikeDetector {
  /**
   * Compares a value with the window, then adds it. Spikes are added too (a median is robust to them); non-finite
   * values are not.
   */
  push(value: number): SpikeReading
  /** The window, oldest first. A checkpoint stores it for `restore`. */
  history(): number[]
  /**
   * Replaces the window by the latest values of a history.
   * @throws RangeError if a value is not finite
   */
  restore(history: readonly number[]): void
}

/**
 * A detector of upward spikes in a loss or a gradient norm, by a z-score from median and median absolute deviation,
 * which earlier spikes in the window hardly change. 1.4826 times the median absolute deviation estimates the standard
 * deviation of normal data.
 * @throws RangeError if an option is out of range
 * @example
 * ```ts
 * import { spikeDetector } from '@kumiki/optim'
 *
 * const detector = spikeDetector({ window: 32 })
 * const losses = Array.from({ length: 40 }, (_, step) => (step === 30 ? 9 : 2 + 0.01 * (step % 5)))
 * console.log(losses.flatMap((loss, step) => (detector.push(loss).spike ? [step] : []))) // [30]
 * ```
 */
export function spikeDetector(options: SpikeDetectorOptions = {}): SpikeDetector {
  checkOptions('spikeDetector: options', options)
  const { window = 128, threshold = 6, minimumSpread = 1e-3 } = options
  const { minimum = Math.max(2, Math.floor(window / 4)) } = options
  checkInteger('spikeDetector: window', window, 2)
  checkNumber('spikeDetector: threshold', threshold, 0)
  checkInteger('spikeDetector: minimum', minimum, 2, window)
  checkNumber('spikeDetector: minimumSpread', minimumSpread, 0)
  let values: number[] = []
  return {
    push(value) {
      if (typeof value !== 'number') throw new TypeError('spikeDetector: value must be a number')
      const middle = median(values)
      if (!Number.isFinite(value)) return { spike: true, score: Number.POSITIVE_INFINITY, median: middle }
      let score = 0
      if (values.length >= minimum) {
        const spread = Math.max(1.4826 * median(values.map((v) => Math.abs(v - middle))), minimumSpread)
        const excess = value - middle
        score = excess === 0 ? 0 : excess / spread
      }
      values.push(value)
      if (values.length > window) values.shift()
      return { spike: score >= threshold && score > 0, score, median: middle }
    },
    history: () => [...values],
    restore(history) {
      history.forEach((v, i) => {
        if (!Number.isFinite(v)) throw new RangeError(`spikeDetector: history[${i}] must be finite, got ${v}`)
      })
      values = history.slice(-window)
    },
  }
}

function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

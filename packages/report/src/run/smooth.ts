/** Smoothing of curves, and summary figures of runs. */
import { median } from 'd3-array'
import type { ReportRun } from './run.ts'

/**
 * Two-sided exponential smoothing: weights fall by a factor of e over `span` points in both directions, so that the
 * result does not lag behind a falling loss. NaN does not enter the means and stays NaN.
 */
export function smooth(values: readonly number[], span: number): number[] {
  const keep = Math.exp(-1 / Math.max(1, span))
  const sums = new Float64Array(values.length)
  const weights = new Float64Array(values.length)
  const pass = (from: number, to: number, by: number) => {
    let [sum, weight] = [0, 0]
    for (let i = from; i !== to; i += by) {
      const y = values[i]
      const here = Number.isFinite(y) ? 1 : 0
      // The decayed sum of the points before; the point itself is counted once, in the forward pass.
      sums[i] += sum * keep + (by > 0 && here ? y : 0)
      weights[i] += weight * keep + (by > 0 ? here : 0)
      sum = keep * sum + (here ? y : 0)
      weight = keep * weight + here
    }
  }
  pass(0, values.length, 1)
  pass(values.length - 1, -1, -1)
  return values.map((y, i) => (Number.isFinite(y) ? sums[i] / weights[i] : Number.NaN))
}

/** Smooths over a hundredth of the run, as in its figures. */
export function smoothed(values: readonly number[]): number[] {
  return smooth(values, Math.max(2, values.length / 100))
}

/**
 * Centred moving average with a half-width of a twentieth of the index, so that the window has the same width
 * everywhere on a logarithmic axis. NaN does not enter the means and stays NaN.
 */
export function smoothedByShare(values: readonly number[]): number[] {
  const sums = new Float64Array(values.length + 1)
  const counts = new Float64Array(values.length + 1)
  values.forEach((y, i) => {
    const there = Number.isFinite(y)
    sums[i + 1] = sums[i] + (there ? y : 0)
    counts[i + 1] = counts[i] + (there ? 1 : 0)
  })
  return values.map((y, i) => {
    const span = Math.floor((i + 1) / 20)
    const [from, to] = [Math.max(0, i - span), Math.min(values.length, i + span + 1)]
    return Number.isFinite(y) ? (sums[to] - sums[from]) / (counts[to] - counts[from]) : Number.NaN
  })
}

/** Training loss at the end, smoothed as in the figure; NaN without metrics. */
export function finalTrainingLoss(run: ReportRun): number {
  return smoothed(run.metrics.map(({ loss }) => loss)).at(-1) ?? Number.NaN
}

/** The median of a metric over the steps of a run; NaN where no step has it. */
export function medianOf(run: ReportRun, field: 'tokensPerSecond' | 'mfu'): number {
  return median(run.metrics.map((m) => m[field] ?? Number.NaN).filter(Number.isFinite)) ?? Number.NaN
}

/** Curves of single steps made readable, and figures of their ends. */
import { median } from 'd3-array'
import type { ReportRun } from './run.ts'

/**
 * A mean of neighbours on both sides, with weights that fall by 1/e over `span` points: it does not lag behind a falling loss.
 * NaN is passed over, and stays where it is.
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
      // What lies before on this side; the point itself is counted once, on the way forward.
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

/** Smoothed as the figures of a run are: over a hundredth of it. */
export function smoothed(values: readonly number[]): number[] {
  return smooth(values, Math.max(2, values.length / 100))
}

/**
 * A mean over a twentieth of what came before, on both sides: as wide everywhere on a logarithmic axis. NaN is passed over, and stays where it is.
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

/** A figure in the middle of the run's steps; NaN where it has none. */
export function medianOf(run: ReportRun, field: 'tokensPerSecond' | 'mfu'): number {
  return median(run.metrics.map((m) => m[field] ?? Number.NaN).filter(Number.isFinite)) ?? Number.NaN
}

/** Statistics of loss curves and of results over seeds. */

/** `[i]` is the loss at step i + 1. */
export type LossCurve = readonly number[]

/**
 * Mean of the losses from `span` steps before each step to `span` after it; non-finite losses are ignored. At the
 * beginning, where the loss decreases fast, the window shrinks symmetrically; at the end it is one-sided.
 */
export function smoothed(losses: LossCurve, span = 10): number[] {
  return losses.map((_, i) => {
    const reach = Math.min(span, i)
    const near = losses.slice(i - reach, i + reach + 1).filter(Number.isFinite)
    return near.length > 0 ? mean(near) : Number.NaN
  })
}

/** The first step whose smoothed loss is at or below `level`; undefined if none is. */
export function stepsToReach(losses: LossCurve, level: number): number | undefined {
  const at = smoothed(losses).findIndex((loss) => loss <= level)
  return at < 0 ? undefined : at + 1
}

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

/** `mean ± standard deviation` of a sample, with the given number of decimals. */
export function spread(values: readonly number[], decimals = 3): string {
  if (values.some((v) => !Number.isFinite(v))) return 'diverged'
  const m = mean(values)
  const deviation = Math.sqrt(values.reduce((s, v) => s + (v - m) ** 2, 0) / Math.max(1, values.length - 1))
  return `${m.toFixed(decimals)} ± ${deviation.toFixed(decimals)}`
}

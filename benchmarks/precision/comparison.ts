/** Compares policies seed by seed, with confidence intervals. */
import { type PolicyComparison, policyCells, policyColumns } from '@kumiki/report'
import { studentT } from '../common/student-t.ts'
import type { RunRecord } from './records.ts'

/** Fewest pairs for which an interval is given: two say hardly anything about the spread. */
const fewestPairs = 3

/** NaN for an empty list. */
const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length

const numbers = (values: readonly (number | null)[]) => values.filter((v): v is number => v !== null)

/**
 * Number of steps whose loss is more than five robust standard deviations (1.4826 MAD) above the median of the last 20.
 */
export function countSpikes(losses: readonly number[]): number {
  let spikes = 0
  for (let i = 20; i < losses.length; i++) {
    const near = losses.slice(i - 20, i).sort((a, b) => a - b)
    const median = (near[9] + near[10]) / 2
    const off = near.map((x) => Math.abs(x - median)).sort((a, b) => a - b)
    if (losses[i] - median > 5 * 1.4826 * ((off[9] + off[10]) / 2)) spikes++
  }
  return spikes
}

/**
 * @param runs of one setting
 * @returns a comparison for each policy; their intervals (Student's t) hold simultaneously with 95 % (Bonferroni),
 *   since among many policies one would differ by chance
 */
export function compareRuns(runs: readonly RunRecord[], baseline: string): PolicyComparison[] {
  const base = new Map(runs.filter((r) => r.policy === baseline).map((r) => [r.seed, r.heldOut]))
  const policies = [...new Set(runs.map((r) => r.policy))]
  const level = 1 - 0.05 / (2 * Math.max(1, policies.length - 1))
  return policies.map((policy) => {
    const mine = runs.filter((r) => r.policy === policy)
    const pairs = mine.flatMap(({ seed, heldOut }) => {
      const other = base.get(seed) ?? null
      return heldOut === null || other === null ? [] : [heldOut - other]
    })
    const difference = mean(pairs)
    const deviation = Math.sqrt(pairs.reduce((s, d) => s + (d - difference) ** 2, 0) / (pairs.length - 1))
    return {
      policy,
      baseline,
      seeds: mine.length,
      heldOut: mean(numbers(mine.map((r) => r.heldOut))),
      pairs: pairs.length,
      difference,
      halfWidth:
        pairs.length < fewestPairs
          ? undefined
          : (studentT(level, pairs.length - 1) * deviation) / Math.sqrt(pairs.length),
      tokensPerSecond: mean(numbers(mine.map((r) => r.tokensPerSecond))),
      peakBytes: mine[0].peakBytes,
      spikes: mine.reduce((s, r) => s + countSpikes(r.losses), 0),
      clippedSteps: mine.reduce((s, r) => s + r.clipped.slice(1).filter((c) => c > 0).length, 0),
      failed: mine.filter((r) => r.heldOut === null).length,
    }
  })
}

/** The comparison as text, in columns. */
export function table(comparisons: readonly PolicyComparison[]): string {
  const rows = [policyColumns, ...comparisons.map(policyCells)]
  const widths = policyColumns.map((_, i) => Math.max(...rows.map((r) => r[i].length)))
  return rows.map((r) => r.map((c, i) => (i === 0 ? c.padEnd(widths[i]) : c.padStart(widths[i]))).join('  ')).join('\n')
}

/** Policies compared seed by seed, and what may be said of it. */
import { studentT } from '../common/student-t.ts'
import type { RunRecord } from './records.ts'

/** A policy's held-out losses against the baseline's, seed by seed. */
export interface Comparison {
  readonly policy: string
  readonly baseline: string
  readonly seeds: number
  /** Mean over seeds, nats per token; NaN where every run failed. */
  readonly heldOut: number
  /** Seeds of which both runs ended well. */
  readonly pairs: number
  /** Mean of the paired differences; NaN without a pair. */
  readonly difference: number
  /**
   * Half the width of its confidence interval (Student's t). The intervals of all policies hold together with 95 % (Bonferroni): with many
   * policies one would look different by chance. Undefined for fewer than three pairs: so few say next to nothing of a spread.
   */
  readonly halfWidth: number | undefined
  readonly tokensPerSecond: number
  readonly peakBytes: number
  readonly spikes: number
  readonly clippedSteps: number
  readonly failed: number
}

/** Pairs that an interval takes. */
export const fewestPairs = 3

/** NaN of nothing. */
export const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length

const numbers = (values: readonly (number | null)[]) => values.filter((v): v is number => v !== null)

/** Steps whose loss stands out of the ones before: five robust deviations above the median of the last 20. */
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

/** @param runs of one setting */
export function compareRuns(runs: readonly RunRecord[], baseline: string): Comparison[] {
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

const fixed = (x: number, digits: number) => (Number.isFinite(x) ? x.toFixed(digits) : '–')
const signed = (x: number) => (Number.isFinite(x) ? `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(4)}` : '–')

export const columns = [
  'policy',
  'seeds',
  'held-out',
  'difference',
  '95 % interval',
  'tokens/s',
  'peak MB',
  'spikes',
  'steps with clipping',
  'failed',
]

export function cells(c: Comparison): string[] {
  const own = c.policy === c.baseline
  return [
    c.policy,
    String(c.seeds),
    fixed(c.heldOut, 4),
    own ? '' : signed(c.difference),
    own ? '' : c.halfWidth === undefined ? '–' : intervalOf(c.difference, c.halfWidth),
    fixed(c.tokensPerSecond, 0),
    fixed(c.peakBytes / 1e6, 1),
    String(c.spikes),
    String(c.clippedSteps),
    String(c.failed),
  ]
}

const intervalOf = (middle: number, half: number) => `${signed(middle - half)} to ${signed(middle + half)}`

export function table(comparisons: readonly Comparison[]): string {
  const rows = [columns, ...comparisons.map(cells)]
  const widths = columns.map((_, i) => Math.max(...rows.map((r) => r[i].length)))
  return rows.map((r) => r.map((c, i) => (i === 0 ? c.padEnd(widths[i]) : c.padStart(widths[i]))).join('  ')).join('\n')
}

/** What the numbers allow to be said, and no more. */
export function findings(comparisons: readonly Comparison[]): string[] {
  return comparisons
    .filter((c) => c.policy !== c.baseline)
    .map((c) => {
      if (c.failed === c.seeds) return `${c.policy} diverged in every one of ${seedsOf(c.seeds)}.`
      const failed = c.failed > 0 ? ` It diverged in ${c.failed} of ${c.seeds}.` : ''
      if (c.pairs === 0)
        return `${c.policy} has no seed in common with ${c.baseline}, so there is no difference.${failed}`
      const difference = `${signed(c.difference)} nats per token`
      if (c.halfWidth === undefined)
        return `${c.policy} less ${c.baseline}: ${difference} in ${seedsOf(c.pairs)}, which is no interval: that takes ${fewestPairs}.${failed}`
      const [low, high] = [c.difference - c.halfWidth, c.difference + c.halfWidth]
      const verdict =
        low > 0
          ? `is worse than ${c.baseline}`
          : high < 0
            ? `is better than ${c.baseline}`
            : `cannot be told from ${c.baseline} by ${seedsOf(c.pairs)}`
      return `${c.policy} ${verdict}: ${difference} (${intervalOf(c.difference, c.halfWidth)}).${failed}`
    })
}

const seedsOf = (count: number) => `${count} ${count === 1 ? 'seed' : 'seeds'}`

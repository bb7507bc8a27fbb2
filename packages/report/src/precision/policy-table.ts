/** Comparison of precision policies with a baseline, as table cells and as sentences. */
import type { PolicyComparison } from './precision-run.ts'

const fixed = (x: number, digits: number) => (Number.isFinite(x) ? x.toFixed(digits) : '–')
const signed = (x: number) => (Number.isFinite(x) ? `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(4)}` : '–')

/** Column headers for `policyCells`. Losses are in nats per token. */
export const policyColumns: readonly string[] = [
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

/**
 * The cells of one policy, in the order of `policyColumns`.
 * @returns texts; the difference and its interval are empty for the baseline itself
 */
export function policyCells(c: PolicyComparison): string[] {
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

/**
 * One sentence per policy other than the baseline: worse or better where the confidence interval of the paired
 * difference excludes zero, else not distinguishable.
 */
export function policyFindings(comparisons: readonly PolicyComparison[]): string[] {
  return comparisons
    .filter((c) => c.policy !== c.baseline)
    .map((c) => {
      if (c.failed === c.seeds) return `${c.policy} diverged in every one of ${seedsOf(c.seeds)}.`
      const failed = c.failed > 0 ? ` It diverged in ${c.failed} of ${c.seeds}.` : ''
      if (c.pairs === 0)
        return `${c.policy} has no seed in common with ${c.baseline}, so there is no difference.${failed}`
      const difference = `${signed(c.difference)} nats per token`
      if (c.halfWidth === undefined)
        return `${c.policy} minus ${c.baseline}: ${difference} in ${seedsOf(c.pairs)}, too few for a confidence interval.${failed}`
      const [low, high] = [c.difference - c.halfWidth, c.difference + c.halfWidth]
      const verdict =
        low > 0
          ? `is worse than ${c.baseline}`
          : high < 0
            ? `is better than ${c.baseline}`
            : `cannot be distinguished from ${c.baseline} with ${seedsOf(c.pairs)}`
      return `${c.policy} ${verdict}: ${difference} (${intervalOf(c.difference, c.halfWidth)}).${failed}`
    })
}

const seedsOf = (count: number) => `${count} ${count === 1 ? 'seed' : 'seeds'}`

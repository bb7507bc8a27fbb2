/** Lenth's method: significance of effects in unreplicated designs without residual degrees of freedom. */

import { effectsUpTo } from '../designs/aliases.ts'
import { checkRegularDesign } from '../designs/check-design.ts'
import type { Design } from '../designs/design.ts'
import { tQuantile } from '../distributions/distributions.ts'

export interface LenthEffect {
  /** The effect with the fewest factors in the alias set of the contrast. */
  readonly term: string
  readonly factors: readonly string[]
  /** Mean where it is on minus mean where it is off. */
  readonly difference: number
  /** difference / pseudoStandardError. */
  readonly ratio: number
  /** Whether the effect is significant by itself: its size exceeds the margin of error. */
  readonly exceedsMarginOfError: boolean
  /** Whether it is significant among all contrasts: its size exceeds the simultaneous margin of error. */
  readonly exceedsSimultaneousMarginOfError: boolean
}

export interface Lenth {
  readonly pseudoStandardError: number
  readonly marginOfError: number
  readonly simultaneousMarginOfError: number
  /** All runs - 1 contrasts, largest first. */
  readonly effects: readonly LenthEffect[]
}

/**
 * Estimates the margin of error from the effects themselves, on the assumption that most of them are zero.
 * @param responses one per run
 * @param confidence confidence level of the margins, above 0 and below 1
 * @throws RangeError where the number of responses does not match the design, or the design has fewer than 8 runs
 * @see Lenth 1989, Quick and Easy Analysis of Unreplicated Factorials, Technometrics 31(4)
 * @example
 * const d = design({ factors: ['code', 'math', 'web'], runs: 8 })
 * lenth(d, [1, 5, 1.2, 5.1, 0.9, 5.2, 1.1, 4.9]).effects[0].difference // 4
 */
export function lenth(design: Design, responses: readonly number[], confidence = 0.95): Lenth {
  checkRegularDesign('lenth', design)
  if (!Array.isArray(responses)) throw new TypeError('lenth: responses must be an array, one for each run')
  const { factors, runs } = design
  const n = runs.length
  if (responses.length !== n || !responses.every(Number.isFinite))
    throw new RangeError(`lenth: ${n} runs need ${n} finite responses, got ${responses.length}`)
  if (n < 8) throw new RangeError(`lenth: at least 8 runs are needed, the design has ${n}`)
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`lenth: confidence must be above 0 and below 1, got ${confidence}`)
  const seen = new Set<string>()
  const contrasts: { factors: number[]; difference: number }[] = []
  for (const own of effectsUpTo(factors.length, factors.length)) {
    if (contrasts.length === n - 1) break
    const signs = runs.map((row) => own.reduce((product, i) => product * row[i], 1))
    if (signs.reduce((s, x) => s + x, 0) !== 0) continue
    const key = signs.map((x) => (x * signs[0] > 0 ? '+' : '-')).join('')
    if (seen.has(key)) continue
    seen.add(key)
    contrasts.push({ factors: own, difference: signs.reduce((s, x, run) => s + x * responses[run], 0) / (n / 2) })
  }
  const sizes = contrasts.map(({ difference }) => Math.abs(difference))
  const first = 1.5 * median(sizes)
  const pseudoStandardError = 1.5 * median(sizes.filter((size) => size < 2.5 * first))
  const degrees = contrasts.length / 3
  const marginOfError = tQuantile((1 - confidence) / 2, degrees) * pseudoStandardError
  const among = (1 - confidence ** (1 / contrasts.length)) / 2
  const simultaneousMarginOfError = tQuantile(among, degrees) * pseudoStandardError
  return {
    pseudoStandardError,
    marginOfError,
    simultaneousMarginOfError,
    effects: contrasts
      .map(({ factors: own, difference }) => ({
        term: own.map((i) => factors[i].name).join(':'),
        factors: own.map((i) => factors[i].name),
        difference,
        ratio: difference / pseudoStandardError,
        exceedsMarginOfError: Math.abs(difference) > marginOfError,
        exceedsSimultaneousMarginOfError: Math.abs(difference) > simultaneousMarginOfError,
      }))
      .sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference)),
  }
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

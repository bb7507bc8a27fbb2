/** Tail probabilities and quantiles of the distributions for an analysis of variance. */
import { incompleteBeta, incompleteGamma } from './incomplete.ts'
import { deviance, stirlingError } from './stirling.ts'

/** P(F > x) for an F distribution: the p-value of an F statistic. */
export function fUpperTail(x: number, d1: number, d2: number): number {
  if (x === Number.POSITIVE_INFINITY) return 0
  const sum = d1 * x + d2
  return incompleteBeta(d1 / 2, d2 / 2, (d1 * x) / sum, d2 / sum).upper
}

/** The upper quantile: x with P(F > x) = tail. */
export function fQuantile(tail: number, d1: number, d2: number): number {
  return solve((x) => fUpperTail(x, d1, d2), tail)
}

/** P(T > x) for Student's t. */
export function tUpperTail(x: number, degreesOfFreedom: number): number {
  const half = fUpperTail(x * x, 1, degreesOfFreedom) / 2
  return x >= 0 ? half : 1 - half
}

/** The upper quantile: t with P(T > t) = tail, for a tail of at most 0.5. */
export function tQuantile(tail: number, degreesOfFreedom: number): number {
  return tail === 0.5 ? 0 : Math.sqrt(fQuantile(2 * tail, 1, degreesOfFreedom))
}

/** P(Z > x) for the standard normal distribution. */
export function normalUpperTail(x: number): number {
  const half = incompleteGamma(0.5, (x * x) / 2).upper / 2
  return x >= 0 ? half : 1 - half
}

/** The upper quantile: z with P(Z > z) = tail, for a tail of at most 0.5. */
export function normalQuantile(tail: number): number {
  return tail === 0.5 ? 0 : solve(normalUpperTail, tail)
}

/** P(X > x) for a chi-square distribution. */
export function chiSquareUpperTail(x: number, degreesOfFreedom: number): number {
  return incompleteGamma(degreesOfFreedom / 2, x / 2).upper
}

/**
 * P(F > x) for a noncentral F distribution: the power of an F test. Computed as a Poisson mixture of beta
 * distributions.
 * @see Johnson, Kotz and Balakrishnan 1995, Continuous Univariate Distributions 2, chapter 30
 */
export function noncentralFUpperTail(x: number, d1: number, d2: number, noncentrality: number): number {
  if (x === Number.POSITIVE_INFINITY) return 0
  if (noncentrality === 0) return fUpperTail(x, d1, d2)
  const half = noncentrality / 2
  const sum = d1 * x + d2
  const part = (j: number) => {
    const weight =
      j === 0 ? Math.exp(-half) : Math.exp(-stirlingError(j) - deviance(j, half)) / Math.sqrt(2 * Math.PI * j)
    return weight * incompleteBeta(d1 / 2 + j, d2 / 2, (d1 * x) / sum, d2 / sum).upper
  }
  // Summed outwards from the largest weight.
  const middle = Math.floor(half)
  let total = 0
  for (let j = middle; j >= 0; j--) {
    const one = part(j)
    total += one
    if (one < total * 1e-17) break
  }
  for (let j = middle + 1; ; j++) {
    const one = part(j)
    total += one
    if (one < total * 1e-17) break
  }
  return Math.min(1, total)
}

/** The root x above 0 of f(x) = value for a decreasing function, to full precision. */
function solve(f: (x: number) => number, value: number): number {
  if (value <= 0) return Number.POSITIVE_INFINITY
  if (value >= f(0)) return 0
  let high = 1
  while (f(high) > value && high < 1e300) high *= 4
  let low = high / 4
  while (f(low) < value && low > 1e-300) low /= 4
  // The secant method in log-log space, with a bisection step every third time.
  const level = Math.log(value)
  let [below, above] = [Math.log(low), Math.log(high)]
  let [atBelow, atAbove] = [Math.log(f(low)) - level, Math.log(f(high)) - level]
  for (let step = 0; step < 200 && above - below > 1e-16 * Math.max(1, Math.abs(below)); step++) {
    const secant = below + ((above - below) * atBelow) / (atBelow - atAbove)
    const at = step % 3 === 2 || !(secant > below && secant < above) ? (below + above) / 2 : secant
    if (at === below || at === above) break
    const here = Math.log(f(Math.exp(at))) - level
    if (here === 0) return Math.exp(at)
    if (here > 0) [below, atBelow] = [at, here]
    else [above, atAbove] = [at, here]
  }
  return Math.exp((below + above) / 2)
}

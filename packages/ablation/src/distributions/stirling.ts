/**
 * The error of Stirling's formula and the deviance, by which gamma and beta densities are computed without
 * cancellation.
 * @see Loader 2000, Fast and Accurate Computation of Binomial Probabilities
 */

/** Coefficients of 1/n, 1/n^3, ... of Stirling's series ln n! = ln(sqrt(2 pi n) (n/e)^n) + ... */
const series = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156]

/** The error of Stirling's formula, ln Gamma(n + 1) - ln(sqrt(2 pi n) (n/e)^n), for n above 0. */
export function stirlingError(n: number): number {
  let at = n
  let sum = 0
  // Below 16 the series is not accurate enough; the recurrence stirlingError(n) - stirlingError(n + 1) leads there.
  for (; at < 16; at++) sum += (at + 0.5) * Math.log1p(1 / at) - 1
  const inverse = 1 / at
  let power = inverse
  for (const coefficient of series) {
    sum += coefficient * power
    power *= inverse * inverse
  }
  return sum
}

/** The Poisson deviance (halved) of x at mean m: x ln(x / m) + m - x. */
export function deviance(x: number, m: number): number {
  if (x === 0) return m
  if (m === 0) return Number.POSITIVE_INFINITY
  const v = (x - m) / (x + m)
  if (Math.abs(v) > 0.1) return x * Math.log(x / m) + m - x
  // ln(x / m) = 2 (v + v^3 / 3 + ...); the first terms are cancelled analytically.
  let sum = (x - m) * v
  let term = 2 * x * v
  for (let k = 3; k < 200; k += 2) {
    term *= v * v
    const next = sum + term / k
    if (next === sum) break
    sum = next
  }
  return sum
}

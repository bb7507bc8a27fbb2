/**
 * The two corrections that let densities of gamma and beta be computed without cancellation, however large their parameters.
 * @see Loader 2000, Fast and Accurate Computation of Binomial Probabilities
 */

/** Coefficients of 1/n, 1/n^3, ... in ln n! = ln(sqrt(2 pi n) (n/e)^n) + ... */
const series = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156]

/** ln Gamma(n + 1) - ln(sqrt(2 pi n) (n/e)^n), for n above 0. */
export function stirlingError(n: number): number {
  let at = n
  let sum = 0
  // Below 16 the series is short of digits; stirlingError(n) - stirlingError(n + 1) is known.
  for (; at < 16; at++) sum += (at + 0.5) * Math.log1p(1 / at) - 1
  const inverse = 1 / at
  let power = inverse
  for (const coefficient of series) {
    sum += coefficient * power
    power *= inverse * inverse
  }
  return sum
}

/** x ln(x / m) + m - x: how far x is from its mean m. */
export function deviance(x: number, m: number): number {
  if (x === 0) return m
  if (m === 0) return Number.POSITIVE_INFINITY
  const v = (x - m) / (x + m)
  if (Math.abs(v) > 0.1) return x * Math.log(x / m) + m - x
  // ln(x / m) = 2 (v + v^3 / 3 + ...); the first terms cancel by hand.
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

/** The regularised incomplete beta and gamma functions, with a relative error of about 1e-14 in both tails. */
import { deviance, stirlingError } from './stirling.ts'

const mostTerms = 100_000
const tiny = 1e-300

/**
 * The regularised incomplete beta function I_x(a, b), for a and b above 0.
 * @param y 1 - x, as a separate argument to avoid cancellation
 * @returns the lower tail I_x(a, b) and the upper tail I_y(b, a); the smaller one is computed directly
 * @see NIST DLMF 8.17.5 and 8.17.22
 */
export function incompleteBeta(a: number, b: number, x: number, y: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 }
  if (y <= 0) return { lower: 1, upper: 0 }
  const n = a + b
  // x^a y^b / B(a, b)
  const front =
    Math.sqrt((a * b) / (2 * Math.PI * n)) *
    Math.exp(stirlingError(n) - stirlingError(a) - stirlingError(b) - deviance(a, n * x) - deviance(b, n * y))
  if (x < (a + 1) / (n + 2)) {
    const lower = Math.min(1, (front / a) * betaFraction(a, b, x))
    return { lower, upper: 1 - lower }
  }
  const upper = Math.min(1, (front / b) * betaFraction(b, a, y))
  return { lower: 1 - upper, upper }
}

/** The continued fraction of I_x(a, b) by the modified Lentz method. */
function betaFraction(a: number, b: number, x: number): number {
  let c = 1
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1))
  let h = d
  for (let m = 1; m < mostTerms; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / nonZero(1 + even * d)
    c = nonZero(1 + even / c)
    h *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / nonZero(1 + odd * d)
    c = nonZero(1 + odd / c)
    h *= d * c
    if (Math.abs(d * c - 1) < 2e-16) break
  }
  return h
}

/**
 * The regularised incomplete gamma functions P(a, x) and Q(a, x), for a above 0.
 * @returns the lower tail P and the upper tail Q
 * @see NIST DLMF 8.7.1 and 8.9.2
 */
export function incompleteGamma(a: number, x: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 }
  if (x === Number.POSITIVE_INFINITY) return { lower: 1, upper: 0 }
  // x^a e^-x / Gamma(a)
  const front = Math.sqrt(a / (2 * Math.PI)) * Math.exp(-stirlingError(a) - deviance(a, x))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; n < mostTerms && term > sum * 1e-17; n++) {
      term *= x / (a + n)
      sum += term
    }
    const lower = Math.min(1, front * sum)
    return { lower, upper: 1 - lower }
  }
  let b = x + 1 - a
  let c = 1 / tiny
  let d = 1 / b
  let h = d
  for (let n = 1; n < mostTerms; n++) {
    const an = -n * (n - a)
    b += 2
    d = 1 / nonZero(an * d + b)
    c = nonZero(b + an / c)
    h *= d * c
    if (Math.abs(d * c - 1) < 2e-16) break
  }
  const upper = Math.min(1, front * h)
  return { lower: 1 - upper, upper }
}

function nonZero(value: number): number {
  return Math.abs(value) < tiny ? tiny : value
}

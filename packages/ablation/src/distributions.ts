/// <reference path="./jstat.d.ts" />
// The two distribution functions that the analysis needs, from jstat: one package without dependencies, good to about seven digits.

import jstat from 'jstat'

/**
 * P(F > x) for an F distribution: the p-value of an F statistic. Taken as I(d2 / (d2 + d1 x); d2 / 2, d1 / 2), so that small p-values are not
 * lost in 1 - cdf.
 */
export function fUpperTail(x: number, d1: number, d2: number): number {
  if (x === Number.POSITIVE_INFINITY) return 0
  return jstat.ibeta(d2 / (d2 + d1 * x), d2 / 2, d1 / 2)
}

/** The t with P(T <= t) = p, for p of at least 0.5. */
export function tQuantile(p: number, degreesOfFreedom: number): number {
  return jstat.studentt.inv(p, degreesOfFreedom)
}

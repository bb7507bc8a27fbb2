/** Statistical power of two-level designs, and the test for curvature. */
import { checkObject } from '../designs/check-design.ts'
import { fQuantile, fUpperTail, noncentralFUpperTail } from '../distributions/distributions.ts'

export interface PowerRequest {
  /** Number of runs of the two-level design. */
  readonly runs: number
  /** Number of replicates of each run; default 1. */
  readonly replicates?: number
  /** Number of terms of the model besides the mean: main effects and interactions. */
  readonly terms: number
  /** Difference of means (on minus off) to be detected, in units of the response. */
  readonly effect: number
  /** Standard deviation of one response around the model, such as between seeds, in units of the response. */
  readonly standardDeviation: number
  /** Confidence level of the test, 1 - alpha; default 0.95. */
  readonly confidence?: number
}

/**
 * The power of the F test of an effect in a two-level design: the probability of detecting it.
 * @throws RangeError for a field out of bounds, or where no residual degrees of freedom are left
 * @example power({ runs: 8, replicates: 2, terms: 5, effect: 0.5, standardDeviation: 0.3 }) // 0.851
 */
export function power(request: PowerRequest): number {
  checkObject('power: request', request)
  const { runs, replicates = 1, terms, effect, standardDeviation, confidence = 0.95 } = request
  whole('runs', runs, 2, 1e6)
  whole('replicates', replicates, 1, 1e6)
  whole('terms', terms, 1, 1e6)
  above('effect', Math.abs(effect))
  above('standardDeviation', standardDeviation)
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`power: confidence must be above 0 and below 1, got ${confidence}`)
  const n = runs * replicates
  const degrees = n - 1 - terms
  if (degrees < 1)
    throw new RangeError(
      `power: ${n} responses leave no residual degrees of freedom for ${terms} terms and the mean; use more replicates`,
    )
  return noncentralFUpperTail(
    fQuantile(1 - confidence, 1, degrees),
    1,
    degrees,
    (n * effect ** 2) / (4 * standardDeviation ** 2),
  )
}

/**
 * The number of replicates of each run that gives the power `targetPower`.
 * @param targetPower required probability of detecting the effect, above 0 and below 1
 * @throws RangeError as `power`, or where 1000 replicates are not enough
 * @example replicatesNeeded({ runs: 8, terms: 5, effect: 0.5, standardDeviation: 0.3 }) // 2
 */
export function replicatesNeeded(request: Omit<PowerRequest, 'replicates'>, targetPower = 0.8): number {
  if (!(targetPower > 0 && targetPower < 1))
    throw new RangeError(`replicatesNeeded: targetPower must be above 0 and below 1, got ${targetPower}`)
  checkObject('replicatesNeeded: request', request)
  for (let replicates = 1; replicates <= 1000; replicates++) {
    if (request.runs * replicates - 1 - request.terms < 1) continue
    if (power({ ...request, replicates }) >= targetPower) return replicates
  }
  throw new RangeError(
    `replicatesNeeded: 1000 replicates do not detect an effect of ${request.effect} at a standard deviation of ${request.standardDeviation}; give a larger effect or a lower targetPower`,
  )
}

/**
 * Tests for curvature by centre points: compares runs at the centre of all factors with the mean of the factorial
 * points.
 * @param corners responses of the design's runs (factorial points), two or more
 * @param centres responses at the centre, two or more
 * @returns mean at the corners minus mean at the centre, its F statistic, and the p-value
 * @throws RangeError where there are too few responses, or one is not finite
 * @see Montgomery, Design and Analysis of Experiments, section 6.8
 * @example curvature([1, 2, 3, 2], [2.5, 2.7]).difference // -0.6
 */
export function curvature(
  corners: readonly number[],
  centres: readonly number[],
): { difference: number; F: number; pValue: number } {
  if (!Array.isArray(corners) || !Array.isArray(centres))
    throw new TypeError('curvature: corners and centres must be arrays of responses')
  if (corners.length < 2 || centres.length < 2 || ![...corners, ...centres].every(Number.isFinite))
    throw new RangeError('curvature: two or more finite responses at the corners and at the centre are needed')
  const mean = (values: readonly number[]) => values.reduce((s, v) => s + v, 0) / values.length
  const [atCorners, atCentre] = [mean(corners), mean(centres)]
  const difference = atCorners - atCentre
  const degrees = centres.length - 1
  const meanSquare = centres.reduce((s, v) => s + (v - atCentre) ** 2, 0) / degrees
  // Without a difference there is no curvature, even where the responses at the centre do not vary.
  if (difference === 0) return { difference, F: 0, pValue: 1 }
  const F = (corners.length * centres.length * difference ** 2) / (corners.length + centres.length) / meanSquare
  return { difference, F, pValue: fUpperTail(F, 1, degrees) }
}

function whole(field: string, value: number, lower: number, upper: number): void {
  if (!Number.isInteger(value) || value < lower || value > upper)
    throw new RangeError(`power: ${field} must be an integer from ${lower} to ${upper}, got ${value}`)
}

function above(field: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value)))
    throw new RangeError(`power: ${field} must be a number above 0, got ${value}`)
}

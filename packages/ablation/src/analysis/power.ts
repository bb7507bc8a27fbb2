/** How many runs an effect needs to be seen. */
import { fQuantile, fUpperTail, noncentralFUpperTail } from '../distributions/distributions.ts'

export interface PowerRequest {
  /** Runs of the two-level design, and how often each is made; default once. */
  readonly runs: number
  readonly replicates?: number
  /** Terms of the model besides the mean: main effects and interactions. */
  readonly terms: number
  /** Difference of means to be seen (on less off), in units of the response. */
  readonly effect: number
  /** Standard deviation of one response around the model: the spread of seeds. */
  readonly spread: number
  /** Default 0.95. */
  readonly confidence?: number
}

/**
 * The chance that an effect is found by its F test in a two-level design.
 * @throws RangeError naming a field; where no degrees of freedom are left for the residual
 * @example power({ runs: 8, replicates: 2, terms: 5, effect: 0.5, spread: 0.3 }) // 0.851
 */
export function power(request: PowerRequest): number {
  const { runs, replicates = 1, terms, effect, spread, confidence = 0.95 } = request
  whole('runs', runs, 2, 1e6)
  whole('replicates', replicates, 1, 1e6)
  whole('terms', terms, 1, 1e6)
  above('effect', Math.abs(effect))
  above('spread', spread)
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`power: confidence must be above 0 and below 1, got ${confidence}`)
  const n = runs * replicates
  const degrees = n - 1 - terms
  if (degrees < 1)
    throw new RangeError(`power: ${n} responses less ${terms} terms and the mean leave nothing for the residual`)
  return noncentralFUpperTail(fQuantile(1 - confidence, 1, degrees), 1, degrees, (n * effect ** 2) / (4 * spread ** 2))
}

/**
 * How often each run has to be made for an effect to be found with a chance of `wanted`.
 * @throws RangeError as `power`; where 1000 times are not enough
 * @example replicatesNeeded({ runs: 8, terms: 5, effect: 0.5, spread: 0.3 }) // 2
 */
export function replicatesNeeded(request: Omit<PowerRequest, 'replicates'>, wanted = 0.8): number {
  if (!(wanted > 0 && wanted < 1))
    throw new RangeError(`replicatesNeeded: wanted must be above 0 and below 1, got ${wanted}`)
  for (let replicates = 1; replicates <= 1000; replicates++) {
    if (request.runs * replicates - 1 - request.terms < 1) continue
    if (power({ ...request, replicates }) >= wanted) return replicates
  }
  throw new RangeError(
    `replicatesNeeded: an effect of ${request.effect} is not seen beside a spread of ${request.spread} in 1000 replicates`,
  )
}

/**
 * Is the response curved between the levels? Compares runs at the centre of all factors with the mean of the corners.
 * @param corners responses of the design's own runs
 * @param centres responses at the centre, two or more
 * @throws RangeError where there are too few, or one is not finite
 * @see Montgomery, Design and Analysis of Experiments, section 6.8
 * @example curvature([1, 2, 3, 2], [2.5, 2.7]).difference // -0.6
 */
export function curvature(
  corners: readonly number[],
  centres: readonly number[],
): { difference: number; F: number; pValue: number } {
  if (corners.length < 2 || centres.length < 2 || ![...corners, ...centres].every(Number.isFinite))
    throw new RangeError('curvature: two or more finite responses at the corners and at the centre are needed')
  const mean = (values: readonly number[]) => values.reduce((s, v) => s + v, 0) / values.length
  const [atCorners, atCentre] = [mean(corners), mean(centres)]
  const difference = atCorners - atCentre
  const degrees = centres.length - 1
  const meanSquare = centres.reduce((s, v) => s + (v - atCentre) ** 2, 0) / degrees
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

/** Validation of designs and analyses as arguments: they also come from JSON and from JavaScript, without types. */
import type { Design } from './design.ts'
import type { LevelDesign } from './level-design.ts'

const regular = 'design() or foldover()'
const byLevels = 'fullFactorial(), plackettBurman(), orthogonalArray() or replicate()'

function isDesign(value: unknown): value is Design | LevelDesign {
  const { factors, runs } = (value ?? {}) as Partial<Design>
  return Array.isArray(factors) && Array.isArray(runs) && runs.every(Array.isArray)
}

/**
 * Requires a regular two-level design, whose levels are -1 and 1.
 * @throws TypeError
 */
export function checkRegularDesign(what: string, value: unknown): asserts value is Design {
  if (isDesign(value) && 'definingRelation' in value) return
  throw new TypeError(
    isDesign(value)
      ? `${what}: needs a design of ${regular}; this is one of ${byLevels}, which analysisOfVariance takes`
      : `${what}: needs a design of ${regular}, got ${given(value)}`,
  )
}

/**
 * Requires a design given by the indices of levels.
 * @throws TypeError
 */
export function checkLevelDesign(what: string, value: unknown): asserts value is LevelDesign {
  if (isDesign(value) && !('definingRelation' in value)) return
  throw new TypeError(
    isDesign(value)
      ? `${what}: needs a design of ${byLevels}; this is one of ${regular}, for which analyze takes several responses a run`
      : `${what}: needs a design of ${byLevels}, got ${given(value)}`,
  )
}

/** Requires a design of any kind. @throws TypeError */
export function checkDesign(what: string, value: unknown): asserts value is Design | LevelDesign {
  if (!isDesign(value)) throw new TypeError(`${what}: needs a design of ${regular}, ${byLevels}, got ${given(value)}`)
}

/** Requires an object of options, or a request. @throws TypeError */
export function checkObject(what: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${what} must be an object, got ${given(value)}`)
}

const given = (value: unknown): string =>
  typeof value === 'string' ? `'${value}'` : typeof value === 'object' && value !== null ? 'an object' : String(value)

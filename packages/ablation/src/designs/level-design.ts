/** Designs of factors with any number of levels. */

/** A factor with its levels. */
export interface LevelFactor {
  readonly name: string
  /** Two or more levels with distinct names. */
  readonly levels: readonly string[]
}

/** A design of factors with any number of levels. Plain data, which can be stored as JSON. */
export interface LevelDesign {
  /** Name of the design, such as `full factorial` or `L18`. */
  readonly name: string
  readonly factors: readonly LevelFactor[]
  /** [runs][factors]: the index of each factor's level in each run. */
  readonly runs: readonly (readonly number[])[]
  /** The block of each run; undefined where there are no blocks. */
  readonly blocks?: readonly number[]
}

/** A factor as an argument: a name, for the levels off and on, or a name with levels. */
export type GivenFactor = string | LevelFactor

const mostLevels = 64

/** Validates factors. @throws RangeError or TypeError that names the factor */
export function checkLevelFactors(what: string, given: readonly GivenFactor[], most: number): LevelFactor[] {
  if (!Array.isArray(given)) throw new TypeError(`${what}: factors must be an array of names or of { name, levels }`)
  if (given.length < 1 || given.length > most)
    throw new RangeError(`${what}: factors must have 1 to ${most} entries, got ${given.length}`)
  for (const [i, factor] of given.entries())
    if (typeof factor !== 'string' && (typeof factor !== 'object' || factor === null))
      throw new TypeError(`${what}: factors[${i}] must be a name or { name, levels }, got ${String(factor)}`)
  const factors = given.map((f) => (typeof f === 'string' ? { name: f, levels: ['off', 'on'] } : f))
  factors.forEach((factor, i) => {
    const { name, levels } = factor
    if (typeof name !== 'string' || name === '') throw new TypeError(`${what}: factors[${i}] needs a name`)
    if (factors.findIndex((f) => f.name === name) !== i)
      throw new RangeError(`${what}: two factors have the name '${name}'`)
    for (const key of Object.keys(factor)) {
      if (/^hardToChange$|plot/i.test(key))
        throw new RangeError(
          `${what}: ${name}.${key}: split-plot designs are not supported; every run sets all factors independently`,
        )
      if (key !== 'name' && key !== 'levels')
        throw new RangeError(`${what}: ${name}.${key} is not known; a factor has name and levels`)
    }
    if (!Array.isArray(levels) || levels.length < 2 || levels.length > mostLevels)
      throw new RangeError(`${what}: ${name} needs 2 to ${mostLevels} levels`)
    if (new Set(levels).size !== levels.length)
      throw new RangeError(`${what}: two levels of ${name} have the same name; names must differ`)
  })
  return factors
}

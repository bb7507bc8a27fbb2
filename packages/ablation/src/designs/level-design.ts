/** Designs of factors with any number of settings. */

/** Something that is set to one of several levels. */
export interface LevelFactor {
  readonly name: string
  /** Two or more, each with a name of its own. */
  readonly levels: readonly string[]
}

/** Runs of factors with any number of levels. Plain data: it can be written as JSON and read again. */
export interface LevelDesign {
  /** What it is called, such as `full factorial` or `L18`. */
  readonly name: string
  readonly factors: readonly LevelFactor[]
  /** [runs][factors]: the index of each factor's level in each run. */
  readonly runs: readonly (readonly number[])[]
  /** The block of each run, where the runs are in blocks. */
  readonly blocks?: readonly number[]
}

/** A factor as it is given: a name (levels off and on), or a name with its levels. */
export type GivenFactor = string | LevelFactor

const mostLevels = 64

/** @throws RangeError or TypeError naming the factor */
export function checkLevelFactors(what: string, given: readonly GivenFactor[], most: number): LevelFactor[] {
  if (!Array.isArray(given)) throw new TypeError(`${what}: factors must be an array of names or of { name, levels }`)
  if (given.length < 1 || given.length > most)
    throw new RangeError(`${what}: 1 to ${most} factors are possible, got ${given.length}`)
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
    if (new Set(levels).size !== levels.length) throw new RangeError(`${what}: two levels of ${name} have one name`)
  })
  return factors
}

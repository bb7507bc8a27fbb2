/** Plackett-Burman designs: up to runs - 1 two-level factors in 12, 20 or 24 runs. */
import { checkLevelFactors, type GivenFactor, type LevelDesign } from './level-design.ts'

/** First rows of the cyclic designs. */
const rows: Readonly<Record<number, string>> = {
  12: '++-+++---+-',
  20: '++--++++-+-+----++-',
  24: '+++++-+-++--++--+-+----',
}

/**
 * A Plackett-Burman design, for screening many factors with small interactions: main effects are orthogonal to each
 * other, but each is partially confounded with every two-factor interaction of the others.
 * @param runs 12, 20 or 24; default: the fewest that fit the factors
 * @throws RangeError for other numbers of runs, too many factors, or a factor without exactly two levels
 * @see Plackett and Burman 1946, The Design of Optimum Multifactorial Experiments, Biometrika 33(4)
 * @example plackettBurman('abcdefghijk'.split('')).runs.length // 12
 */
export function plackettBurman(factors: readonly GivenFactor[], runs?: number): LevelDesign {
  const checked = checkLevelFactors('plackettBurman', factors, 23)
  const count = runs ?? [12, 20, 24].find((n) => checked.length < n)!
  if (!Object.hasOwn(rows, count)) throw new RangeError(`plackettBurman: runs must be 12, 20 or 24, got ${count}`)
  if (checked.length >= count)
    throw new RangeError(`plackettBurman: ${count} runs fit up to ${count - 1} factors, got ${checked.length}`)
  const three = checked.find(({ levels }) => levels.length !== 2)
  if (three) throw new RangeError(`plackettBurman: ${three.name} has ${three.levels.length} levels; two are needed`)
  const first = rows[count]
  // The cyclic shifts of the first row, and a last run with all factors off.
  const levels = Array.from({ length: count }, (_, run) =>
    checked.map((_, i) => (run === count - 1 ? 0 : Number(first[(i - run + 2 * (count - 1)) % (count - 1)] === '+'))),
  )
  return { name: `Plackett-Burman ${count}`, factors: checked, runs: levels }
}

/**
 * Orthogonal arrays for factors of two, three and four levels: any two factors have every combination of levels equally
 * often.
 */
import { checkLevelFactors, type GivenFactor, type LevelDesign } from './level-design.ts'

/** Columns of an array: the level in each run. */
type Columns = readonly (readonly number[])[]

const digits = (text: string) => [...text].map(Number)

/** Three-level columns over 9 runs: x, y, x + y, x + 2 y modulo 3. */
function l9(): Columns {
  const runs = Array.from({ length: 9 }, (_, run) => [Math.floor(run / 3), run % 3])
  return [
    [1, 0],
    [0, 1],
    [1, 1],
    [1, 2],
  ].map(([a, b]) => runs.map(([x, y]) => (a * x + b * y) % 3))
}

/** One two-level column and seven three-level columns over 18 runs. */
const l18: Columns = [
  '000000000111111111',
  '000111222000111222',
  '012012012012012012',
  '012012120201120201',
  '012120012201201120',
  '012120201120012201',
  '012201120120201012',
  '012201201012120120',
].map(digits)

/**
 * Two-level columns over 16 runs as bit masks of four base columns; three with product 1 combine to a four-level
 * column.
 */
const fours = [
  [1, 2, 3],
  [4, 8, 12],
  [5, 10, 15],
  [6, 11, 13],
  [7, 9, 14],
] as const

function l16(four: number): { fours: Columns; twos: Columns } {
  const column = (mask: number) =>
    Array.from({ length: 16 }, (_, run) => {
      let bits = run & mask
      let parity = 0
      for (; bits; bits &= bits - 1) parity ^= 1
      return parity
    })
  const taken = fours.slice(0, four)
  const used = new Set<number>(taken.flat())
  return {
    fours: taken.map(([a, b]) => column(a).map((x, run) => 2 * x + column(b)[run])),
    twos: Array.from({ length: 15 }, (_, i) => i + 1)
      .filter((mask) => !used.has(mask))
      .map(column),
  }
}

/**
 * The smallest orthogonal array for the factors, out of L9 (four factors of three levels), L16 (up to five factors of
 * four levels, each of which replaces three of the fifteen two-level ones) and L18 (one factor of two levels and seven
 * of three). Main effects are orthogonal to each other but confounded with interactions.
 * @throws RangeError where no array fits the factors
 * @see Taguchi 1987, System of Experimental Design; Hedayat, Sloane and Stufken 1999, Orthogonal Arrays
 * @example
 * const rate = { name: 'rate', levels: ['1e-4', '3e-4', '1e-3'] }
 * orthogonalArray([rate, { name: 'warm-up', levels: ['none', '1 %', '5 %'] }]).name // 'L9'
 */
export function orthogonalArray(factors: readonly GivenFactor[]): LevelDesign {
  const checked = checkLevelFactors('orthogonalArray', factors, 15)
  const count = (levels: number) => checked.filter((f) => f.levels.length === levels).length
  const [twos, threes, quads] = [count(2), count(3), count(4)]
  if (twos + threes + quads < checked.length)
    throw new RangeError(
      'orthogonalArray: factors must have two, three or four levels; for others use a full factorial (fullFactorial; --kind full)',
    )
  let name: string
  let columns: Readonly<Record<number, Columns>>
  if (twos === 0 && quads === 0 && threes <= 4) {
    name = 'L9'
    columns = { 3: l9() }
  } else if (threes === 0 && quads <= 5 && twos <= 15 - 3 * quads) {
    name = 'L16'
    const { fours: four, twos: two } = l16(quads)
    columns = { 2: two, 4: four }
  } else if (quads === 0 && twos <= 1 && threes <= 7) {
    name = 'L18'
    columns = { 2: l18.slice(0, 1), 3: l18.slice(1) }
  } else {
    throw new RangeError(
      `orthogonalArray: no array fits ${twos} factors of two levels, ${threes} of three and ${quads} of four; available are L9 (four of three), L16 (a of four and 15 - 3a of two, a up to 5) and L18 (one of two, seven of three)`,
    )
  }
  const used: Record<number, number> = { 2: 0, 3: 0, 4: 0 }
  const chosen = checked.map(({ levels }) => columns[levels.length][used[levels.length]++])
  return { name, factors: checked, runs: chosen[0].map((_, run) => chosen.map((column) => column[run])) }
}

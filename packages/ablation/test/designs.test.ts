/** Designs by what defines them: balance of pairs, clear interactions, blocks. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  aliases,
  design,
  fullFactorial,
  inBlocks,
  type LevelDesign,
  orthogonalArray,
  plackettBurman,
  replicate,
} from '../src/index.ts'

const names = (count: number) => Array.from({ length: count }, (_, i) => `F${i}`)
const levels = (count: number) => Array.from({ length: count }, (_, i) => `l${i}`)
const of = (...counts: readonly number[]) => counts.map((count, i) => ({ name: `F${i}`, levels: levels(count) }))

/** Every pair of levels of any two factors stands in equally many runs. */
function expectStrength2({ factors, runs }: LevelDesign): void {
  factors.forEach(({ levels: a }, i) => {
    factors.slice(0, i).forEach(({ levels: b }, j) => {
      const counts = new Map<string, number>()
      for (const row of runs) counts.set(`${row[i]} ${row[j]}`, (counts.get(`${row[i]} ${row[j]}`) ?? 0) + 1)
      expect([...counts.values()]).toEqual(Array(a.length * b.length).fill(runs.length / (a.length * b.length)))
    })
  })
}

/** Of Chen, Sun and Wu 1993 and Plackett and Burman 1946, as another's package holds them (vectors/make_catalogue.py). */
const catalogue: { patterns: Record<string, string>; plackettBurman: Record<string, string> } = JSON.parse(
  readFileSync(new URL('../vectors/catalogue.json', import.meta.url), 'utf8'),
)

test('designs up to 32 runs and 15 factors have the word lengths of the catalogue', () => {
  expect(Object.keys(catalogue.patterns)).toHaveLength(26)
  for (const [key, words] of Object.entries(catalogue.patterns)) {
    const [factors, runs] = key.split(' in ').map(Number)
    const made = design({ factors: names(factors), runs })
    const published = words.split(' ').map(Number)
    expect(made.wordLengths.slice(1, published.length + 1), key).toEqual(published)
  }
})

test.each(Object.entries(catalogue.plackettBurman))(
  'Plackett-Burman in %s runs is the published one',
  (runs, first) => {
    const turned = [...first].map((_, i) => first.slice(first.length - i) + first.slice(0, first.length - i))
    const rows = turned.map((row) => [...row].map((sign) => Number(sign === '+')))
    const last = [...first].map(() => 0)
    expect(plackettBurman(names(first.length), Number(runs)).runs).toEqual([...rows, last])
  },
)

test.each([12, 20, 24])('Plackett-Burman in %i runs is orthogonal for every number of factors', (runs) => {
  expectStrength2(plackettBurman(names(runs - 1), runs))
  expect(plackettBurman(names(3), runs).runs).toHaveLength(runs)
})

test.each([
  ['L9', of(3, 3, 3, 3)],
  ['L18', of(2, 3, 3, 3, 3, 3, 3, 3)],
  ['L18', of(3, 3, 3, 3, 3)],
  ['L16', of(4, 4, 4, 4, 4)],
  ['L16', of(4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2)],
  ['L16', of(4, 4, 4, 2, 2, 2, 2, 2, 2)],
] as const)('%s of %j is an orthogonal array', (name, factors) => {
  const array = orthogonalArray(factors)
  expect(array.name).toBe(name)
  expectStrength2(array)
})

test('a full factorial has every combination once, the first factor fastest; replicates may be blocks', () => {
  const all = fullFactorial(of(2, 3))
  expect(all.runs).toEqual([
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
    [0, 2],
    [1, 2],
  ])
  expect(replicate(all, 2, true).blocks).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
  expect(replicate(all, 3).runs).toHaveLength(18)
})

test.each([
  [
    16,
    6,
    [
      ['F0', 'F1'],
      ['F0', 'F2'],
    ],
  ],
  [16, 6, [['F5', 'F4']]],
  [
    32,
    7,
    [
      ['F0', 'F1'],
      ['F0', 'F2'],
      ['F1', 'F2'],
      ['F3', 'F4'],
    ],
  ],
  [8, 5, undefined],
] as const)('in %i runs of %i factors the interactions %j are clear', (runs, count, pairs) => {
  if (!pairs) {
    expect(() => design({ factors: names(count), runs, clear: [['F0', 'F1']] })).toThrow(
      /no 8 runs keep these interactions/,
    )
    return
  }
  const clear = pairs.map(([a, b]) => [a, b] as [string, string])
  const made = design({ factors: names(count), runs, clear })
  expect(made.runs).toHaveLength(runs)
  const sets = aliases(made, 2)
  for (const [a, b] of clear) {
    const set = sets.find(({ effects }) =>
      effects.some(({ factors }) => factors.length === 2 && factors.includes(a) && factors.includes(b)),
    )!
    expect(set.effects, `${a}:${b}`).toHaveLength(1)
  }
  for (const name of names(count)) {
    expect(made.runs.reduce((sum, row) => sum + row[made.factors.findIndex((f) => f.name === name)], 0)).toBe(0)
  }
})

describe('blocks', () => {
  const eight = design({ factors: ['A', 'B', 'C'], runs: 8 })
  test('hold as many runs each, and what they hide is said', () => {
    const { blocks, confounded } = inBlocks(eight, [
      ['A', 'B'],
      ['A', 'C'],
    ])
    expect([0, 1, 2, 3].map((block) => blocks.filter((one) => one === block).length)).toEqual([2, 2, 2, 2])
    expect(confounded.map((one) => one.join(''))).toEqual(['AB', 'AC', 'BC'])
  })
  test('that would hide a main effect are refused', () => {
    const half = design({ factors: ['A', 'B', 'C'], runs: 4 })
    expect(() => inBlocks(half, [['A', 'B']])).toThrow(/A:B cannot be told from C, whose effect would be lost/)
    expect(() => inBlocks(eight, [['A', 'X']])).toThrow("'X' is no factor")
  })
})

test('what is not made is refused by name', () => {
  expect(() => fullFactorial([{ name: 'A', levels: levels(2), hardToChange: true } as never])).toThrow(
    /split-plot designs are not made/,
  )
  expect(() => fullFactorial(of(...Array(13).fill(2)))).toThrow(/8192 runs; at most 4096/)
  expect(() => orthogonalArray(of(3, 4))).toThrow(/no array holds 0 factors of two levels, 1 of three and 1 of four/)
  expect(() => orthogonalArray(of(5))).toThrow(/two, three or four levels/)
  expect(() => plackettBurman(names(12), 12)).toThrow(/12 runs hold 11 factors, got 12/)
  expect(() => plackettBurman(of(3))).toThrow(/F0 has 3 levels/)
  expect(() => fullFactorial(['A', 'A'])).toThrow("two factors have the name 'A'")
})

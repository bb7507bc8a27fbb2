/** Designs by their defining properties: balanced pairs, clear interactions, blocks. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { countsOfColumns } from '../src/designs/columns.ts'
import {
  aliases,
  clearInteractions,
  design,
  foldover,
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

/**
 * Of Chen, Sun and Wu 1993 and Plackett and Burman 1946, as another's package holds them (vectors/make_catalogue.py).
 */
const catalogue: {
  patterns: Record<string, string>
  clear: Record<string, [generators: number[], count: number][]>
  plackettBurman: Record<string, string>
} = JSON.parse(readFileSync(new URL('../vectors/catalogue.json', import.meta.url), 'utf8'))

test('designs of 3 to 31 factors up to 32 runs, and of 64 and 128 that leave out few columns, have the word lengths of the catalogue', () => {
  let held = 0
  for (const [key, words] of Object.entries(catalogue.patterns)) {
    const [factors, runs] = key.split(' in ').map(Number)
    // Searches of more runs: catalogue.deep.ts.
    if (runs > 32 && (factors < runs / 2 || factors % 31 > 1)) continue
    const made = design({ factors: names(factors), runs })
    const published = words.split(' ').map(Number)
    expect(made.wordLengths.slice(1, published.length + 1), key).toEqual(published)
    held++
  }
  expect(held).toBe(49)
})

test('published designs have as many clear interactions as published', () => {
  const designs = Object.entries(catalogue.clear).flatMap(([key, list]) => list.map((one) => [key, ...one] as const))
  expect(designs).toHaveLength(97)
  for (const [key, added, count] of designs) {
    const [factors, runs] = key.split(' in ').map(Number)
    const base = Math.log2(runs)
    const generators = Object.fromEntries(
      added.map((set, i) => [`F${base + i}`, names(base).filter((_, bit) => (set >>> bit) & 1)]),
    )
    expect(clearInteractions(design({ factors: names(factors), runs, generators })), key).toHaveLength(count)
  }
})

test('of all designs that leave out three or four columns of 32 runs none has less aberration', () => {
  const all = Array.from({ length: 31 }, (_, i) => i + 1)
  for (const left of [3, 4]) {
    // The fewest words of three factors: the most of the columns left out sum to another.
    let most = 0
    const best = new Map<string, number[]>()
    const chosen: number[] = []
    const grow = (from: number) => {
      if (chosen.length < left) {
        for (let i = from; i < 31; i++) {
          chosen.push(all[i])
          grow(i + 1)
          chosen.pop()
        }
        return
      }
      let sums = 0
      for (let i = 0; i < left; i++) for (let j = 0; j < i; j++) if (chosen.includes(chosen[i] ^ chosen[j])) sums++
      if (sums < most) return
      if (sums > most) best.clear()
      most = sums
      if (best.size > 5) return
      const counts = countsOfColumns(
        all.filter((column) => !chosen.includes(column)),
        5,
      )
      best.set(counts.join(' '), counts)
    }
    grow(0)
    const [least] = [...best.values()].sort(
      (a, b) => a[a.findIndex((n, i) => n !== b[i])] - b[a.findIndex((n, i) => n !== b[i])],
    )
    expect(design({ factors: names(31 - left), runs: 32 }).wordLengths, `${left} left out`).toEqual(least)
  }
})

test('31 factors in 32 runs: the whole of it, in words of every length', () => {
  const { wordLengths, runs, resolution, definingRelation, factors } = design({ factors: names(31), runs: 32 })
  expect(wordLengths.reduce((sum, count) => sum + count, 0)).toBe(2 ** 26 - 1)
  expect([resolution, runs.length, definingRelation.length]).toEqual([3, 32, 26])
  expectStrength2({
    name: '',
    factors: factors.map(({ name }) => ({ name, levels: ['', ''] })),
    runs: runs.map((row) => row.map((x) => (x + 1) / 2)),
  })
  const sets = aliases(design({ factors: names(31), runs: 32 }))
  expect(sets).toHaveLength(31)
  for (const { effects } of sets)
    expect(effects.map(({ factors: { length } }) => length)).toEqual([1, ...Array(15).fill(2)])
  // The signs, by the runs themselves.
  for (const { effects } of sets)
    for (const { sign, factors: of } of effects)
      for (const run of [0, 7, 31])
        expect(sign * of.reduce((p, name) => p * runs[run][Number(name.slice(1))], 1)).toBe(
          runs[run][Number(effects[0].factors[0].slice(1))],
        )
  expect(foldover(design({ factors: names(31), runs: 32, baseline: true })).resolution).toBe(4)
})

test.each(Object.entries(catalogue.plackettBurman))(
  'Plackett-Burman in %s runs is the published one',
  (runs, first) => {
    const rotations = [...first].map((_, i) => first.slice(first.length - i) + first.slice(0, first.length - i))
    const rows = rotations.map((row) => [...row].map((sign) => Number(sign === '+')))
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
      /no design of 5 factors in 8 runs in which these interactions are clear/,
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

test('interactions of many factors: clear, or estimable beside main effects', () => {
  const star = names(6)
    .slice(1)
    .map((name): [string, string] => ['F0', name])
  const clear = design({ factors: names(13), runs: 32, clear: star })
  expect(clearInteractions(clear)).toEqual(expect.arrayContaining(star))
  expect(() => design({ factors: names(17), runs: 32, clear: star })).toThrow(
    /no design of 17 factors in 32 runs in which these interactions are clear \(beyond 16 factors no interaction is clear\)/,
  )
  const square: [string, string][] = [
    ['F0', 'F1'],
    ['F1', 'F2'],
    ['F2', 'F3'],
    ['F3', 'F0'],
  ]
  // 11 main effects and four interactions are all that 16 runs have.
  const full = design({ factors: names(11), runs: 16, estimable: square })
  const sets = aliases(full)
  const of = (pair: readonly string[]) =>
    sets.findIndex(({ effects }) => effects.some(({ factors }) => String(factors) === String([...pair].sort())))
  const own = square.map(of)
  expect(new Set(own).size).toBe(4)
  for (const at of own) expect(sets[at].effects.every(({ factors }) => factors.length === 2)).toBe(true)
  expect(() => design({ factors: names(12), runs: 16, estimable: square })).toThrow(/15 columns, and 16 are needed/)
  // F0:F1 and F2:F3 have to be apart, and so have F0:F2 and F1:F3: a full factorial of four factors.
  expect(() => design({ factors: names(4), runs: 8, estimable: [...square, ['F0', 'F2']] })).toThrow(
    /5 columns|9 are needed/,
  )
  expect(() =>
    design({
      factors: names(4),
      runs: 8,
      estimable: [
        ['F0', 'F1'],
        ['F2', 'F3'],
      ],
    }),
  ).toThrow(/no design of 4 factors in 8 runs in which these interactions are estimable/)
  expect(() => design({ factors: names(4), runs: 8, estimable: [['F0', 'X']] })).toThrow("estimable names 'X'")
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
    expect(() => inBlocks(half, [['A', 'B']])).toThrow(/A:B is aliased with C, whose effect would be confounded/)
    expect(() => inBlocks(eight, [['A', 'X']])).toThrow("'X' is not a factor")
  })
})

test('what is not made is refused by name', () => {
  expect(() => fullFactorial([{ name: 'A', levels: levels(2), hardToChange: true } as never])).toThrow(
    /split-plot designs are not supported/,
  )
  expect(() => fullFactorial(of(...Array(13).fill(2)))).toThrow(/8192 runs; at most 4096/)
  expect(() => orthogonalArray(of(3, 4))).toThrow(/no array fits 0 factors of two levels, 1 of three and 1 of four/)
  expect(() => orthogonalArray(of(5))).toThrow(/two, three or four levels/)
  expect(() => plackettBurman(names(12), 12)).toThrow(/12 runs fit up to 11 factors, got 12/)
  expect(() => plackettBurman(of(3))).toThrow(/F0 has 3 levels/)
  expect(() => fullFactorial(['A', 'A'])).toThrow("two factors have the name 'A'")
})

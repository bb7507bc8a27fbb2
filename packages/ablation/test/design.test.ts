/** Two-level designs: generators, aberration against published tables, balance, foldover, and errors of wrong input. */
import { describe, expect, test } from 'vitest'
import { aliases, aliasTable, type Design, design, designCsv, designTable, foldover } from '../src/index.ts'

const letters = [...'ABCDEFGHJKLMNOP']
const word = (w: { sign: number; factors: readonly string[] }) => (w.sign < 0 ? '-' : '') + w.factors.join('')

/** Shortest product of columns that is constant, found by trying all: independent of how the design was made. */
function bruteResolution(d: Design): number | null {
  const k = d.factors.length
  let best: number | null = null
  for (let set = 1; set < 2 ** k; set++) {
    const picked = d.factors.map((_, i) => i).filter((i) => (set >> i) & 1)
    if (best !== null && picked.length >= best) continue
    const products = new Set(d.runs.map((row) => picked.reduce((p, i) => p * row[i], 1)))
    if (products.size === 1) best = picked.length
  }
  return best
}

test('5 factors in 8 runs: the textbook design', () => {
  const d = design({ factors: letters.slice(0, 5), runs: 8 })
  expect(d.definingRelation.map(word)).toEqual(['ABD', 'ACE', 'BCDE'])
  expect(d.resolution).toBe(3)
  expect(d.wordLengths).toEqual([0, 0, 0, 2, 1, 0])
  expect(d.runs[0]).toEqual([-1, -1, -1, 1, 1])
  expect(d.runs[7]).toEqual([1, 1, 1, 1, 1])
  expect(aliasTable(d)).toBe('A = B:D = C:E\nB = A:D\nC = A:E\nD = A:B\nE = A:C\nB:C = D:E\nB:E = C:D')
  expect(JSON.parse(JSON.stringify(d))).toEqual(d)
})

describe('least aberration, against the tables of Box, Hunter and Hunter and of Wu and Hamada', () => {
  // factors, runs, resolution, words of length 3 and 4
  test.each([
    [3, 4, 3, 1, 0],
    [4, 8, 4, 0, 1],
    [5, 8, 3, 2, 1],
    [6, 8, 3, 4, 3],
    [7, 8, 3, 7, 7],
    [5, 16, 5, 0, 0],
    [6, 16, 4, 0, 3],
    [7, 16, 4, 0, 7],
    [8, 16, 4, 0, 14],
    [9, 16, 3, 4, 14],
    [10, 16, 3, 8, 18],
    [11, 16, 3, 12, 26],
    [15, 16, 3, 35, 105],
    [6, 32, 6, 0, 0],
    [7, 32, 4, 0, 1],
    [8, 32, 4, 0, 3],
    [9, 32, 4, 0, 6],
    [10, 32, 4, 0, 10],
    [8, 64, 5, 0, 0],
    [9, 64, 4, 0, 1],
    [9, 128, 6, 0, 0],
  ])('%i factors in %i runs', (k, runs, resolution, threes, fours) => {
    const d = design({ factors: letters.slice(0, k), runs })
    expect(d.resolution).toBe(resolution)
    expect([d.wordLengths[3], d.wordLengths[4] ?? 0]).toEqual([threes, fours])
    if (k <= 11) expect(bruteResolution(d)).toBe(resolution)
  })

  test('large designs take shortcuts and stay good', () => {
    expect(design({ factors: letters, runs: 32 }).resolution).toBe(4)
    expect(design({ factors: letters, runs: 64 }).resolution).toBe(4)
    expect(design({ factors: letters.slice(0, 4), runs: 16 }).resolution).toBe(null)
  })
})

test('every column is balanced and orthogonal to every other', () => {
  for (const [k, runs] of [
    [5, 8],
    [7, 8],
    [11, 16],
    [15, 64],
  ]) {
    const d = design({ factors: letters.slice(0, k), runs, baseline: k === 7 })
    for (let i = 0; i < k; i++) {
      expect(d.runs.reduce((s, r) => s + r[i], 0)).toBe(0)
      for (let j = 0; j < i; j++) expect(d.runs.reduce((s, r) => s + r[i] * r[j], 0)).toBe(0)
    }
    expect(new Set(d.runs.map(String)).size).toBe(runs)
  }
})

test('a baseline run has everything off, and the signs say so', () => {
  const d = design({ factors: letters.slice(0, 7), runs: 8, baseline: true })
  expect(d.runs[0]).toEqual([-1, -1, -1, -1, -1, -1, -1])
  expect(d.definingRelation.filter((w) => w.factors.length === 3).every((w) => w.sign === -1)).toBe(true)
  expect(aliasTable(design({ factors: letters.slice(0, 3), runs: 4, baseline: true }))).toBe(
    'A = -B:C\nB = -A:C\nC = -A:B',
  )
})

test('generators of one own', () => {
  const d = design({ factors: letters.slice(0, 5), runs: 8, generators: { B: ['A', 'C'], E: ['A', 'C', 'D'] } })
  expect(d.definingRelation.map(word)).toEqual(['ABC', 'BDE', 'ACDE'])
})

test('foldover of resolution III gives IV; over one factor frees that factor', () => {
  const d = design({ factors: letters.slice(0, 5), runs: 8 })
  const full = foldover(d)
  expect([full.runs.length, full.resolution, full.definingRelation.map(word)]).toEqual([16, 4, ['BCDE']])
  expect(bruteResolution(full)).toBe(4)
  const onA = foldover(d, 'A')
  expect(onA.definingRelation.map(word)).toEqual(['BCDE'])
  for (const set of aliases(onA))
    if (set.effects.some((e) => e.factors.includes('A'))) expect(set.effects.length).toBe(1)
  expect(() => foldover(full)).toThrow(/same runs/)
  expect(() => foldover(d, 'Z')).toThrow(/unknown factor 'Z'/)
})

test('tables', () => {
  const d = design({ factors: [{ name: 'Stack', off: 'v1', on: 'v2' }, '数学', 'FinePDFs, "all"'], runs: 4 })
  expect(designTable(d)).toBe(
    [
      'run  Stack  数学  FinePDFs, "all"',
      '1       v1   off               on',
      '2       v2   off              off',
      '3       v1    on              off',
      '4       v2    on               on',
    ].join('\n'),
  )
  expect(designCsv(d).split('\r\n')[0]).toBe('run,Stack,数学,"FinePDFs, ""all"""')
})

test('wrong input is named', () => {
  expect(() => design({ factors: letters.slice(0, 5), runs: 6 })).toThrow(
    /power of two, more than 5.*at most 32, got 6/,
  )
  expect(() => design({ factors: letters.slice(0, 8), runs: 8 })).toThrow(RangeError)
  expect(() => design({ factors: letters.slice(0, 3), runs: 16 })).toThrow(RangeError)
  expect(() => design({ factors: ['A'], runs: 4 })).toThrow(/factors must have 2 to 127 entries, got 1/)
  expect(() => design({ factors: ['A', 'A', 'B'], runs: 4 })).toThrow(/two factors have the name 'A'/)
  expect(() => design({ factors: [{} as never, 'B', 'C'], runs: 4 })).toThrow(TypeError)
  const base = { factors: letters.slice(0, 5), runs: 8 }
  expect(() => design({ ...base, generators: { D: ['A', 'B'] } })).toThrow(/2 generators are needed, got 1/)
  expect(() => design({ ...base, generators: { D: ['A', 'B'], E: ['A', 'D'] } })).toThrow(
    /different base factors \(A, B, C\)/,
  )
  expect(() => design({ ...base, generators: { D: ['A', 'B'], E: ['B', 'A'] } })).toThrow(/E and D the same column/)
  expect(() => design({ ...base, generators: { D: ['A', 'X'], E: ['B', 'A'] } })).toThrow(/'X', which is not a factor/)
  expect(() => aliases(design(base), 0)).toThrow(RangeError)
})

// Words of length 4 and 5 of the designs of least aberration: Chen, Sun and Wu (1993) for 64 runs; Block and Mee (2005)
// for 128. Up to 32: designs.test.ts; all of them: catalogue.deep.ts.
test.each([
  [64, 10, 2, 8],
  [64, 13, 14, 28],
  [128, 13, 2, 16],
])('%i runs of %i factors have %i words of length 4 and %i of length 5', (runs, count, four, five) => {
  const factors = Array.from({ length: count }, (_, i) => `F${i}`)
  const { wordLengths } = design({ factors, runs })
  expect([...wordLengths.slice(0, 4), wordLengths[4], wordLengths[5]]).toEqual([0, 0, 0, 0, four, five])
})

test('designs have an entry of their own, without the statistics', async () => {
  const only = await import('../src/design-only.ts')
  expect(Object.keys(only).sort()).toEqual(
    'aliasTable aliases clearInteractions design designCsv designTable foldover fullFactorial inBlocks orthogonalArray plackettBurman replicate'.split(
      ' ',
    ),
  )
  const { readFileSync } = await import('node:fs')
  const text = (name: string) => readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8')
  for (const name of [
    'design-only.ts',
    'tables.ts',
    ...['design.ts', 'generators.ts', 'words.ts', 'full-factorial.ts'].map((one) => `designs/${one}`),
  ])
    expect(text(name), name).not.toMatch(/^import (?!type).*(jstat|distributions|analyze)/m)
})

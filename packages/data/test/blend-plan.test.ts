/** Blend plans: weights, epochs, `--data-path`, temperature and release levels. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type BlendSubset, planBlend } from '../src/blend/blend-plan.ts'
import { assertUse } from '../src/blend/release-level.ts'
import { readDataPath } from '../src/megatron/replay.ts'

const subsets: BlendSubset[] = [
  { name: 'ja', tokens: 100, repeats: 3, prefix: 'd/ja', releaseLevel: 'L1' },
  { name: 'en', tokens: 600, prefix: 'd/en' },
  { name: 'code', weight: 100, prefix: 'd/code' },
]

it('weights, shares, epochs over phases, warnings and --data-path', () => {
  const { phases, levels, warnings } = planBlend([
    { name: 'pre-training', subsets },
    { name: 'decay', subsets: subsets.slice(0, 2), tokens: 450 },
  ])
  expect(phases[0]).toMatchObject({ tokens: 1000, dataPath: ['300', 'd/ja', '600', 'd/en', '100', 'd/code'] })
  expect(phases[0].rows.map(({ share, epochs }) => [share, epochs])).toEqual([
    [0.3, 3],
    [0.6, 1],
    [0.1, null],
  ])
  expect(phases[1].rows.map(({ read, epochsSoFar }) => [read, epochsSoFar])).toEqual([
    [150, 4.5],
    [300, 1.5],
  ])
  expect(levels).toEqual({ L1: 450, L3: 1000 })
  expect(warnings).toEqual([expect.stringMatching(/^decay: "ja" has 4.5 epochs by then; .*arXiv:2305.16264/)])
  expect(readDataPath(phases[0].dataPath as string[])[1]).toEqual({ prefix: 'd/en', weight: 600 })
})

it('temperature draws shares together, and what is read is the budget', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 2, maxLength: 6 }),
      fc.double({ min: 1.1, max: 20, noNaN: true }),
      (sizes, temperature) => {
        const given = sizes.map((tokens, i) => ({ name: String(i), tokens }))
        const [plain] = planBlend([{ name: 'p', subsets: given, tokens: 1e6 }]).phases
        const [hot] = planBlend([{ name: 'p', subsets: given, tokens: 1e6, temperature }]).phases
        const shares = (rows: typeof hot.rows) => rows.map(({ share }) => share)
        expect(Math.max(...shares(hot.rows))).toBeLessThanOrEqual(Math.max(...shares(plain.rows)) + 1e-12)
        expect(hot.rows.reduce((sum, { read }) => sum + read, 0)).toBeCloseTo(1e6, 3)
      },
    ),
    { numRuns: 30 },
  )
})

it('levels are kept, and sizes that cannot be are refused', () => {
  for (const level of ['LX', 'LZ'] as const)
    expect(() => planBlend([{ name: 'p', subsets: [{ name: 'x', tokens: 1, releaseLevel: level }] }])).toThrow(
      `release level ${level}`,
    )
  expect(() => planBlend([{ name: 'p', subsets: [{ name: 'x' }] }])).toThrow('subset "x" needs either tokens')
  expect(() => planBlend([{ name: 'p', subsets: [{ name: 'x', weight: 1, repeats: 2 }] }])).toThrow(
    'already includes repeats',
  )
  expect(() => planBlend([{ name: 'p', subsets: [subsets[0], subsets[0]] }])).toThrow('"ja" is given twice')
  assertUse('a', 'L1', 'distribute')
  assertUse('a', 'L2', 'search')
  expect(() => assertUse('a', 'L2', 'distribute')).toThrow(
    'level L2, which does not allow the use "distribute"; only L1 do',
  )
  expect(() => assertUse('a', 'L3', 'search')).toThrow('only L1 and L2 do')
  expect(() => assertUse('a', 'LX', 'train')).toThrow('no-train')
})

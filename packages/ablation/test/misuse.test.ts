/** A design of the wrong kind, an analysis of the other kind and what is no design are named, never read as one. */
import { expect, test } from 'vitest'
import * as ablation from '../src/index.ts'

const any = ablation as unknown as Record<string, (...args: unknown[]) => unknown>
const regular = ablation.design({ factors: ['A', 'B', 'C'], runs: 4 })
const levels = ablation.plackettBurman(['A', 'B', 'C'])
const y = [1, 2, 3, 4]

const forRegular: [string, ...unknown[]][] = [
  ['designTable'],
  ['designCsv'],
  ['aliases'],
  ['aliasTable'],
  ['clearInteractions'],
  ['foldover'],
  ['inBlocks', [['A', 'B']]],
  ['analyze', y],
  ['lenth', y],
]

test.each(forRegular)('%s takes a regular design only', (name, ...rest) => {
  const by = name === 'aliasTable' ? 'aliases' : name
  expect(() => any[name](levels, ...rest)).toThrow(
    `${by}: needs a design of design() or foldover(); this is one of fullFactorial()`,
  )
  for (const none of [undefined, null, {}, 'x', [], { factors: [] }, { factors: [], runs: [1] }])
    expect(() => any[name](none, ...rest)).toThrow(`${by}: needs a design of design() or foldover(), got `)
})

test('functions for designs of levels, and for both kinds', () => {
  expect(() => any.replicate(regular, 2)).toThrow('replicate: needs a design of fullFactorial()')
  expect(() => any.replicate(undefined, 2)).toThrow('replicate: needs a design of fullFactorial()')
  for (const none of [undefined, null, 0, Number.NaN, {}, 'x']) {
    expect(() => any.analysisOfVariance(none, y)).toThrow('analysisOfVariance: needs a design of ')
    expect(() => any.analyzeSeveral(none, { y })).toThrow('analyzeSeveral: needs a design of ')
    expect(() => any.verdict(none, {})).toThrow('verdict: needs a design of ')
  }
  expect(() => any.analyzeSeveral(regular)).toThrow('analyzeSeveral: responses must be an object, got undefined')
})

test('the analysis of the other function', () => {
  const anova = ablation.analysisOfVariance(regular, y)
  for (const name of ['effectsTable', 'effectsCsv']) {
    expect(() => any[name](anova)).toThrow(
      `${name}: needs the analysis that analyze returned; for one of analysisOfVariance use verdict, or its terms`,
    )
    expect(() => any[name]()).toThrow(/needs the analysis that analyze returned$/)
  }
  expect(() => any.verdict(regular, ablation.analyze(regular, y))).toThrow(
    'verdict: needs the analysis that analysisOfVariance returned',
  )
})

test('requests and lists that are none', () => {
  expect(() => any.design()).toThrow('design: options must be an object, got undefined')
  expect(() => any.power()).toThrow('power: request must be an object, got undefined')
  expect(() => any.replicatesNeeded(null)).toThrow('replicatesNeeded: request must be an object, got null')
  expect(() => any.fullFactorial([null])).toThrow(
    'fullFactorial: factors[0] must be a name or { name, levels }, got null',
  )
  expect(() => any.plackettBurman([3])).toThrow('plackettBurman: factors[0] must be a name or { name, levels }, got 3')
  expect(() => any.inBlocks(regular)).toThrow("inBlocks: interactions must be a list such as [['A', 'B', 'C']]")
  expect(() => any.lenth(regular)).toThrow('lenth: responses must be an array')
  expect(() => any.curvature()).toThrow('curvature: corners and centres must be arrays of responses')
})

test('no curvature where nothing varies', () => {
  expect(ablation.curvature([2, 2], [2, 2])).toEqual({ difference: 0, F: 0, pValue: 1 })
  expect(ablation.curvature([2, 2], [1, 1])).toEqual({ difference: 1, F: Number.POSITIVE_INFINITY, pValue: 0 })
})

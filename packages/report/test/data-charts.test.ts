/** Charts of schedules, formats, effects, memory and growth. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as report from '../src/index.ts'
import {
  effectsChart,
  type FormatRange,
  growthCharts,
  halfNormalChart,
  heatTable,
  histogramChart,
  memoryChart,
  scheduleChart,
} from '../src/index.ts'
import { colors } from '../src/svg/colors.ts'
import { attributesOf, elementsOf, pathPoints, textsOf, titlesOf, wellFormed } from './svg.ts'

const evil = `"><script>alert('x')</script>&\u0000`
const attribute = (element: string, name: string) => Number(new RegExp(` ${name}="(-?[\\d.]+)"`).exec(element)![1])

test('every chart is in the README', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const charts = Object.keys(report).filter((name) => /Charts?$/.test(name))
  expect(
    charts.filter((name) => !readme.includes(`\`${name}(`)),
    'each needs a row in packages/report/README.md',
  ).toEqual([])
})

describe('scheduleChart', () => {
  const rising = (step: number) => step / 10

  test('draws every step of a short schedule, and all that are given', () => {
    const svg = wellFormed(scheduleChart(rising, { steps: 10, width: 300, height: 200 }))
    expect(attributesOf(svg)).toMatchObject({ width: '300', height: '200' })
    const points = pathPoints(svg, colors[0])
    expect(points).toHaveLength(11)
    for (let i = 1; i <= 10; i++) expect(points[i][1]).toBeLessThan(points[i - 1][1])
    const two = wellFormed(scheduleChart({ [evil]: rising, b: () => 2 }, { steps: 5, title: evil }))
    expect([pathPoints(two, colors[0]).length, pathPoints(two, colors[1]).length]).toEqual([6, 6])
    expect(two).not.toMatch(/<script|NaN|undefined/)
    expect(pathPoints(scheduleChart(rising, { steps: 1_000_000 }), colors[0]).length).toBeLessThan(1500)
  })

  test('what it cannot draw is named', () => {
    expect(() => scheduleChart({}, { steps: 5 })).toThrow(/at least one schedule/)
    expect(() => scheduleChart(rising, { steps: 0 })).toThrow(/steps must be an integer of at least 1, got 0/)
    expect(() => scheduleChart(rising, { steps: 5, from: 5 })).toThrow(/at least 6, got 5/)
    expect(() => scheduleChart({ bad: () => Number.NaN }, { steps: 5 })).toThrow(
      /bad must be finite at every step drawn, got NaN at step 0/,
    )
    expect(() => scheduleChart({ bad: 3 as never }, { steps: 5 })).toThrow(TypeError)
  })
})

describe('histogramChart', () => {
  const histogram = { count: 100, firstExponent: -3, counts: [10, 0, 30, 50], zeros: 5, infinities: 3, nans: 2 }
  const e4m3: FormatRange = { name: 'float8_e4m3fn', smallestSubnormal: 2 ** -9, smallestNormal: 2 ** -6, max: 448 }

  test('has a bar a binade that holds values, as high as their share, and the range of each format', () => {
    const svg = wellFormed(histogramChart(histogram, { formats: [e4m3, { ...e4m3, name: evil }], title: evil }))
    expect(titlesOf(svg).slice(1)).toEqual(['2^-3: 10 (10%)', '2^-1: 30 (30%)', '2^0: 50 (50%)'])
    const heights = elementsOf(svg, 'rect')
      .filter((rect) => !rect.includes('rx='))
      .map((rect) => attribute(rect, 'height'))
    expect(heights.length).toBe(3 + 2 * 2)
    expect(heights[2] / heights[1]).toBeCloseTo(5 / 3, 1)
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining(['float8_e4m3fn', '2⁻⁴', '100 values, 5% zero, 3% infinite, 2% NaN']),
    )
  })

  test('a scale moves the ranges of the formats', () => {
    // From the first bar, 2^-3, to where full precision begins: 2^-6, and 2^0 where values are divided by 64 first.
    const from = (scale: number) => {
      const svg = histogramChart(histogram, { formats: [e4m3], scale })
      const xs = elementsOf(svg, 'rect')
        .filter((rect) => !rect.includes('rx='))
        .map((rect) => attribute(rect, 'x'))
      return xs[4] - xs[0]
    }
    expect(from(1)).toBeLessThan(0)
    expect(from(2 ** -6)).toBeGreaterThan(0)
    expect(histogramChart(histogram, { scale: 64 })).toContain('formats at scale 64')
  })

  test('nothing, and options out of range', () => {
    const empty = { count: 0, firstExponent: 0, counts: [], zeros: 0, infinities: 0, nans: 0 }
    expect(wellFormed(histogramChart(empty, { formats: [e4m3] }))).not.toMatch(/NaN|undefined|Infinity/)
    expect(() => histogramChart(histogram, { scale: 0 })).toThrow(/scale must be finite and greater than 0, got 0/)
    expect(() => histogramChart(histogram, { width: 10 })).toThrow(/width must be from 240/)
  })
})

describe('effects', () => {
  const effect = (term: string, difference: number, interval: [number, number] | null) => ({
    term,
    difference,
    confidenceInterval: interval,
    pValue: interval && 0.02,
  })
  const effects = [effect(evil, 4, [3, 5]), effect('B', -2, [-5, 1]), effect('C', 1, null)]

  test('bars lie on their side of zero, filled where the interval excludes it, with whiskers', () => {
    const svg = wellFormed(effectsChart({ effects, confidence: 0.95 }, { title: 'Effects', response: 'accuracy' }))
    const bars = elementsOf(svg, 'rect').filter((rect) => rect.includes('fill-opacity') && !rect.includes('rx='))
    expect(bars.map((bar) => attribute(bar, 'fill-opacity'))).toEqual([1, 0.3, 0.3])
    expect(attribute(bars[0], 'width') / attribute(bars[1], 'width')).toBeCloseTo(2, 1)
    expect(attribute(bars[1], 'x')).toBeLessThan(attribute(bars[0], 'x'))
    expect(titlesOf(svg)).toEqual(['Effects', expect.stringMatching(/: 4, p = 0\.02$/), 'B: -2, p = 0.02', 'C: 1'])
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['accuracy: mean on - mean off, with 95% intervals', '-2']))
  })

  test('no differences and no effects', () => {
    for (const some of [[], [effect('A', 0, null)], [effect('A', 0, [0, 0])]]) {
      expect(wellFormed(effectsChart({ effects: some, confidence: 0.9 }))).not.toMatch(/NaN|undefined|Infinity/)
      expect(wellFormed(halfNormalChart(some))).not.toMatch(/NaN|undefined|Infinity/)
    }
    expect(() => effectsChart({ effects, confidence: 0.9 }, { width: 1 })).toThrow('effectsChart: width must be')
  })

  test('the half-normal plot orders effects by size and names those that stand out', () => {
    const noise = Array.from({ length: 14 }, (_, i) => effect(`noise ${i}`, (i % 2 ? -1 : 1) * (1 + i / 100), null))
    const svg = wellFormed(halfNormalChart([...noise, effect('clear', -40, null)]))
    const dots = elementsOf(svg, 'circle').map((circle) => [attribute(circle, 'cx'), attribute(circle, 'cy')])
    expect(dots).toHaveLength(15)
    for (let i = 1; i < 15; i++) {
      expect(dots[i][0]).toBeGreaterThan(dots[i - 1][0])
      expect(dots[i][1]).toBeLessThanOrEqual(dots[i - 1][1])
    }
    expect(textsOf(svg)).toContain('clear')
    expect(textsOf(svg).filter((text) => text.startsWith('noise'))).toEqual([])
    // 1.5 times the median 1.07 of the noise, to three digits.
    expect(/Pseudo standard error ([\d.]+)\./.exec(svg)![1]).toBe('1.6')
  })
})

test('growthCharts has time and memory of each curve, beside the lines they should keep to', () => {
  const points = [1, 2, 4].map((size) => ({ size, cost: size ** 2, work: size }))
  const measured = ['cpu', 'webgpu'].map((backend) => ({
    curve: { name: 'attention', axis: 'tokens' },
    backend,
    time: { points },
    memory: { points },
  }))
  const svg = wellFormed(growthCharts(measured))
  expect(textsOf(svg)).toEqual(
    expect.arrayContaining(['attention: time', 'attention: peak memory', 'tokens', 'linear']),
  )
  expect(elementsOf(svg, 'circle')).toHaveLength(12)
  expect(pathPoints(svg, colors[0])).toHaveLength(12) // curve and dashed line, of two charts
})

test('memoryChart has the parts of the formulas in percent of the compiled peak', () => {
  const none = { optimizer: 0, inputs: 0, gradients: 0, logits: 0, working: 0, unshared: 0 }
  const estimated = { ...none, weights: 30e6, activations: 60e6, total: 90e6 }
  const svg = wellFormed(memoryChart([{ label: 'nano', estimated, peakBytes: 100e6 }]))
  expect(titlesOf(svg).slice(1)).toEqual(['nano: weights 30 %', 'nano: activations 60 %'])
  expect(textsOf(svg)).toEqual(expect.arrayContaining(['compiled', '90 of 100 MB']))
  // The note does not cross the line, whose label is centred on it.
  const xOf = (text: string) => Number(new RegExp(`<text x="([0-9.]+)"[^>]*>${text}<`).exec(svg)![1])
  expect(xOf('90 of 100 MB')).toBeGreaterThan(xOf('compiled'))
  expect(wellFormed(memoryChart([]))).not.toMatch(/NaN|Infinity/)
})

test('heatTable shades cells between the lowest and the highest', () => {
  const table = {
    caption: evil,
    corner: 'step',
    columns: ['1', '2', '3'],
    rows: [
      { label: evil, values: [0, 5, 10] },
      { label: 'b', values: [undefined, Number.NaN, 10] },
    ],
  }
  const { text } = heatTable(table)!
  expect([...text.matchAll(/class="h(\d)">([\d.]+)/g)].map(([, shade, value]) => [shade, value])).toEqual([
    ['0', '0.0'],
    ['4', '5.0'],
    ['8', '10.0'],
    ['8', '10.0'],
  ])
  expect(text).not.toMatch(/<script|NaN/)
  expect(heatTable({ ...table, leastSpan: 100 })!.text).toContain('class="h4">10.0')
  expect(heatTable({ ...table, rows: [] })).toBeUndefined()
})

/** Japanese texts of charts and pages. */
import { expect, test } from 'vitest'
import {
  barsChart,
  effectsChart,
  growthCharts,
  halfNormalChart,
  histogramChart,
  lineChart,
  memoryChart,
  scheduleChart,
  timelineChart,
} from '../src/index.ts'
import { wellFormed } from './svg.ts'

const effect = (term: string, difference: number) => ({
  ...{ term, difference, pValue: 0.01 },
  confidenceInterval: [difference - 1, difference + 1] as const,
})
const effects = [effect('A', 3), effect('B', 0.5)]
const format = { name: 'bfloat16', smallestSubnormal: 2 ** -133, smallestNormal: 2 ** -126, max: 3e38 }
const pass = { stage: 0, chunk: 0, microBatch: 0, start: 0, end: 1 }
const growth = { points: [1, 2].map((size) => ({ size, cost: size / 10, work: size })) }
const state = { weights: 4, optimizer: 8, inputs: 1, gradients: 4 }
const bytes = { ...state, activations: 6, logits: 2, working: 1, unshared: 1, total: 27 }
const charts = {
  effectsChart: effectsChart({ effects, confidence: 0.95 }, { heading: true, language: 'ja' }),
  halfNormalChart: halfNormalChart(effects, { language: 'ja' }),
  histogramChart: histogramChart(
    { count: 4, firstExponent: -1, counts: [1, 1], zeros: 1, infinities: 1, nans: 0 },
    { formats: [format], scale: 2, language: 'ja' },
  ),
  scheduleChart: scheduleChart((step) => step, { steps: 3, heading: true, language: 'ja' }),
  lineChart: lineChart(
    { title: '', xLabel: '', yLabel: '', lines: [{ label: '', points: [[1, 2]] }] },
    { language: 'ja' },
  ),
  'lineChart without values': lineChart({ title: '', xLabel: '', yLabel: '', lines: [] }, { language: 'ja' }),
  'lineChart with a long legend': lineChart(
    {
      ...{ title: '損失', xLabel: '', yLabel: '' },
      lines: Array.from({ length: 99 }, (_, i) => ({ label: `実行 ${i}`, points: [[1, i] as const] })),
    },
    { language: 'ja' },
  ),
  growthCharts: growthCharts(
    [{ curve: { name: '行列積', axis: '行' }, backend: 'GPU', time: growth, memory: growth }],
    {
      language: 'ja',
    },
  ),
  memoryChart: memoryChart([{ label: '', estimated: bytes, peakBytes: 25 }], { language: 'ja' }),
  barsChart: barsChart({ title: '', parts: ['重み'], bars: [{ label: '', values: [1] }] }, { language: 'ja' }),
  timelineChart: timelineChart(
    {
      ...{ schedule: '1f1b', busy: [2], seconds: 2, bubbleOverWork: 0 },
      passes: [
        { ...pass, kind: 'forward' },
        { ...pass, kind: 'backward', chunk: 1 },
        { ...pass, kind: 'weight' },
      ],
    },
    { language: 'ja' },
  ),
}

const names = new Set(['bfloat', 'GPU', 'FLOPs', 'GFLOP'])

test.each(Object.entries(charts))('%s words itself in Japanese', (_, svg) => {
  const texts = [...wellFormed(svg).matchAll(/<(?:text|title|desc)[^>]*>([^<]*)</g)].map(([, text]) => text)
  expect(texts.join('\n')).toMatch(/\p{Script=Katakana}|\p{Script=Han}/u)
  // No English word is left: only names of things, symbols and units are Latin.
  expect(texts.flatMap((text) => text.match(/[a-z]{3,}/gi) ?? []).filter((word) => !names.has(word))).toEqual([])
})

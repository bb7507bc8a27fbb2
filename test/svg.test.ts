/** Pictures of the packages: colours that fit light and dark pages, styles that stay inside the picture. */
import { describe, expect, test } from 'vitest'
import { analyze, design } from '../packages/ablation/src/index.ts'
import { exponentHistogram, finfo } from '../packages/numerics/src/index.ts'
import { cosine } from '../packages/optim/src/index.ts'
import { type PlanSearch, plan, simulatePipeline, summarizePlans } from '../packages/planner/src/index.ts'
import {
  effectsChart,
  halfNormalChart,
  histogramChart,
  lineCharts,
  planReport,
  scheduleChart,
  timelineChart,
} from '../packages/report/src/index.ts'

/** Every picture has the colours of the page it stands in: dark text on dark pages is no picture. */
const factors = design({ factors: ['wikipedia', 'code', 'papers'], runs: 8 })
const stages = Array.from({ length: 4 }, () => ({ forward: 1, backward: 2, weightGradient: 1 }))
const pictures: Record<string, string> = {
  effects: effectsChart(analyze(factors, [1, 2, 3, 4, 5, 7, 6, 9])),
  'half-normal': halfNormalChart(analyze(factors, [1, 2, 3, 4, 5, 7, 6, 9]).effects),
  histogram: histogramChart(exponentHistogram(Float32Array.from({ length: 100 }, (_, i) => Math.exp(i / 9 - 5))), {
    formats: [finfo('float8_e4m3fn'), finfo('bfloat16')],
  }),
  schedule: scheduleChart(cosine({ from: 1, to: 0, steps: 100 }), { steps: 100, title: 'cosine' }),
  timeline: timelineChart(simulatePipeline({ stages, microBatches: 8, schedule: '1f1b' })),
  study: lineCharts([
    {
      title: 'loss',
      xLabel: 'step',
      yLabel: 'nats',
      lines: [
        {
          label: 'a',
          points: [
            [0, 1],
            [1, 2],
          ],
        },
      ],
    },
  ]),
}

describe.each(Object.entries(pictures))('%s', (_, svg) => {
  test('is written in the current colour, on no ground of its own', () => {
    expect(svg).toContain('currentColor')
    expect(svg).toContain('svg:root{color-scheme:light dark;color:CanvasText}')
    expect(svg).not.toMatch(/prefers-color-scheme/)
    for (const [rect] of svg.matchAll(/<rect[^>]*>/g)) expect(rect).not.toMatch(/fill="(#fff|white|#ffffff)"/)
  })

  test('has no style that reaches beyond it', () => {
    const [, style] = /<style>(.*?)<\/style>/s.exec(svg)!
    for (const [, selector] of style.matchAll(/(?:^|\})([^{}]+)\{/g)) expect(selector).toMatch(/^(svg:root|\.\w+ )/)
  })
})

describe('the page of a plan', () => {
  const search: PlanSearch = {
    model: {
      name: 'a <model>',
      layers: 40,
      hidden: 5120,
      ffn: 13824,
      heads: 40,
      kvHeads: 40,
      headDim: 128,
      vocab: 99487,
    },
    cluster: { gpu: 'H100', nodes: 16, gpusPerNode: 8, pricePerGpuHour: 3 },
    recipe: { globalBatchSize: 512, sequenceLength: 4096, run: { tokens: 2.1e12 } },
  }

  test('has plans, bars, breakdown, pipeline and refusals', () => {
    const html = planReport(summarizePlans(search, plan(search)))
    for (const text of [
      'Plans by stability',
      'Plans by throughput',
      'Fullest GPU of each plan',
      '80 %',
      '85.5 GB',
      'One tuned step on the slowest stage',
      'all-gather of weights',
      'simulated',
      'GPU-days',
      'Rejected plans',
      'a &lt;model&gt;',
    ]) {
      expect(html, text).toContain(text)
    }
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)|NaN|undefined|Infinity/)
    expect(html.match(/<svg/g)!.length).toBeGreaterThanOrEqual(6)
    expect(() => planReport(summarizePlans(search, plan(search)), { shown: 0 })).toThrow('shown must be an integer')
  })

  test('tells where nothing fits', () => {
    const small = { ...search, cluster: { ...search.cluster, nodes: 1 } }
    const impossible = { ...small, model: { ...search.model, layers: 400 } }
    expect(planReport(summarizePlans(impossible, plan(impossible)))).toMatch(
      /None of the [\d,]+ plans is valid and fits in memory/,
    )
  })
})

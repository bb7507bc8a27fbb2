import { describe, expect, test } from 'vitest'
import { charts } from '../examples/study-tools/chart.ts'
import { analyze, design, effectsSvg } from '../packages/ablation/src/index.ts'
import { histogramSvg } from '../packages/numerics/src/index.ts'
import { cosine, plotSchedule } from '../packages/optim/src/index.ts'
import { simulatePipeline } from '../packages/planner/src/estimate/pipeline.ts'
import { timelineSvg } from '../packages/planner/src/timeline-svg.ts'

/** Every picture has the colours of the page it stands in: dark text on dark pages is no picture. */
const factors = design({ factors: ['wikipedia', 'code', 'papers'], runs: 8 })
const stages = Array.from({ length: 4 }, () => ({ forward: 1, backward: 2, weightGradient: 1 }))
const pictures: Record<string, string> = {
  effects: effectsSvg(analyze(factors, [1, 2, 3, 4, 5, 7, 6, 9])),
  histogram: histogramSvg(Float32Array.from({ length: 100 }, (_, i) => Math.exp(i / 9 - 5))),
  schedule: plotSchedule(cosine({ from: 1, to: 0, steps: 100 }), { steps: 100, title: 'cosine' }),
  timeline: timelineSvg(simulatePipeline({ stages, microBatches: 8, schedule: '1f1b' })),
  study: charts([
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

/** Line charts: axes, gaps, ranges of seeds, thinned lines, rules and their labels. */
import { describe, expect, test } from 'vitest'
import { barsChart, lineChart, lineCharts, type Timeline, type TimelinePass, timelineChart } from '../src/index.ts'
import { colors } from '../src/svg/colors.ts'
import { attributesOf, elementsOf, pathPoints, textsOf, titlesOf, wellFormed } from './svg.ts'

const evil = `"><script>alert('x')</script>&\u0000\ud800`

describe('lineChart', () => {
  const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats' }
  const line = (points: readonly (readonly [number, number])[]) =>
    lineChart({ ...chart, lines: [{ label: 'run', points }] })

  test('draws every point of a short line, between axes that hold them all', () => {
    const svg = wellFormed(line([1, 2, 3, 4, 5].map((x) => [x, 10 / x])))
    const points = pathPoints(svg, colors[0])
    expect(points).toHaveLength(5)
    for (let i = 1; i < 5; i++) {
      expect(points[i][0]).toBeGreaterThan(points[i - 1][0])
      expect(points[i][1]).toBeGreaterThan(points[i - 1][1])
    }
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['Loss', 'run', 'step', 'nats', '2', '4', '10']))
    expect(titlesOf(svg)[0]).toBe('Loss')
    expect(/<desc>(.*?)<\/desc>/.exec(svg)![1]).toBe('Loss: step from 1 to 5, nats from 2 to 10; run.')
  })

  test('leaves gaps for what is not finite, and a dot for a single point', () => {
    const svg = wellFormed(
      line([
        [1, 1],
        [2, 2],
        [3, Number.NaN],
        [4, Number.POSITIVE_INFINITY],
        [5, 2],
        [6, 1],
      ]),
    )
    expect(pathPoints(svg, colors[0])).toHaveLength(4)
    expect(/<path[^>]*d="M[^M"]+M[^M"]+"/.test(svg)).toBe(true)
    expect(elementsOf(wellFormed(line([[3, 7]])), 'circle')).toHaveLength(1)
    expect(elementsOf(wellFormed(line([[3, 0]])), 'circle')).toHaveLength(1)
  })

  test.each([[[]], [[[1, Number.NaN]]], [[[Number.NaN, 1]]]] as const)(
    'says so where there is nothing: %j',
    (points) => {
      expect(wellFormed(line(points as any))).toContain('Nothing to draw: there is no finite value.')
    },
  )

  test('a logarithmic axis leaves out what is not above 0 and is marked by decades', () => {
    const points = [0, 1, 2, 3, 4].map((i) => [10 ** i, i === 0 ? -1 : 10 ** -i] as const)
    const lines = [{ label: 'a', points }]
    const svg = wellFormed(lineChart({ ...chart, lines, xScale: 'log', yScale: 'log' }))
    expect(pathPoints(svg, colors[0])).toHaveLength(4)
    const [a, b, c] = pathPoints(svg, colors[0])
    expect(b[0] - a[0]).toBeCloseTo(c[0] - b[0], 0)
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['100', '10K', '0.1', '0.01', '1e-4']))
  })

  test('seeds become their mean and a range', () => {
    const seeds = [
      [
        [1, 1],
        [2, 4],
      ],
      [
        [1, 3],
        [2, 4],
        [3, 9],
      ],
    ] as const
    const svg = wellFormed(lineChart({ ...chart, lines: [{ label: 'a', points: seeds }] }))
    expect(pathPoints(svg, colors[0])).toHaveLength(2) // what one seed lacks is not drawn
    expect(svg).toMatch(
      new RegExp(`<g[^>]*fill="${colors[0]}"[^>]*fill-opacity="0.18"|fill-opacity="0.18"[^>]*fill="${colors[0]}"`),
    )
  })

  test('hundreds of thousands of points make no long picture, and keep the lowest and highest', () => {
    const points = Array.from({ length: 250_000 }, (_, i) => [i, i === 154_321 ? 100 : Math.sin(i)] as const)
    const svg = line(points)
    expect(svg.length).toBeLessThan(40_000)
    const ys = pathPoints(svg, colors[0]).map(([, y]) => y)
    expect(Math.max(...ys) - Math.min(...ys)).toBeGreaterThan(240)
    expect(ys.filter((y) => y < 100)).toHaveLength(1)
  })

  test('rules have labels that do not cover each other, on wide and narrow charts', () => {
    const rules = ['unigram', 'bigram', 'trigram'].map((label, i) => ({ label, y: 4 + i / 1000 }))
    for (const width of [560, 340]) {
      const svg = wellFormed(
        lineChart(
          {
            ...chart,
            rules,
            lines: [
              {
                label: '',
                points: [
                  [1, 7],
                  [2, 3],
                ],
              },
            ],
          },
          { width },
        ),
      )
      const ys = rules
        .map(({ label }) => Number(new RegExp(`y="([\\d.]+)"[^>]*>${label}<`).exec(svg)![1]))
        .sort((a, b) => a - b)
      expect(ys[1] - ys[0]).toBeGreaterThanOrEqual(15)
      expect(ys[2] - ys[1]).toBeGreaterThanOrEqual(15)
    }
  })

  test('on a narrow chart the labels of rules stand where they cover less', () => {
    const falling = Array.from({ length: 50 }, (_, i) => [i, 6 - i / 12] as const)
    const rising = falling.map(([x, y]) => [x, 8 - y] as const)
    const anchor = (points: typeof falling) =>
      /text-anchor="(\w+)"[^>]*>unigram</.exec(
        lineChart({ ...chart, rules: [{ label: 'unigram', y: 2.2 }], lines: [{ label: '', points }] }, { width: 340 }),
      )![1]
    expect([anchor(falling), anchor(rising)]).toEqual(['start', 'end'])
  })

  test('bands are shaded and named where the name fits', () => {
    const lines = [
      {
        label: 'a',
        points: [
          [0, 1],
          [100, 2],
        ] as const,
      },
    ]
    const bands = [
      { from: 20, to: 60, label: '冷却' },
      { from: 70, to: 71, label: 'narrow' },
    ]
    const svg = wellFormed(lineChart({ ...chart, lines, bands }))
    const [wide, narrow] = elementsOf(svg, 'rect').map((rect) => Number(/ width="([\d.]+)"/.exec(rect)![1]))
    expect(wide / narrow).toBeCloseTo(40, -1)
    expect(textsOf(svg)).toContain('冷却')
    expect(textsOf(svg)).not.toContain('narrow')
    expect(titlesOf(svg)).toEqual(expect.arrayContaining(['冷却', 'narrow']))
  })

  test('numbers as large or close as numbers get are drawn', () => {
    for (const ys of [
      [1e308, -1e308],
      [5e-324, 0],
      [1, 1 + 2 ** -52],
      [7, 7],
    ])
      expect(wellFormed(line(ys.map((y, x) => [x, y] as const)))).not.toMatch(/NaN|Infinity|undefined/)
  })

  test('escapes, and checks its size', () => {
    const lines = [
      {
        label: evil,
        points: [
          [1, 1],
          [2, 2],
        ] as const,
        dots: true,
      },
    ]
    const bands = [{ from: 1, to: 2, label: evil }]
    const svg = wellFormed(
      lineChart({ title: evil, xLabel: evil, yLabel: evil, lines, bands, rules: [{ label: evil, y: 1 }] }),
    )
    for (const raw of ['<script', '\u0000', '\ud800']) expect(svg).not.toContain(raw)
    expect(() => lineChart({ ...chart, lines }, { width: 10 })).toThrow(
      'width must be from 240 to 10,000 pixels, got 10',
    )
    expect(() => lineChart({ ...chart, lines }, { height: Number.NaN })).toThrow('height must be')
    expect(() => lineCharts([])).toThrow('at least one chart')
  })

  test('more lines than a legend has room for are counted in it, and all are drawn', () => {
    const lines = Array.from({ length: 200 }, (_, i) => ({
      label: `run number ${i}`,
      points: [
        [1, i],
        [2, i + 1],
      ] as const,
    }))
    const svg = wellFormed(lineChart({ ...chart, lines }))
    expect(textsOf(svg).find((text) => /^and \d+ more$/.test(text))).toBeDefined()
    expect(pathPoints(svg, colors[0]).length).toBe(50)
    const ys = pathPoints(svg, colors[0]).map(([, y]) => y)
    expect(Math.min(...ys)).toBeGreaterThan(26)
    expect(Math.max(...ys) - Math.min(...ys)).toBeGreaterThan(100)
  })

  test('several charts stand in rows', () => {
    const one = {
      ...chart,
      lines: [
        {
          label: 'a',
          points: [
            [1, 1],
            [2, 2],
          ] as const,
        },
      ],
    }
    expect(attributesOf(lineCharts([one, one, one]))).toMatchObject({ width: '1120', height: '772' })
    expect(attributesOf(lineCharts([one, one, one], { columns: 3, width: 300 }))).toMatchObject({ width: '900' })
  })
})

describe('barsChart', () => {
  const chart = {
    title: 'Memory',
    parts: ['weights', 'nothing', 'gradients'],
    bars: [
      { label: 'one', values: [1, 0, 2], note: '3 GB' },
      { label: 'two', values: [2, 0, 2], note: '4 GB' },
    ],
    limits: [{ value: 5, label: '5 GB' }],
  }

  test('draws a segment a part, as long as its value', () => {
    const svg = wellFormed(barsChart(chart))
    const widths = elementsOf(svg, 'rect')
      .filter((rect) => !rect.includes('rx='))
      .map((rect) => Number(/width="([\d.]+)"/.exec(rect)![1]) + 0.5)
    expect(widths).toHaveLength(4)
    expect(widths[1] / widths[0]).toBeCloseTo(2, 1)
    expect(widths[2]).toBeCloseTo(widths[1], 0)
    expect(titlesOf(svg)).toEqual([
      'Memory',
      'one: weights 1',
      'one: gradients 2',
      'two: weights 2',
      'two: gradients 2',
    ])
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['weights', 'gradients', 'one', '3 GB', '5 GB']))
    expect(svg).not.toContain('nothing')
  })

  test('labels stand above the bars where they would take the room', () => {
    const long = chart.bars.map((bar) => ({ ...bar, label: `a long label of ${bar.label} `.repeat(3) }))
    const svg = wellFormed(barsChart({ ...chart, bars: long }, { width: 360 }))
    expect(elementsOf(svg, 'rect').filter((rect) => !rect.includes('rx='))).toHaveLength(4)
    expect(svg).toMatch(/<text x="[\d.]+" y="[\d.]+" text-anchor="start">a long label of one/)
  })

  test('empty, not finite, wrong and hostile values', () => {
    expect(wellFormed(barsChart({ ...chart, bars: [] }))).toContain('5 GB')
    const odd = { label: evil, values: [Number.NaN, Number.POSITIVE_INFINITY, -1], note: evil }
    expect(wellFormed(barsChart({ ...chart, title: evil, bars: [odd] }))).not.toMatch(/<script|NaN|Infinity/)
    expect(() => barsChart({ ...chart, bars: [{ label: 'x', values: [1] }] })).toThrow(
      "barsChart: the bar 'x' has 1 values for 3 parts; give one value per part",
    )
  })
})

describe('timelineChart', () => {
  /** Stages that run forward and backward in turns, as one pass after the other. */
  const timeline = (microBatches: number, kinds: readonly TimelinePass['kind'][], chunks = 1): Timeline => {
    const passes = Array.from({ length: 4 }, (_, stage) =>
      Array.from({ length: microBatches * chunks * kinds.length }, (_, i): TimelinePass => {
        const [kind, chunk] = [kinds[i % kinds.length], Math.floor(i / kinds.length) % chunks]
        return { stage, chunk, microBatch: Math.floor(i / kinds.length / chunks), kind, start: i, end: i + 1 }
      }),
    ).flat()
    const seconds = microBatches * chunks * kinds.length
    return { schedule: '1f1b', passes, busy: [1, 1, 1, 1], seconds, bubbleOverWork: 0.125 }
  }

  test('draws every pass in one path a colour, names, numbers and a legend', () => {
    const svg = wellFormed(timelineChart(timeline(8, ['forward', 'backward', 'weight'])))
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining([
        '1F1B, 4 stages: bubble 12.5 % of the work',
        'stage 3',
        'forward',
        'backward',
        'gradients of weights',
        'waiting',
      ]),
    )
    const paths = [...svg.matchAll(/<path fill="#[^>]*stroke="Canvas"[^>]* d="([^"]+)"/g)].map(([, d]) => d)
    expect(paths.map((d) => d.split('M').length - 1)).toEqual([32, 32, 32])
    expect(textsOf(svg).filter((text) => text === '7')).toHaveLength(12)
    expect(timelineChart(timeline(8, ['forward', 'backward'], 2))).toContain('first to last of 2 chunks')
    expect(timelineChart(timeline(8, ['forward', 'backward']))).not.toContain('gradients of weights')
  })

  test('cuts a long step in two', () => {
    const svg = wellFormed(timelineChart(timeline(20_000, ['forward', 'backward'])))
    expect(svg).toContain('…')
    expect(svg.length).toBeLessThan(60_000)
  })

  test('escapes titles, checks its width, and fits a phone', () => {
    const short = timeline(2, ['forward'])
    expect(wellFormed(timelineChart(short, { title: evil, after: [{ label: evil, seconds: 1 }] }))).not.toContain(
      '<script',
    )
    expect(() => timelineChart(short, { width: 10 })).toThrow('timelineChart: width must be from 240')
    expect(attributesOf(timelineChart(timeline(64, ['forward', 'backward']), { width: 340 })).width).toBe('340')
  })

  test('a title that is wider than the picture takes two lines, and the rest moves down', () => {
    const [wide, narrow] = [1040, 340].map((width) => timelineChart(timeline(2, ['forward']), { width }))
    const title = '1F1B, 4 stages: bubble 12.5 % of the work'
    expect(textsOf(wide)[0]).toBe(title)
    expect(textsOf(narrow).slice(0, 2).join(' ')).toBe(title)
    expect(Number(attributesOf(narrow).height) - Number(attributesOf(wide).height)).toBe(18)
    // Japanese has no spaces; a line does not begin with a closing mark. What two lines do not hold is truncated.
    const titled = (title: string) =>
      textsOf(timelineChart(timeline(2, ['forward']), { title, width: 240 })).slice(0, 2)
    expect(titled('四つのステージのパイプライン、一つのステップ')).toEqual([
      '四つのステージのパイプライン、',
      '一つのステップ',
    ])
    expect(titled(`${'あ'.repeat(15)}、い`)).toEqual(['あ'.repeat(14), 'あ、い'])
    expect(titled('長い'.repeat(40))[1]).toMatch(/…$/)
    expect(titled('x'.repeat(80))[0]).toMatch(/…$/)
  })
})

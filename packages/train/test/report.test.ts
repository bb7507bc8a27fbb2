import { describe, expect, test } from 'vitest'
import {
  type Metric,
  parseMetrics,
  parseSamples,
  parseSummary,
  type ReportRun,
  type RunSummary,
  renderReport,
} from '../src/report.ts'
import { smooth } from '../src/report-chart.ts'

const metric = (step: number, over: Partial<Metric> = {}): Metric => ({
  step,
  tokens: step * 100,
  loss: 7 / Math.sqrt(step),
  gradNorm: 1 / step,
  learningRate: 1e-3,
  tokensPerSecond: 5000,
  seconds: step,
  ...over,
})
const line = (step: number) => JSON.stringify(metric(step))
const summary = (natsPerToken: number): RunSummary => ({
  heldOut: { natsPerToken, bitsPerByte: natsPerToken / 2.5 },
  baselines: {
    unigram: { natsPerToken: 6, bitsPerByte: 2.4 },
    bigram: { natsPerToken: 4, bitsPerByte: 1.6 },
    trigram: { natsPerToken: 3.5, bitsPerByte: 1.4 },
  },
  steps: 40,
  tokens: 4000,
  seconds: 8,
  device: 'cpu',
  precision: 'f32',
  seed: 1,
  parameters: 1_573_000,
})
const run = (over: Partial<ReportRun> = {}): ReportRun => ({
  name: 'nano',
  config: { recipe: { learningRate: 1e-3 }, seed: 1 },
  metrics: Array.from({ length: 40 }, (_, i) => metric(i + 1)),
  ...over,
})
const headlineOf = (html: string) => /class="headline">(.*?)<\/p>/.exec(html)![1]

describe('parseMetrics', () => {
  test('reads steps, null as NaN, and leaves a half-written last line out', () => {
    const text = `${line(1)}\n{"step":2,"tokens":200,"loss":null,"extra":[1]}\n\n{"step":3,"tok`
    const [first, second, ...rest] = parseMetrics(text, 'metrics.jsonl')
    expect(first).toEqual(metric(1))
    expect(second.loss).toBeNaN()
    expect(second.gradNorm).toBeNaN()
    expect(rest).toEqual([])
    expect(parseMetrics('', 'metrics.jsonl')).toEqual([])
  })

  test('a run that went on from a checkpoint replaces the steps after it', () => {
    const text = [1, 2, 3, 4, 3, 4, 5].map(line).join('\n')
    expect(parseMetrics(text, 'f').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5])
  })

  test.each([
    [`${line(1)}\n{"step":\n${line(2)}\n`, 'run/metrics.jsonl: line 2 is not JSON'],
    ['{"step":1,"tok\n', 'run/metrics.jsonl: line 1 is not JSON'],
    ['null\n', 'line 1 is null, not an object'],
    ['[1]\n', 'line 1 is an array'],
    ['{"step":1.5,"tokens":1,"loss":1}\n', 'line 1: step must be an integer of at least 0, got 1.5'],
    ['{"step":1,"tokens":1}\n', 'line 1: loss must be a number or null, got nothing'],
    ['{"step":1,"tokens":1,"loss":"2"}\n', 'line 1: loss must be a number or null, got "2"'],
    ['{"step":1,"tokens":1,"loss":2,"seconds":{}}\n', 'line 1: seconds must be a number'],
  ])('%s', (text, message) => {
    expect(() => parseMetrics(text, 'run/metrics.jsonl')).toThrow(message)
  })
})

test('files of a run folder are checked field by field', () => {
  expect(parseSummary(JSON.parse(JSON.stringify(summary(3))), 'summary.json')).toEqual(summary(3))
  expect(() => parseSummary({ ...summary(3), seconds: null }, 'summary.json')).toThrow(
    'summary.json: seconds must be a number, got null',
  )
  expect(() => parseSummary({ ...summary(3), baselines: { unigram: {} } }, 'summary.json')).toThrow(
    'summary.json: baselines.unigram.natsPerToken must be',
  )
  expect(() => parseSamples({ 0: 1 }, 'samples.json')).toThrow('samples.json: the document must be an array')
})

describe('renderReport', () => {
  test('says which baselines are beaten', () => {
    expect(headlineOf(renderReport([run({ summary: summary(3) })]))).toBe(
      'Held-out loss 3.000 nats per token (1.200 bits per byte): better than the unigram, bigram and trigram baselines.',
    )
    expect(headlineOf(renderReport([run({ summary: summary(3.7) })]))).toContain(
      'better than the unigram and bigram baselines, not yet than the trigram baseline.',
    )
    expect(headlineOf(renderReport([run({ summary: summary(7) })]))).toContain(
      ': not better than the unigram, bigram and trigram baselines.',
    )
    expect(headlineOf(renderReport([run()]))).toContain('after 40 steps; there is no held-out result yet')
    expect(headlineOf(renderReport([run({ metrics: [] })]))).toBe('Nothing has been trained yet.')
    const two = [run({ name: 'a', summary: summary(3.2) }), run({ name: 'b', summary: summary(3) })]
    expect(headlineOf(renderReport(two))).toMatch(
      /^b has the lowest held-out loss, 3\.000 .*, 0\.200 below a: better than/,
    )
  })

  test('is self-contained and escapes everything', () => {
    const evil = `"><script>alert('x')</script>&\u0000`
    const page = renderReport([
      run({
        name: evil,
        config: { [evil]: { [evil]: evil } },
        summary: { ...summary(3), device: evil, precision: evil },
        samples: [{ label: evil, prompt: evil, text: evil }],
      }),
      run({ name: `${evil}2` }),
    ])
    expect(page).not.toMatch(/<script|alert\('x/)
    expect(page).not.toContain('\u0000')
    expect(page).not.toMatch(/\b(src|href)=|url\(|@import|https?:/)
    expect(page).toContain('&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\ufffd')
  })

  test('draws gaps for what is not finite, and a single step', () => {
    const diverged = run({
      metrics: [
        metric(1),
        metric(2, { loss: Number.NaN, gradNorm: Number.POSITIVE_INFINITY }),
        metric(3, { gradNorm: 0 }),
      ],
    })
    for (const runs of [
      [diverged],
      [run({ metrics: [metric(1)] })],
      [run({ metrics: [metric(1, { loss: Number.NaN })] }), diverged],
    ]) {
      expect(renderReport(runs)).not.toMatch(/NaN|Infinity|undefined/)
    }
  })

  test('a long run makes no long file', () => {
    const metrics = Array.from({ length: 200_000 }, (_, i) => metric(i + 1, { loss: 3 + Math.sin(i) }))
    expect(renderReport([run({ metrics })]).length).toBeLessThan(200_000)
  })

  test('runs with steps of different sizes are laid over each other by tokens', () => {
    const large = run({
      name: 'large batch',
      metrics: Array.from({ length: 10 }, (_, i) => metric(i + 1, { tokens: (i + 1) * 400 })),
    })
    expect(renderReport([run(), large])).toContain('>tokens</text>')
    expect(renderReport([run(), run()])).toContain('>step</text>')
  })

  test('marks Japanese, notes differing baselines, refuses nothing', () => {
    expect(renderReport([run({ samples: [{ label: 'Japanese', prompt: '型', text: 'が' }] })])).toContain(
      '<p lang="ja"><b>型</b>が</p>',
    )
    const other = {
      ...summary(3),
      baselines: { ...summary(3).baselines, trigram: { natsPerToken: 3.1, bitsPerByte: 1.2 } },
    }
    expect(renderReport([run({ summary: summary(3) }), run({ name: 'b', summary: other })])).toContain(
      'compare bits per byte',
    )
    expect(() => renderReport([])).toThrow('at least one run is needed')
  })
})

test('smoothing keeps constants and does not lag behind a straight line', () => {
  const points = Array.from({ length: 200 }, (_, x) => ({ x, y: x === 50 ? Number.NaN : 5 - x / 100 }))
  const result = smooth(points, 5)
  expect(result[50].y).toBeNaN()
  expect(result[120].y).toBeCloseTo(5 - 1.2, 6)
  expect(
    smooth(
      points.map(({ x }) => ({ x, y: 2 })),
      9,
    ).every(({ y }) => Math.abs(y - 2) < 1e-12),
  ).toBe(true)
})

test('runs of different tokenizers are compared by bits per byte alone', () => {
  // Fewer nats for each of many small tokens, and yet the worse model.
  const worse = run({
    name: 'small pieces',
    summary: { ...summary(2), heldOut: { natsPerToken: 2, bitsPerByte: 1.5 } },
  })
  const better = run({
    name: 'large pieces',
    summary: { ...summary(3), heldOut: { natsPerToken: 3, bitsPerByte: 1.2 } },
  })
  const html = renderReport([worse, better])
  expect(headlineOf(html)).toMatch(
    /^large pieces has the lowest held-out loss, 1\.2\d* bits per byte, 0\.30\d* below small pieces \(tokenizer or text differ/,
  )
  expect(html).toContain('nats per own token')
  expect(html).toContain('these curves do not compare')
  expect(/<tr class="model">.*?<\/tr>/s.exec(html)![0]).toContain('large pieces')
  // Before anything has ended there is nothing to compare by.
  const unfinished = (vocabSize: number) => run({ name: `v${vocabSize}`, config: { architecture: { vocabSize } } })
  expect(headlineOf(renderReport([unfinished(400), unfinished(800)]))).toMatch(
    /different tokenizers or texts do not compare/,
  )
  expect(headlineOf(renderReport([unfinished(400), unfinished(400)]))).toMatch(/lowest training loss/)
})

test('steps that metrics lack are counted', () => {
  const cut = run({ metrics: [1, 2, 3, 9, 10].map((step) => metric(step)) })
  expect(renderReport([cut])).toMatch(/Steps without metrics<\/dt><dd>5/)
  expect(renderReport([run()])).not.toContain('Steps without metrics')
})

/** Reports of one run and of several. */
import { describe, expect, test } from 'vitest'
import { compareRuns, type ReportRun, type RunMetric, type RunResult, runHeadline, runReport } from '../src/index.ts'
import { smooth, smoothedByShare } from '../src/run/smooth.ts'

const metric = (step: number, over: Partial<RunMetric> = {}): RunMetric => ({
  step,
  tokens: step * 100,
  loss: 7 / Math.sqrt(step),
  gradNorm: 1 / step,
  learningRate: 1e-3,
  tokensPerSecond: 5000,
  seconds: step,
  ...over,
})
const summary = (natsPerToken: number): RunResult => ({
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

describe('runReport and compareRuns', () => {
  test('says which baselines are beaten', () => {
    expect(runHeadline([run({ summary: summary(3) })])).toBe(
      'Held-out loss 3.000 nats per token (1.200 bits per byte): better than the unigram, bigram and trigram baselines.',
    )
    expect(runHeadline([run({ summary: summary(3.7) })])).toContain(
      'better than the unigram and bigram baselines, not yet than the trigram baseline.',
    )
    expect(runHeadline([run({ summary: summary(7) })])).toContain(
      ': not better than the unigram, bigram and trigram baselines.',
    )
    expect(runHeadline([run()])).toContain('after 40 steps; there is no held-out result yet')
    expect(runHeadline([run({ metrics: [] })])).toBe('Nothing has been trained yet.')
    const two = [run({ name: 'a', summary: summary(3.2) }), run({ name: 'b', summary: summary(3) })]
    expect(runHeadline(two)).toMatch(/^b has the lowest held-out loss, 3\.000 .*, 0\.200 below a: better than/)
  })

  test('is self-contained and escapes everything', () => {
    const evil = `"><script>alert('x')</script>&\u0000`
    const page = compareRuns([
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
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/\b(src|href)=|url\(|@import|https?:/)
    expect(page).toContain('&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\ufffd')
  })

  test('draws use of the hardware, memory and experts where a run has them, and nothing where none has', () => {
    const plainPage = runReport(run())
    const titles = [
      'MFU: model FLOP/s',
      'Memory of the process',
      'Load of the most loaded expert',
      'Load-balancing loss',
    ]
    for (const title of titles) expect(plainPage).not.toContain(title)
    const rich = { mfu: 0.31, processBytes: 2e8, expertLoad: 1.4, expertBalance: 1.1 }
    const metrics = Array.from({ length: 10 }, (_, i) => metric(i + 1, rich))
    const page = compareRuns([run(), run({ name: 'rich', metrics, spikes: [7] })])
    for (const title of titles) expect(page).toContain(title)
    // Only the run that has them is drawn: a thin line of steps and a smoothed one.
    const figures = page.split('<figure>').filter((part) => part.includes('<h3>Load of the most loaded expert'))
    expect(figures.length).toBe(1)
    expect(page).toContain('rich, spike')
    expect(page).toContain('31.0 %')
    expect(page).toContain('>200 MB<')
    expect(runReport(run({ metrics }))).toMatch(/MFU \(of measured peak\).*31\.0 %/s)
  })

  test('runs laid side by side show the settings that differ, and names of fields that can be broken', () => {
    const config = { checkpoints: { keepEvery: 5 } }
    const other = { ...summary(3), precision: 'fp8-hybrid' }
    const heads = (page: string) =>
      [...page.matchAll(/<th scope="col">(precision|seed|device)</g)].map(([, name]) => name)
    expect(heads(compareRuns([run(), run({ name: 'same' })]))).toEqual([])
    const page = compareRuns([run({ summary: summary(3), config }), run({ name: 'other', summary: other, config })])
    expect(heads(page)).toEqual(['precision'])
    expect(page).toContain('checkpoints.<wbr>keep<wbr>Every')
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
      expect(compareRuns(runs)).not.toMatch(/NaN|Infinity|undefined/)
    }
  })

  test('a long run makes no long file', () => {
    const metrics = Array.from({ length: 50_000 }, (_, i) => metric(i + 1, { loss: 3 + Math.sin(i) }))
    expect(runReport(run({ metrics })).length).toBeLessThan(200_000)
  })

  test('runs with steps of different sizes are laid over each other by tokens', () => {
    const large = run({
      name: 'large batch',
      metrics: Array.from({ length: 10 }, (_, i) => metric(i + 1, { tokens: (i + 1) * 400 })),
    })
    expect(compareRuns([run(), large])).toContain('>tokens</text>')
    expect(compareRuns([run(), run()])).toContain('>step</text>')
  })

  test('marks Japanese, notes differing baselines, refuses nothing', () => {
    expect(runReport(run({ samples: [{ label: 'Japanese', prompt: '型', text: 'が' }] }))).toContain(
      '<p lang="ja"><b>型</b>が</p>',
    )
    const other = {
      ...summary(3),
      baselines: { ...summary(3).baselines, trigram: { natsPerToken: 3.1, bitsPerByte: 1.2 } },
    }
    expect(compareRuns([run({ summary: summary(3) }), run({ name: 'b', summary: other })])).toContain(
      'compare bits per byte',
    )
    expect(() => compareRuns([])).toThrow('at least one run is needed')
  })
})

test('smoothing keeps constants and does not lag behind a straight line', () => {
  const values = Array.from({ length: 200 }, (_, x) => (x === 50 ? Number.NaN : 5 - x / 100))
  const result = smooth(values, 5)
  expect(result[50]).toBeNaN()
  expect(result[120]).toBeCloseTo(5 - 1.2, 6)
  expect(smooth(new Array(200).fill(2), 9).every((y) => Math.abs(y - 2) < 1e-12)).toBe(true)
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
  const html = compareRuns([worse, better])
  expect(headlineOf(html)).toMatch(
    /^large pieces has the lowest held-out loss, 1\.2\d* bits per byte, 0\.30\d* below small pieces \(tokenizer or text differ/,
  )
  expect(html).toContain('nats per token (not comparable)')
  expect(html).toContain('these curves are not comparable')
  expect(/<tr class="best">.*?<\/tr>/s.exec(html)![0]).toContain('large pieces')
  // Before anything has ended there is nothing to compare by.
  const unfinished = (vocabSize: number) => run({ name: `v${vocabSize}`, config: { architecture: { vocabSize } } })
  expect(runHeadline([unfinished(400), unfinished(800)])).toMatch(/different tokenizers or texts do not compare/)
  expect(runHeadline([unfinished(400), unfinished(400)])).toMatch(/lowest training loss/)
})

test('steps that metrics lack are counted', () => {
  const cut = run({ metrics: [1, 2, 3, 9, 10].map((step) => metric(step)) })
  expect(compareRuns([cut])).toMatch(/Steps without metrics<\/dt><dd>5/)
  expect(runReport(run())).not.toContain('Steps without metrics')
})

test('spikes are marked and counted', () => {
  const page = runReport(run({ spikes: [7, 20] }))
  expect(page).toContain('Steps of loss spikes')
  expect(page).toContain('>spike</text>')
  // Two spikes, over steps and over tokens, on the wide and on the narrow figure.
  expect(page.match(/<title>spike: /g)).toHaveLength(8)
})

test('the loss also stands over tokens on a logarithmic axis', () => {
  const metrics = [1, 10, 100, 1000].map((step) => ({
    step,
    tokens: step * 1e6,
    loss: 10 / step ** 0.1,
    gradNorm: 1,
    learningRate: 1e-3,
    tokensPerSecond: 5,
  }))
  const page = runReport({ name: 'a', config: {}, metrics })
  const [, svg] = /Loss over tokens, logarithmic<\/h3>.*?(<svg[\s\S]*?<\/svg>)/.exec(page)!
  // Ten times the tokens are as far apart everywhere.
  for (const label of ['1M', '10M', '100M', '1B']) expect(svg).toContain(`>${label}<`)
})

test('a mean over a share of what came before leaves the beginning as it is', () => {
  expect(smoothedByShare([9, 7, Number.NaN, 5])).toEqual([9, 7, Number.NaN, 5])
  const noisy = Array.from({ length: 400 }, (_, i) => 3 + (i % 2 ? 1 : -1))
  expect(Math.abs(smoothedByShare(noisy)[300] - 3)).toBeLessThan(0.1)
})

/** Files of a run folder, parsed and checked. */
import { describe, expect, test } from 'vitest'
import { parseMetrics, parseSamples, parseSummary, type RunSummary, type StepMetrics } from '../src/records/index.ts'

const metric = (step: number, over: Partial<StepMetrics> = {}): StepMetrics => ({
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
describe('parseMetrics', () => {
  test('reads steps, null as NaN, and leaves a half-written last line out', () => {
    const text = `${line(1)}\n{"step":2,"tokens":200,"loss":null,"extra":[1]}\n\n{"step":3,"tok`
    const [first, second, ...rest] = parseMetrics(text, 'metrics.jsonl')
    expect(first).toEqual(metric(1))
    expect(second.loss).toBeNaN()
    expect(second.gradNorm).toBeNaN()
    expect(rest).toEqual([])
    expect(parseMetrics('', 'metrics.jsonl')).toEqual([])
    const rich = { mfu: 0.3, processBytes: 1e8, expertLoad: 1.5, expertBalance: 1.1 }
    expect(parseMetrics(JSON.stringify({ ...metric(1), ...rich, updateRatio: 1 }), 'm')).toEqual([metric(1, rich)])
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

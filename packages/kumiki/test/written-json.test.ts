/** JSON files written by users: unknown fields are refused with the nearest name. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { main } from '../src/cli.ts'
import { nearest } from '../src/flags/nearest.ts'
import { checkWritten } from '../src/flags/written-json.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-written-'))
const at = (name: string) => join(root, name)
let said = ''
vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
  said += String(text)
  return true
})
vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
beforeEach(() => {
  said = ''
})
afterAll(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

const sizes = { layers: 8, hidden: 256, ffn: 512, heads: 4, kvHeads: 4, headDim: 64, vocab: 1000 }
const named = {
  hiddenSize: 256,
  intermediateSize: 512,
  numHiddenLayers: 8,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  headDim: 64,
  vocabSize: 1000,
}
const experts = { count: 8, topK: 2, ffn: 512 }
const gpu = {
  name: 'X',
  memoryBytes: 8e10,
  peakBf16: 9e14,
  peakFp8: null,
  memoryBandwidth: 3e12,
  intraNodeBandwidth: 4e11,
  interNodeBandwidth: 5e10,
}
const plan = '--gpus-per-node 8 --nodes 1 --global-batch 64 --seq 1024'.split(' ')
const estimate = ['estimate', ...plan, '--micro-batch', '1']
const run = { id: 'r', model: { ...sizes, kv_groups: 4, head_dim: 64 }, gpu_type: 'H100', gpus: 8, seq: 1024 }
const factors = [{ name: 'A' }, { name: 'B' }]
const runs = [
  [-1, -1],
  [1, -1],
  [-1, 1],
  [1, 1],
]

describe('a key that is not known', () => {
  test.each([
    [['data', 'mix', '--sources'], [{ name: 'a', path: 'x', release_level: 'LZ' }], 'did you mean releaseLevel?'],
    [
      ['data', 'mix', '--sources'],
      [{ name: 'a', path: 'x', repeat: 3 }],
      'entry 0: unknown field repeat; did you mean repeats',
    ],
    [
      [...estimate, '--gpu', 'H100', '--model'],
      { ...sizes, expert: experts },
      'unknown field model.expert; did you mean experts?',
    ],
    [
      [...estimate, '--gpu', 'H100', '--model'],
      { ...sizes, experts: { ...experts, top_k: 2 } },
      'unknown field model.experts.top_k',
    ],
    [[...estimate, '--gpu', 'H100', '--model'], { ...named, headdim: 3 }, 'unknown field headdim'],
    [[...estimate, '--model', 'nano', '--gpu'], { ...gpu, memoryGB: 80 }, 'unknown field cluster.gpu.memoryGB'],
    [
      [...estimate, '--model', 'nano', '--gpu', 'H100', '--network'],
      { allToAllBandwith: 8e9 },
      'unknown field cluster.network.allToAllBandwith; did you mean allToAllBandwidth?',
    ],
    [['estimate', '--run'], { ...run, seqence_parallel: false }, 'did you mean sequence_parallel?'],
    [
      ['estimate', '--run'],
      { ...run, model: { ...run.model, expert: 8 } },
      'unknown field model.expert; did you mean experts?',
    ],
    [
      ['ablate', 'analyze', '--responses', at('scores'), '--design'],
      { factors, runs, definingRelations: [] },
      'did you mean definingRelation?',
    ],
  ])('%j %#', async (args, json, message) => {
    writeFileSync(at('scores'), '1\n2\n3\n4\n')
    writeFileSync(at('given.json'), JSON.stringify(json))
    expect(await main([...args, at('given.json')])).toBe(1)
    expect(said).toContain(message)
  })

  test('is said with what there is, where nothing is near', () => {
    expect(() => checkWritten('source', { colour: 1 }, 's.json')).toThrow(
      's.json: unknown field colour; known fields: name, path, repeats, releaseLevel',
    )
    expect(nearest('top_k', ['topK', 'ffn'])).toBe('topK')
    expect(nearest('zzz', ['topK', 'ffn'])).toBeUndefined()
  })
})

test('fields of the wrong kind are named; notes beside a run pass', () => {
  expect(() => checkWritten('source', { name: 'a' }, 's.json: entry 0')).toThrow('entry 0: path is missing')
  // Every field that models has, also those that no size follows from.
  const gemma = { ...named, slidingWindow: 8, localRopeTheta: 1e4, normPlacement: 'both', activation: 'gelu_tanh' }
  expect(checkWritten('architecture', gemma, 'm.json')).toBe(gemma)
  expect(() => checkWritten('architecture', { ...named, slidingWindows: 8 }, 'm.json')).toThrow(
    'm.json: unknown field slidingWindows; did you mean slidingWindow?',
  )
  expect(() => checkWritten('architecture', { ...named, headDim: '8' }, 'm.json')).toThrow(
    'headDim must be number, got "8"',
  )
  const note = { ...run, cluster_owner: 'us', wall_days: 3, model: { ...run.model, card: 'x' } }
  expect(checkWritten('run', note, 'row 0')).toBe(note)
  const rows = JSON.parse(
    readFileSync(new URL('../../planner/vectors/published-runs.json', import.meta.url), 'utf8'),
  ) as unknown
  for (const row of Array.isArray(rows) ? rows : (rows as { rows: unknown[] }).rows) checkWritten('run', row, 'row')
})

/** Every architecture in GGUF: round trip, reading by the Hub, and text of llama.cpp (vectors/gguf-llama-cpp.ts). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { argMax, type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ropeFactors, scalingOfFactors } from '../src/gguf/rope-factors.ts'
import { decoderModel, type ModelArchitecture } from '../src/index.ts'
import { loadGguf, saveGguf } from '../src/node.ts'
import { ggufModels, ggufPrompt, ggufWeights, writeGgufModel } from './gguf-models.ts'

const theirs = JSON.parse(readFileSync(new URL('../vectors/gguf-llama-cpp.json', import.meta.url), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'kumiki-gguf-families-'))
let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => {
  device.dispose()
  rmSync(folder, { recursive: true })
})

describe.each(Object.keys(ggufModels))('%s', (name) => {
  test('comes back as it was, and continues a prompt as llama.cpp does from the same bytes', async () => {
    const file = join(folder, `${name}.gguf`)
    expect(await writeGgufModel(device, name, file)).toBe(theirs.models[name].sha256)
    const { tensorInfos } = await gguf(file, { allowLocalFile: true })
    const { architecture, parameters } = await loadGguf(device, file)
    expect(architecture).toEqual(ggufModels[name])
    const scaled = Number(architecture.ropeScaling?.type === 'llama3')
    expect(tensorInfos.length).toBe(Object.keys(parameters).length + scaled)
    for (const [key, t] of Object.entries(ggufWeights(device, ggufModels[name]))) {
      const [mine, back] = [await t.data(), await parameters[key].data()]
      // What has 1 added on the way loses its last bits.
      for (let i = 0; i < mine.length; i++) expect(Math.abs(back[i] - mine[i]), key).toBeLessThanOrEqual(1.2e-7)
    }
    // One pass over prompt and continuation: each token is the likeliest after those before.
    const { ids } = theirs.models[name]
    const tokens = device.tensor(Int32Array.from([...ggufPrompt, ...ids.slice(0, -1)]), [1, 35])
    const likeliest = argMax(decoderModel(architecture).forward(parameters, tokens).logits(), -1)
    expect([...(await likeliest.data())].slice(11)).toEqual(ids)
  })
})

test.each<[string, Partial<ModelArchitecture>, RegExp]>([
  ['gemma2', { slidingLayers: [false, true, true, false] }, /slidingLayers .* of gemma2 .* only every 2th layer/],
  ['gemma2', { queryPreAttnScalar: 20 }, /queryPreAttnScalar 20 of gemma2 cannot be written: llama\.cpp uses 16/],
  [
    'gemma2',
    { attentionSoftcap: undefined },
    /attentionSoftcap null of gemma2 cannot be written: llama\.cpp always caps/,
  ],
  ['gemma3', { localRopeTheta: 500 }, /localRopeTheta 500 of gemma3 cannot be written: llama\.cpp uses 10000/],
  ['gemma3', { tieWordEmbeddings: false }, /tieWordEmbeddings false of gemma3/],
  [
    'qwen2',
    { activation: 'gelu' },
    /activation "gelu" of qwen2 cannot be written: llama\.cpp computes qwen2 with "silu"/,
  ],
  ['qwen2', { headDim: 16 }, /headDim 16 of qwen2 cannot be written: llama\.cpp requires hiddenSize/],
  ['olmo2', { mlpBias: true }, /mlpBias true of olmo2/],
  [
    'olmo2',
    { normPlacement: 'pre' },
    /normPlacement "pre" of olmo2 cannot be written: llama\.cpp computes olmo2 with "post"/,
  ],
  ['qwen3', { ropeScaling: ggufModels.llama3.ropeScaling }, /ropeScaling .*llama3.* of qwen3 .* only for llama/],
  [
    'qwen3_moe',
    { experts: { ...ggufModels.qwen3_moe.experts!, normTopKProb: false } },
    /experts\.normTopKProb false of qwen3_moe/,
  ],
])('%s with %j is refused by name', async (name, change, message) => {
  const architecture = { ...ggufModels[name], ...change }
  await expect(saveGguf(join(folder, 'no'), architecture, {})).rejects.toThrow(message)
})

test('llama3 scaling is told from its divisors: published choices, others, and none', () => {
  for (const [low, high, length] of [
    [1, 4, 8192],
    [1, 4, 1024],
    [2, 7, 8192],
  ]) {
    const scaling = {
      type: 'llama3',
      factor: 32,
      lowFreqFactor: low,
      highFreqFactor: high,
      originalMaxPositionEmbeddings: length,
    } as const
    const found = scalingOfFactors(ropeFactors(128, 500_000, scaling), 500_000)
    const [a, b] = [scaling, found].map((one) => ropeFactors(128, 500_000, one))
    a.forEach((x, i) => {
      expect(Math.abs(b[i] - x)).toBeLessThan(1e-5 * x)
    })
    if (low === 1) expect(found).toEqual(scaling)
  }
  expect(() => scalingOfFactors([1, 3, 2, 8], 10_000)).toThrow(/rope_freqs\.weight: .* do not belong to llama3 scaling/)
})

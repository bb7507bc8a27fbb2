/** GGUF: fields, 8-bit blocks against ggml, tokenizers, and corrupt files. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { cast, type Device, init } from '@kumiki/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeQ8 } from '../src/gguf/q8.ts'
import { decoderModel, type ModelArchitecture, nano, type Parameters } from '../src/index.ts'
import { loadGguf, saveGguf } from '../src/node.ts'
import { bits } from './transformers-vectors.ts'

const architecture: ModelArchitecture = {
  ...nano,
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 1,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabSize: 20,
  paddedVocabSize: 128,
}
let device: Device
let folder: string
let parameters: Parameters
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  folder = await mkdtemp(join(tmpdir(), 'kumiki-gguf-'))
  parameters = decoderModel(architecture).initialize(device, { seed: 1 })
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})
const path = (name: string) => join(folder, name)
const name = 'model.layers.0.self_attn.q_proj.weight'

test.each([
  ['F32', 0],
  ['F16', 2 ** -11],
  ['BF16', 2 ** -8],
  ['Q8_0', undefined],
] as const)('%s, as the Hub reads it and as it comes back', async (type, relative) => {
  await saveGguf(path(type), architecture, parameters, { type, name: 'tiny' })
  const { metadata, tensorInfos } = await gguf(path(type), { allowLocalFile: true })
  expect(metadata).toMatchObject({
    ...{ version: 3, tensor_count: 12n, 'general.architecture': 'llama', 'general.name': 'tiny' },
    ...{ 'llama.block_count': 1, 'llama.attention.head_count_kv': 2, 'llama.context_length': 256 },
  })
  const code = { F32: 0, F16: 1, Q8_0: 8, BF16: 30 }[type]
  expect(tensorInfos.find((t) => t.name === 'blk.0.ffn_down.weight')).toMatchObject({ shape: [64n, 32n], dtype: code })
  expect(tensorInfos.find((t) => t.name === 'output_norm.weight')).toMatchObject({ shape: [32n], dtype: 0 })
  const loaded = await loadGguf(device, path(type))
  expect(loaded.architecture).toEqual(architecture)
  for (const [key, t] of Object.entries(parameters)) {
    const [a, b] = [await loaded.parameters[key].data(), await t.data()]
    const columns = t.shape[1] ?? 1
    let worst = 0
    b.forEach((x, i) => {
      const row = b.subarray(i - (i % columns), i - (i % columns) + columns) as Float32Array
      // A step is 1 / 127 of the largest of a block: half of one, and what the scale's own rounding adds. F16 has no
      // less than 2^-24.
      const bound =
        relative === undefined ? (t.ndim < 2 ? 0 : Math.max(...row.map(Math.abs)) * 0.0045) : Math.abs(x) * relative
      worst = Math.max(worst, Math.abs(a[i] - x) - bound)
    })
    expect(worst, key).toBeLessThanOrEqual(2 ** -25)
  }
})

test('biases, q/k norms, tied tables, a scaled context and a tokenizer', async () => {
  const tokens = Array.from({ length: 20 }, (_, i) => `▁${i}`)
  for (const change of [
    { family: 'qwen2', attentionBias: 'qkv', tieWordEmbeddings: true },
    { family: 'qwen3', qkNorm: true, ropeScaling: { type: 'linear', factor: 4 } },
    { attentionBias: true },
  ] as const) {
    const other = { ...architecture, ...change }
    const model = decoderModel(other).initialize(device, { seed: 2 })
    const [biased] = Object.entries(model).find(([key]) => key.endsWith('k_proj.bias')) ?? []
    if (biased)
      model[biased] = device.tensor(
        Float32Array.from({ length: 16 }, (_, i) => i),
        [16],
      )
    const scores = tokens.map((_, i) => -i)
    await saveGguf(path('x'), other, model, {
      type: 'F32',
      tokenizer: { model: 't5', tokens, scores, bosId: 1, eosId: 2 },
    })
    const loaded = await loadGguf(device, path('x'))
    expect(loaded.architecture).toEqual(other)
    expect(loaded.metadata.get('tokenizer.ggml.tokens')).toEqual(tokens)
    expect(loaded.metadata.get('tokenizer.ggml.eos_token_id')).toBe(2)
    for (const [key, t] of Object.entries(model))
      expect(await loaded.parameters[key].data(), key).toEqual(await t.data())
  }
})

test('parameters in the formats that are asked for', async () => {
  const norm = 'model.norm.weight'
  const formatsOf = async (type: 'BF16' | 'F16' | 'Q8_0', dtype?: 'stored' | 'compact' | 'bfloat16') => {
    await saveGguf(path('formats'), architecture, parameters, { type })
    const loaded = await loadGguf(device, path('formats'), { dtype })
    return [loaded.parameters[name].dtype, loaded.parameters[norm].dtype]
  }
  expect(await formatsOf('BF16')).toEqual(['float32', 'float32'])
  expect(await formatsOf('BF16', 'stored')).toEqual(['bfloat16', 'float32'])
  expect(await formatsOf('BF16', 'compact')).toEqual(['bfloat16', 'float32'])
  expect(await formatsOf('F16', 'stored')).toEqual(['float16', 'float32'])
  expect(await formatsOf('F16', 'compact')).toEqual(['float32', 'float32'])
  expect(await formatsOf('Q8_0', 'stored')).toEqual(['float32', 'float32'])
  expect(await formatsOf('Q8_0', 'bfloat16')).toEqual(['bfloat16', 'bfloat16'])
  await saveGguf(path('formats'), architecture, parameters, { type: 'BF16' })
  const [wide, stored] = await Promise.all(
    (['float32', 'stored'] as const).map((dtype) => loadGguf(device, path('formats'), { dtype })),
  )
  for (const [key, t] of Object.entries(wide.parameters))
    expect(await cast(stored.parameters[key], 'float32').data(), key).toEqual(await t.data())
})

test('parameters past what a device can address are refused before any is read', async () => {
  await saveGguf(path('large'), architecture, parameters, { type: 'BF16' })
  const small = Object.create(device, { addressableBytes: { value: 30_000 }, tensor: { value: undefined } })
  await expect(loadGguf(small, path('large'))).rejects.toThrow(
    /large: [\d,]+ parameters in float32 take 0\.0 GiB; the cpu device can address 0\.0 GiB: dtype 'bfloat16' .*fits/,
  )
})

test('blocks of eight bits are those of ggml', () => {
  // gguf-py 0.19.0: hashlib.sha256(gguf.quants.quantize(x, GGMLQuantizationType.Q8_0)), x = bits('q8', 4096) / 128 *
  // bits('scale', 4096)
  const [a, b] = [bits('q8', 4096), bits('scale', 4096)]
  const values = Float32Array.from(a, (k, i) => (k / 128) * b[i])
  expect(createHash('sha256').update(encodeQ8(values)).digest('hex')).toBe(
    '3bd4e302a7776eeb549bcdf83c043934ec401dbf9d2e4b84f739181caf068b00',
  )
})

test('what cannot be written, and files that are broken or of other models', async () => {
  const refused: [Partial<ModelArchitecture>, RegExp][] = [
    [{ family: 'mistral', slidingWindow: 8 }, /GGUF: slidingWindow 8 of mistral cannot be written/],
    [{ ropeScaling: { type: 'dynamic', factor: 2 } }, /GGUF: ropeScaling .*dynamic/],
  ]
  for (const [change, message] of refused)
    await expect(saveGguf(path('no'), { ...architecture, ...change }, parameters)).rejects.toThrow(message)
  await expect(
    saveGguf(path('no'), architecture, parameters, { tokenizer: { model: 't5', tokens: ['a'] } }),
  ).rejects.toThrow(/tokenizer\.tokens has 1 entries for a vocabulary of 20/)
  await saveGguf(path('good'), architecture, parameters, { type: 'Q8_0' })
  const good = await readFile(path('good'))
  const header = good.indexOf('output.weight') + 60
  const change = fc.oneof(
    fc.nat(good.length - 1).map((length) => good.subarray(0, length)),
    fc.tuple(fc.nat(header), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
      const copy = Buffer.from(good)
      copy[at] ^= by
      return copy
    }),
  )
  await fc.assert(
    fc.asyncProperty(change, async (bytes) => {
      await writeFile(path('bad'), bytes)
      const error = await loadGguf(device, path('bad')).catch((e: Error) => e)
      if (error instanceof Error) expect(error.message.startsWith(`${path('bad')}: `)).toBe(true)
    }),
    { numRuns: 60 },
  )
  const huge = Buffer.from(good)
  huge.writeBigUInt64LE(2n ** 63n, 8)
  await writeFile(path('bad'), huge)
  await expect(loadGguf(device, path('bad'))).rejects.toThrow(
    /9223372036854775808 tensors do not fit into a file of \d+ bytes/,
  )
  expect((await loadGguf(device, path('good'))).parameters[name].shape).toEqual([32, 32])
})

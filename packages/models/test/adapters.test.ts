/** Adapters (LoRA) against PEFT: outputs, files, 8-bit base models, and errors of wrong input. */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cast, type Device, init, type Tensor, valueAndGrad } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  blockScaledModel,
  decoderModel,
  initializeAdapter,
  type LanguageModel,
  loraModel,
  mergeAdapter,
  type Parameters,
} from '../src/index.ts'
import { type LoadedModel, loadAdapter, loadModel, saveAdapter } from '../src/node.ts'
import { readPeftVector, writeAdapterFolder } from './peft-vectors.ts'
import { far } from './transformers-checks.ts'
import { projectionOf, readVector, vectorTokens, writeVectorFolder } from './transformers-vectors.ts'

let device: Device
let root: string
const bases: Record<string, LoadedModel & { readonly model: LanguageModel; readonly adapter: string }> = {}
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  root = await mkdtemp(join(tmpdir(), 'kumiki-adapters-'))
  for (const name of ['qwen2', 'mistral']) {
    const loaded = await loadModel(device, await writeVectorFolder(readVector(name), 'single', join(root, name)))
    const adapter = await writeAdapterFolder(readPeftVector(name), join(root, `${name}-adapter`))
    bases[name] = { ...loaded, model: decoderModel(loaded.architecture), adapter }
  }
})
afterAll(async () => {
  device.dispose()
  await rm(root, { recursive: true })
})

const columns = (from: number, to: number) => {
  const rows = [0, 20].map((row) => vectorTokens().subarray(row + from, row + to))
  return device.tensor(Int32Array.from(rows.flatMap((row) => [...row])), [2, to - from])
}
const logits = async (model: LanguageModel, parameters: Parameters) =>
  (await model.forward(parameters, columns(0, 20)).logits().data()) as Float32Array

test.each(['qwen2', 'mistral'])('what PEFT wrote for %s gives its logits, beside the base and merged', async (name) => {
  const { model, parameters, adapter: folder } = bases[name]
  const vector = readPeftVector(name)
  const adapter = await loadAdapter(device, folder, model)
  const adapted = loraModel(model, adapter.config)
  expect(far(await logits(adapted, { ...parameters, ...adapter.parameters }), vector.logits)).toBeLessThan(1e-5)
  const merged = mergeAdapter(model, parameters, adapter)
  expect(far(await logits(model, merged), vector.logits)).toBeLessThan(2e-5)
  expect(merged['model.norm.weight']).toBe(parameters['model.norm.weight'])
  if (name === 'mistral') return
  const loss = (p: Parameters) =>
    adapted
      .forward({ ...parameters, ...p }, columns(0, 19))
      .losses(columns(1, 20))
      .mean()
  const { grads } = valueAndGrad(loss)(adapter.parameters)
  for (const [key, projection] of Object.entries(vector.gradients))
    expect(far(projectionOf(key, await grads[key].data()), projection), key).toBeLessThan(1e-4)
})

test('several adapters of one base, switched; a fresh one changes nothing; files round-trip', async () => {
  const { model, parameters, adapter: folder } = bases.qwen2
  const first = await loadAdapter(device, folder, model)
  const other = loraModel(model, { rank: 2, alpha: 2, targets: 'all-linear' })
  const second = initializeAdapter(device, other, { seed: 4 })
  const plain = await logits(model, parameters)
  const held = { ...parameters, ...first.parameters }
  expect(held['model.norm.weight']).toBe(parameters['model.norm.weight'])
  expect(await logits(other, { ...parameters, ...second.parameters })).toEqual(plain)
  const adapted = loraModel(model, first.config)
  const before = await logits(adapted, held)
  expect(far(before, plain)).toBeGreaterThan(0.1)
  expect(await logits(adapted, held)).toEqual(before)
  await saveAdapter(join(root, 'again'), { config: other.config, parameters: second.parameters })
  const again = await loadAdapter(device, join(root, 'again'), model)
  // Under the names of its layers: PEFT's all-linear would include the experts of a mixture.
  expect(again.config).toEqual({
    ...other.config,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  })
  // A pattern of PEFT's stands for the layers whose matrices are there.
  const file = join(root, 'again', 'adapter_config.json')
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), target_modules: '.*proj' }))
  const byPattern = await loadAdapter(device, join(root, 'again'), model)
  expect(Object.keys(byPattern.parameters).sort()).toEqual(Object.keys(second.parameters).sort())
  for (const [name, t] of Object.entries(second.parameters))
    expect(await again.parameters[name].data()).toEqual(await t.data())
})

test('a base in 8 bits: near the wide one, its storage alone, and gradients of the adapter', async () => {
  const { model, parameters, adapter: folder } = bases.qwen2
  const adapter = await loadAdapter(device, folder, model)
  const adapted = loraModel(model, adapter.config)
  const narrow = blockScaledModel(adapted)
  const all = { ...parameters, ...adapter.parameters }
  const wide = Object.fromEntries(Object.entries(all).map(([name, t]) => [name, cast(t, 'float32')]))
  const stored = await narrow.narrow(wide)
  expect(Object.keys(stored)).toEqual(narrow.parameters.map(({ name }) => name))
  const bytes = (tensors: Tensor[]) =>
    tensors.reduce((sum, t) => sum + t.size * { float32: 4, bfloat16: 2, float8_e4m3fn: 1 }[t.dtype as 'float32'], 0)
  const layers = model.linearLayers.map(({ name }) => name)
  const weights = layers.reduce((sum, name) => sum + all[name].size, 0)
  // A byte a weight and two for a block: 32 along rows of 32, 16 along rows of 48.
  const blocks = layers.reduce((sum, name) => sum + all[name].size / (all[name].shape[1] === 48 ? 16 : 32), 0)
  expect(bytes(layers.flatMap((name) => [stored[name], stored[`${name}_scale`]]))).toBe(weights + 2 * blocks)
  for (const { name, shape } of narrow.parameters) expect(stored[name].shape, name).toEqual(shape)
  // Weights k / 128 have 8 bits, e4m3 keeps 4: a part in 16 of each at most.
  const name = 'model.layers.0.mlp.down_proj.weight'
  const [codes, scales] = [await stored[name].data(), await stored[`${name}_scale`].data()]
  const exact = await wide[name].data()
  codes.forEach((code, i) => {
    const scale = scales[Math.floor(i / 16)]
    expect(Number.isInteger(Math.log2(scale))).toBe(true)
    expect(Math.abs(code * scale - exact[i])).toBeLessThanOrEqual(Math.abs(exact[i]) / 16 + scale * 2 ** -10)
  })
  // With the values the codes stand for in the wide model, both give the same.
  const dequantized = { ...wide }
  for (const layer of layers) {
    const [codes, scales] = [await stored[layer].data(), await stored[`${layer}_scale`].data()]
    const block = codes.length / scales.length
    dequantized[layer] = device.tensor(
      Float32Array.from(codes, (c, i) => c * scales[Math.floor(i / block)]),
      wide[layer].shape,
    )
  }
  expect(far(await logits(narrow, stored), await logits(adapted, dequantized))).toBeLessThan(1e-5)
  const gradients = async (m: LanguageModel, base: Parameters) => {
    const loss = (p: Parameters) =>
      m
        .forward({ ...base, ...p }, columns(0, 19))
        .losses(columns(1, 20))
        .mean()
    const { grads } = valueAndGrad(loss)(adapter.parameters)
    return Promise.all(Object.values(grads).map(async (g) => (await g.data()) as Float32Array))
  }
  const [a, b] = [await gradients(narrow, stored), await gradients(adapted, dequantized)]
  a.forEach((g, i) => void expect(far(g, b[i])).toBeLessThan(1e-5))
  expect(() => mergeAdapter(model, stored, adapter)).toThrow(/q_proj\.weight is float8_e4m3fn; merge into the weights/)
  expect(() => narrow.forward(stored, columns(0, 4), { linear: (x) => x })).toThrow(/options\.linear is not supported/)
})

test('an adapter of another model, and fields that are not computed', async () => {
  const { qwen2, mistral } = bases
  await expect(
    loadAdapter(device, mistral.adapter, decoderModel({ ...mistral.architecture, numHiddenLayers: 1 })),
  ).rejects.toThrow(
    /adapter_config\.json: the target "model\.layers\.1\..*" is no linear layer of the model decoder; there are q_proj, k_proj/,
  )
  const smaller = decoderModel({ ...qwen2.architecture, numHiddenLayers: 1, slidingLayers: [false] })
  await expect(loadAdapter(device, qwen2.adapter, smaller)).rejects.toThrow(
    /adapter_model\.safetensors: base_model\.model\.model\.layers\.1\..* is not a parameter of the model decoder: the adapter belongs to another model/,
  )
  const wider = decoderModel({ ...qwen2.architecture, intermediateSize: 64 })
  await expect(loadAdapter(device, qwen2.adapter, wider)).rejects.toThrow(
    /down_proj\.lora_A\.weight is \[4, 48\], the model decoder with rank 4 needs \[4, 64\]/,
  )
  const folder = await writeAdapterFolder(readPeftVector('qwen2'), join(root, 'bad'))
  const good = readPeftVector('qwen2').config
  for (const [change, message] of [
    [{ use_dora: true }, /adapter_config\.json: use_dora must be false \(DoRA is not supported\), got true/],
    [{ bias: 'all' }, /bias must be "none"/],
    [{ peft_type: 'IA3' }, /peft_type must be "LORA"/],
    [{ rank_pattern: { q_proj: 8 } }, /rank_pattern is not supported and must be empty, got \{"q_proj":8\}/],
    [{ modules_to_save: ['lm_head'] }, /modules_to_save is not supported/],
    [{ target_modules: 5 }, /target_modules must be a list of names, a pattern or "all-linear", got 5/],
    [{ target_modules: ['lm_head'] }, /the target "lm_head" is no linear layer/],
    [{ r: 1e9 }, /rank must be an integer from 1 to 65536, got 1000000000/],
    [{ r: 5 }, /lora_A\.weight is \[4, 32\], the model decoder with rank 5 needs \[5, 32\]/],
    [{ surprise: 1 }, /surprise is set to 1: an unknown field/],
  ] as const) {
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...good, ...change }))
    await expect(loadAdapter(device, folder, qwen2.model), JSON.stringify(change)).rejects.toThrow(message)
  }
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(good))
  const bytes = (await readFile(join(folder, 'adapter_model.safetensors'))).length
  await truncate(join(folder, 'adapter_model.safetensors'), bytes - 1)
  await expect(loadAdapter(device, folder, qwen2.model)).rejects.toThrow(/adapter_model\.safetensors: safetensors: /)
  await expect(loadAdapter(device, root, qwen2.model)).rejects.toThrow(
    /adapter_config\.json: cannot be read \(ENOENT\)/,
  )
})

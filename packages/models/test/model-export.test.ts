/** Export in Hugging Face format: shards, dtypes, 8-bit weights, generation_config.json, tokenizer files. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cast, type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decoderModel, Generator, nano, type Parameters } from '../src/index.ts'
import { copyTokenizerFiles, loadModel, saveModel } from '../src/node.ts'

const architecture = {
  ...nano,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 1,
  headDim: 4,
  vocabSize: 20,
  paddedVocabSize: 128,
  family: 'gemma2',
  activation: 'gelu_tanh',
  normPlacement: 'both',
  normOffset: true,
  scaleEmbeddings: true,
  logitSoftcap: 30,
} as const

let device: Device
let folder: string
let parameters: Parameters
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  folder = await mkdtemp(join(tmpdir(), 'kumiki-export-'))
  parameters = decoderModel(architecture).initialize(device, { seed: 2 })
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

test('matrices kept in bfloat16 give the bits of float32, in a pass and in generation', async () => {
  await saveModel(folder, architecture, parameters, { dtype: 'bfloat16' })
  const model = decoderModel(architecture)
  const tokens = device.tensor([1, 2, 3, 4, 5], [1, 5], 'int32')
  const made = []
  for (const dtype of ['float32', 'compact'] as const) {
    const loaded = await loadModel(device, folder, { dtype })
    for (const t of Object.values(loaded.parameters))
      expect(t.dtype).toBe(dtype === 'compact' && t.ndim > 1 ? 'bfloat16' : 'float32')
    const logits = await model.forward(loaded.parameters, tokens).logits().data()
    const generator = new Generator(device, model, loaded.parameters)
    const ids: number[] = []
    const rows: number[][] = []
    const processLogits = (row: Float32Array) => void rows.push([...row])
    for await (const id of generator.generate([1, 2, 3], 6, { temperature: 0, processLogits })) ids.push(id)
    generator.dispose()
    made.push({ logits, ids, rows })
  }
  expect(made[1]).toEqual(made[0])
})

test('shards of a size, another format, and nothing left of the model before', async () => {
  await saveModel(folder, architecture, parameters, { generation: { eosTokenIds: [2, 3], topP: 0.9, doSample: true } })
  const weights = (files: string[]) => files.filter((file) => file.includes('safetensors')).sort()
  expect(weights(await readdir(folder))).toEqual(['model.safetensors'])
  // Python's strict classes tell 30 from 30.0.
  expect(await readFile(join(folder, 'config.json'), 'utf8')).toMatch(/"final_logit_softcapping": 30\.0,/)
  const whole = await loadModel(device, folder)
  expect(whole.architecture).toEqual(architecture)
  expect(whole.generation).toEqual({ eosTokenIds: [2, 3], topP: 0.9, doSample: true })

  await saveModel(folder, architecture, parameters, { maxShardBytes: 3000, dtype: 'bfloat16' })
  const files = weights(await readdir(folder))
  expect(files).toContain('model-00001-of-00003.safetensors')
  expect(files).toHaveLength(4)
  const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'))
  expect(index.metadata.total_size).toBe(2 * decoderModel(architecture).countParameters().total)
  const stored = await loadModel(device, folder, { dtype: 'stored' })
  for (const [name, t] of Object.entries(stored.parameters)) {
    expect(t.dtype).toBe('bfloat16')
    const [narrow, given] = [await t.data(), await parameters[name].data()]
    given.forEach((x, i) => void expect(Math.abs(narrow[i] - x)).toBeLessThanOrEqual(Math.abs(x) / 256))
  }
  await saveModel(folder, architecture, parameters)
  expect(weights(await readdir(folder))).toEqual(['model.safetensors'])
})

test('weights in 8 bits are read, and kept so where asked', async () => {
  const narrow = Object.fromEntries(Object.entries(parameters).map(([name, t]) => [name, cast(t, 'float8_e4m3fn')]))
  await saveModel(folder, architecture, narrow)
  const stored = await loadModel(device, folder, { dtype: 'stored' })
  expect(stored.parameters['model.norm.weight'].dtype).toBe('float8_e4m3fn')
  const { parameters: wide } = await loadModel(device, folder)
  const name = 'model.layers.0.mlp.up_proj.weight'
  expect(await wide[name].data()).toEqual(await narrow[name].data())
})

test('what a class of Transformers does not have is refused by name', async () => {
  const tried = { ...architecture, family: 'llama' } as const
  await expect(saveModel(folder, tried, parameters)).rejects.toThrow(
    /LlamaForCausalLM has no normPlacement "both"; give the architecture another family/,
  )
  await expect(saveModel(folder, { ...nano, family: 'qwen3' }, parameters)).rejects.toThrow(
    /Qwen3ForCausalLM always has qkNorm true/,
  )
  const integers = { 'model.norm.weight': device.tensor(Int32Array.of(1), [1]) }
  await expect(saveModel(folder, nano, integers)).rejects.toThrow(/model\.norm\.weight is int32; weights are float32/)
})

test('a generation_config.json that says nonsense is refused by its field', async () => {
  await saveModel(folder, architecture, parameters, { generation: {} })
  for (const [change, message] of [
    [{ eos_token_id: [2, -1] }, /generation_config\.json: eos_token_id must be an integer of at least 0, got -1/],
    [{ temperature: 'hot' }, /temperature must be a number, got "hot"/],
    [[], /must be a JSON object/],
  ] as const) {
    await writeFile(join(folder, 'generation_config.json'), JSON.stringify(change))
    await expect(loadModel(device, folder)).rejects.toThrow(message)
  }
})

test('the tokenizer goes along, and nothing else', async () => {
  const other = await mkdtemp(join(folder, 'other-'))
  await writeFile(join(folder, 'tokenizer.json'), '{}')
  await writeFile(join(folder, 'generation_config.json'), '{}')
  expect(await copyTokenizerFiles(folder, other)).toEqual(['tokenizer.json', 'generation_config.json'])
  expect((await readdir(other)).sort()).toEqual(['generation_config.json', 'tokenizer.json'])
})

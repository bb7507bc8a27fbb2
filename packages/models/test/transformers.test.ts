/** Every architecture against Transformers: files and logits. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { families } from '../src/huggingface/families.ts'
import { fromHuggingFaceConfig, toHuggingFaceConfig } from '../src/index.ts'
import { loadModel } from '../src/node.ts'
import { decodeSafetensors, encodeSafetensors } from '../src/safetensors/safetensors.ts'
import { expectLogits, expectPieces, expectTraining, loadBoth } from './transformers-checks.ts'
import { readVector, vectorNames, writeVectorFolder } from './transformers-vectors.ts'

let device: Device
let root: string
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  root = await mkdtemp(join(tmpdir(), 'kumiki-transformers-'))
})
afterAll(async () => {
  device.dispose()
  await rm(root, { recursive: true })
})

// transformers.deep.ts goes on from the cache and trains with every one.
test('there is a vector for every architecture', () => {
  const types = new Set(vectorNames.map((name) => (readVector(name).single['config.json'] as any).model_type))
  const without = Object.values(families)
    .map(({ modelType }) => modelType)
    .filter((type) => !types.has(type))
  expect(without, 'each needs a case in vectors/make_transformers.py').toEqual([])
  expect(vectorNames.filter((name) => name.startsWith('llama'))).toEqual(
    'llama-bias llama-dynamic llama-linear llama-llama3'.split(' '),
  )
})

test.each(vectorNames)('%s: files and logits of Transformers', async (name) => {
  const vector = readVector(name)
  const loaded = await loadBoth(device, vector, root)
  const { architecture } = loaded.model
  expect(fromHuggingFaceConfig(vector.single['config.json'])).toEqual(architecture)
  expect(fromHuggingFaceConfig(toHuggingFaceConfig(architecture))).toEqual(architecture)
  await expectLogits(loaded)
  // What the others have in parts: norms at both places, caps, windows; biases and tied tables.
  if (name === 'gemma2' || name === 'mixtral') await expectPieces(loaded)
  if (name === 'qwen2' || name === 'qwen3-moe') await expectTraining(loaded, 0)
})

test.each([
  ['language_model.model.', 'language_model.'],
  ['model.language_model.', ''],
])('the language model of a Gemma 3 that sees: %s', async (model, others) => {
  const folder = await writeVectorFolder(readVector('gemma3'), 'single', join(root, `sees-${model}`))
  const plain = await loadModel(device, folder)
  const { architectures: _, ...text } = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
  const config = {
    architectures: ['Gemma3ForConditionalGeneration'],
    model_type: 'gemma3',
    text_config: text,
    vision_config: {},
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  const { tensors } = decodeSafetensors(await readFile(join(folder, 'model.safetensors')))
  const renamed = [...tensors.values()].map((t) => ({
    ...t,
    name: t.name.replace(/^model\./, model).replace(/^lm_/, `${others}lm_`),
  }))
  const eye = { name: 'vision_tower.x.weight', dtype: 'F32', shape: [1], data: new Uint8Array(4) } as const
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors([...renamed, eye]))
  const { architecture, parameters, warnings } = await loadModel(device, folder)
  expect(architecture).toEqual(plain.architecture)
  expect(warnings).toEqual([expect.stringMatching(/1 tensor of the weights is not part .*: vision_tower\.x\.weight/)])
  const name = 'model.layers.2.mlp.up_proj.weight'
  expect(await parameters[name].data()).toEqual(await plain.parameters[name].data())
})

test('a bias that config.json has no place for is refused', async () => {
  const folder = await writeVectorFolder(readVector('llama-bias'), 'single', join(root, 'biased'))
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, mlp_bias: false }))
  await expect(loadModel(device, folder)).rejects.toThrow(
    /model\.safetensors: has model\.layers\.0\.mlp\.\w+\.bias, which an architecture of this config\.json does not have/,
  )
  expect(() => fromHuggingFaceConfig({ model_type: 'llava', text_config: {} })).toThrow(
    /text_config of model_type "llava"/,
  )
})

/** Import of a folder in Hugging Face format: tied embeddings, shards, large files, missing files. */
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decoderModel, nano, type Parameters } from '../src/index.ts'
import { loadModel, saveModel } from '../src/node.ts'
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from '../src/safetensors/safetensors.ts'

const tiny = {
  ...nano,
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 2,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabSize: 50,
  paddedVocabSize: 50,
}
const tinyModel = decoderModel(tiny)

let device: Device
let root: string
let parameters: Parameters
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  root = await mkdtemp(join(tmpdir(), 'kumiki-models-'))
  parameters = tinyModel.initialize(device)
  await saveModel(join(root, 'plain'), tiny, parameters, { eosTokenId: 2 })
})
afterAll(async () => {
  device.dispose()
  await rm(root, { recursive: true })
})

const plain = (...names: string[]) => join(root, 'plain', ...names)
const config = async () => JSON.parse(await readFile(plain('config.json'), 'utf8'))
const tensors = async (): Promise<SafetensorsTensor[]> => [
  ...decodeSafetensors(await readFile(plain('model.safetensors'))).tensors.values(),
]

/** A folder with the plain model's files, changed. */
async function folderOf(
  name: string,
  change: { config?: Record<string, unknown>; weights?: (all: SafetensorsTensor[]) => SafetensorsTensor[] },
): Promise<string> {
  const folder = join(root, name)
  await mkdir(folder)
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...(await config()), ...change.config }))
  if (change.weights)
    await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(change.weights(await tensors())))
  else await copyFile(plain('model.safetensors'), join(folder, 'model.safetensors'))
  return folder
}

async function expectWeights(loaded: Parameters, names: readonly string[] = Object.keys(parameters)): Promise<void> {
  for (const name of names) expect(await loaded[name].data(), name).toEqual(await parameters[name].data())
}

test('tables that are tied but differ are not tied, as in Transformers 5', async () => {
  const {
    architecture,
    parameters: loaded,
    warnings,
  } = await loadModel(device, await folderOf('tied-differing', { config: { tie_word_embeddings: true } }))
  expect(architecture.tieWordEmbeddings).toBe(false)
  expect(warnings).toEqual([
    expect.stringMatching(/lm_head\.weight differs .* not tied; set tie_word_embeddings to false/),
  ])
  await expectWeights(loaded)
})

test('tables that are tied and equal, or stored once under either name, are tied', async () => {
  const twice = (all: SafetensorsTensor[]) =>
    all.map((t) => (t.name === 'lm_head.weight' ? { ...all.find((e) => /embed/.test(e.name))!, name: t.name } : t))
  const embedOnly = (all: SafetensorsTensor[]) => all.filter((t) => t.name !== 'lm_head.weight')
  const headOnly = (all: SafetensorsTensor[]) =>
    embedOnly(all).map((t) => (/embed/.test(t.name) ? { ...t, name: 'lm_head.weight' } : t))
  for (const [name, weights] of Object.entries({ twice, embedOnly, headOnly })) {
    const folder = await folderOf(name, { config: { tie_word_embeddings: true }, weights })
    const { architecture, parameters: loaded, warnings } = await loadModel(device, folder)
    expect([name, architecture.tieWordEmbeddings, warnings]).toEqual([name, true, []])
    await expectWeights(loaded, ['model.embed_tokens.weight', 'model.norm.weight'])
  }
  await expect(loadModel(device, await folderOf('untied', { weights: embedOnly }))).rejects.toThrow(
    /model\.safetensors: has no tensor lm_head\.weight/,
  )
})

test('shards are read through their index, and nothing outside the folder', async () => {
  const folder = join(root, 'shards')
  await mkdir(folder)
  await copyFile(plain('config.json'), join(folder, 'config.json'))
  const all = await tensors()
  const halves = [all.slice(0, 9), all.slice(9)]
  const files = halves.map((_, i) => `model-0000${i + 1}-of-00002.safetensors`)
  for (const [i, half] of halves.entries()) await writeFile(join(folder, files[i]), encodeSafetensors(half))
  const index = (map: Record<string, string>) =>
    writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }))
  const map = Object.fromEntries(halves.flatMap((half, i) => half.map((t) => [t.name, files[i]])))
  await index(map)
  await expectWeights((await loadModel(device, folder)).parameters)
  await index({ ...map, 'model.norm.weight': '../plain/model.safetensors' })
  await expect(loadModel(device, folder)).rejects.toThrow(
    /weight_map gives "\.\.\/plain.* must be a \.safetensors file beside it/,
  )
  await index(Object.fromEntries(Object.entries(map).filter(([name]) => name !== 'model.norm.weight')))
  await expectWeights((await loadModel(device, folder)).parameters)
  await index(map)
  await rm(join(folder, files[1]))
  await expect(loadModel(device, folder)).rejects.toThrow(
    /model-00002-of-00002\.safetensors: cannot be read \(there is no such file\)/,
  )
})

test('a file above 4 GiB is read by ranges', async () => {
  const folder = await folderOf('large', {})
  const all = await tensors()
  // A sparse file: the bytes of a huge tensor that no configuration calls for, before those that count.
  const small = encodeSafetensors(all)
  const headerBytes = Number(new DataView(small.buffer).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(small.subarray(8, 8 + headerBytes)))
  const filler = 2 ** 32 + 2 ** 30
  for (const entry of Object.values(header) as { data_offsets: number[] }[])
    entry.data_offsets = entry.data_offsets.map((at) => at + filler)
  header.filler = { dtype: 'U8', shape: [filler], data_offsets: [0, filler] }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const file = await open(join(folder, 'model.safetensors'), 'w')
  const prefix = new Uint8Array(8)
  new DataView(prefix.buffer).setBigUint64(0, BigInt(text.length), true)
  await file.write(prefix, 0, 8, 0)
  await file.write(text, 0, text.length, 8)
  await file.write(small, 8 + headerBytes, small.length - 8 - headerBytes, 8 + text.length + filler)
  await file.close()
  const { parameters: loaded, warnings } = await loadModel(device, folder)
  expect(warnings).toEqual([
    expect.stringMatching(/1 tensor of the weights is not part of the architecture and was not read: filler/),
  ])
  await expectWeights(loaded)
})

test('what is not there is said as what it is', async () => {
  const unfinished = join(root, 'unfinished')
  await mkdir(unfinished)
  await writeFile(join(unfinished, 'run.json'), '{}')
  await expect(loadModel(device, unfinished)).rejects.toThrow(/the run has no model yet, .* kumiki train --resume/)
  const bare = join(root, 'bare')
  await mkdir(bare)
  await copyFile(plain('config.json'), join(bare, 'config.json'))
  await expect(loadModel(device, bare)).rejects.toThrow(
    /no weights found \(model\.safetensors, or .*index\.json with shards\)/,
  )
  await writeFile(join(bare, 'pytorch_model.bin'), '')
  await expect(loadModel(device, bare)).rejects.toThrow(
    /bare: the weights are in pytorch_model\.bin only, .*safetensors/,
  )
  await expect(loadModel(device, await folderOf('mixture', { config: { model_type: 'deepseek_v3' } }))).rejects.toThrow(
    /config\.json: model_type "deepseek_v3" is not supported/,
  )
})

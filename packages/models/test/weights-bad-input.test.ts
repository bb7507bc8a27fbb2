/** Corrupt or malicious model folders: errors that name the file, bounded memory, no paths outside the folder. */
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  decoderModel,
  findModel,
  fromHuggingFaceConfig,
  nano,
  parameterShapes,
  toHuggingFaceConfig,
} from '../src/index.ts'
import { loadModel, openWeights, saveModel } from '../src/node.ts'

const architecture = {
  ...nano,
  hiddenSize: 8,
  intermediateSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  headDim: 4,
  vocabSize: 10,
  paddedVocabSize: 128,
}
let device: Device
let folder: string
let weights: Buffer
let shard: Buffer
const path = (name: string) => join(folder, name)
const shards = join('shards')
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  folder = await mkdtemp(join(tmpdir(), 'kumiki-bad-'))
  const parameters = decoderModel(architecture).initialize(device)
  await saveModel(folder, architecture, parameters)
  await saveModel(path(shards), architecture, parameters, { maxShardBytes: 1500 })
  weights = await readFile(path('model.safetensors'))
  shard = await readFile(path('shards/model.safetensors.index.json'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

/** What a user may read: an error of ours that begins with the file. */
const ours = (file: string) => new RegExp(`^${folder.replace(/[/\\.]/g, '\\$&')}[/\\\\].*${file}.*: .`, 's')

test('whatever is cut or changed in the header names the file, or changes nothing', async () => {
  const header = 8 + Number(new DataView(weights.buffer, weights.byteOffset).getBigUint64(0, true))
  const changed = fc.oneof(
    fc.nat(weights.length - 1).map((length) => weights.subarray(0, length)),
    fc.tuple(fc.nat(header - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
      const copy = Buffer.from(weights)
      copy[at] ^= by
      return copy
    }),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => Buffer.concat([weights, more])),
  )
  await fc.assert(
    fc.asyncProperty(changed, async (bytes) => {
      await writeFile(path('model.safetensors'), bytes)
      const loaded = await loadModel(device, folder).catch((error: Error) => error)
      if (loaded instanceof Error) expect(loaded.message).toMatch(ours('model\\.safetensors'))
    }),
    { numRuns: 60 },
  )
})

test('header lengths up to 2^64 take no memory', async () => {
  for (const length of [2n ** 63n, 2n ** 64n - 1n, 100_000_001n, BigInt(weights.length)]) {
    const bytes = Buffer.from(weights)
    bytes.writeBigUInt64LE(length, 0)
    await writeFile(path('model.safetensors'), bytes)
    await expect(loadModel(device, folder)).rejects.toThrow(/model\.safetensors: safetensors: header length \d+ /)
  }
  await writeFile(path('model.safetensors'), weights)
})

test('an index leads to files beside it alone', async () => {
  const index = path('shards/model.safetensors.index.json')
  const names = Object.keys(JSON.parse(shard.toString()).weight_map)
  const outside = fc.oneof(
    fc.constantFrom('../model.safetensors', '/etc/passwd', 'a/b.safetensors', 'C:\\x.safetensors', '..', ''),
    fc.string().filter((s) => !/^[^/\\]+\.safetensors$/.test(s)),
    fc.jsonValue().filter((x) => typeof x !== 'string'),
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), outside, async (name, file) => {
      const json = JSON.parse(shard.toString())
      json.weight_map[name] = file
      await writeFile(index, JSON.stringify(json))
      await expect(loadModel(device, path(shards))).rejects.toThrow(
        new RegExp(
          `index\\.json: weight_map gives .* for ${name.replaceAll('.', '\\.')}; it must be a \\.safetensors file beside`,
        ),
      )
    }),
    { numRuns: 40 },
  )
  await writeFile(index, '{"weight_map": [1]}')
  await expect(loadModel(device, path(shards))).rejects.toThrow(/weight_map must be an object of tensor names/)
  await truncate(index, 100_000_001)
  await expect(loadModel(device, path(shards))).rejects.toThrow(
    /index\.json: cannot be read \(the file has 100000001 bytes; at most/,
  )
  await writeFile(index, shard)
})

test('a config.json of any values gives an architecture within bounds, or an error that names it', () => {
  const good = toHuggingFaceConfig(architecture)
  const keys = [
    ...Object.keys(good),
    'rope_scaling',
    'rope_parameters',
    'layer_types',
    'sliding_window',
    'pruned_heads',
  ]
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(0, -1, 1e300, 2 ** 31, 'llama', 'gemma3_text', 'mistral', { rope_type: 'llama3' }, null),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), value), { minLength: 1, maxLength: 3 }), (changes) => {
      try {
        const read = fromHuggingFaceConfig({ ...good, ...Object.fromEntries(changes) })
        expect(read.numHiddenLayers).toBeLessThanOrEqual(4096)
        expect(fromHuggingFaceConfig(toHuggingFaceConfig(read))).toEqual(read)
      } catch (error) {
        expect((error as Error).message).toMatch(/^config\.json: /)
      }
    }),
    { numRuns: 300 },
  )
})

test('shapes, formats and names that config.json does not call for', async () => {
  const parameters = decoderModel(architecture).initialize(device)
  await saveModel(folder, architecture, { ...parameters, 'model.norm.weight': device.tensor(new Float32Array(7), [7]) })
  await expect(loadModel(device, folder)).rejects.toThrow(
    /model\.safetensors: model\.norm\.weight is \[7\], but config\.json requires \[8\]/,
  )
  const { 'model.norm.weight': _, ...others } = parameters
  await saveModel(folder, architecture, others)
  await expect(loadModel(device, folder)).rejects.toThrow(
    /has no tensor model\.norm\.weight, which config\.json requires/,
  )
})

test('a folder of 172 billion parameters opens by its headers, and gives one tensor', async () => {
  const { architecture: large } = findModel('llm-jp-3-172b')
  const shapes = parameterShapes(large)
  const files = new Map<string, string>()
  let at = 0
  for (let i = 0; at < shapes.length; i++) {
    const header: Record<string, object> = {}
    const file = `model-${String(i + 1).padStart(5, '0')}-of-00040.safetensors`
    let bytes = 0
    for (; at < shapes.length && bytes < 9e9; at++) {
      const { name, shape } = shapes[at]
      const size = 2 * shape.reduce((a, b) => a * b, 1)
      header[name] = { dtype: 'BF16', shape, data_offsets: [bytes, bytes + size] }
      files.set(name, file)
      bytes += size
    }
    const json = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    // Sparse: what is not written takes no room.
    const handle = await open(path(`shards/${file}`), 'w')
    await handle.write(Buffer.concat([length, json]))
    await handle.truncate(8 + json.length + bytes)
    await handle.close()
  }
  await writeFile(
    path('shards/model.safetensors.index.json'),
    JSON.stringify({ weight_map: Object.fromEntries(files) }),
  )
  const before = process.memoryUsage().rss
  const opened = await openWeights(path(shards))
  expect(opened.names()).toHaveLength(shapes.length)
  expect((await opened.read('model.layers.50.input_layernorm.weight')).length).toBe(2 * large.hiddenSize)
  await opened.close()
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6)
})

test.each([
  ['config.json', '', 'the file is empty, but must be JSON; copy or download it again'],
  ['config.json', '{"a": ', 'is not JSON ('],
  ['generation_config.json', 'x', 'is not JSON ('],
  ['generation_config.json', ' ', 'the file is empty'],
])('%s of %j is named', async (name, content, fault) => {
  const whole = await readFile(path(name)).catch(() => undefined)
  await writeFile(path(name), content)
  await expect(loadModel(device, folder)).rejects.toThrow(`${path(name)}: ${fault}`)
  await (whole ? writeFile(path(name), whole) : rm(path(name)))
})

test('a folder that cannot be made is named, and nothing waits for it', async () => {
  const file = path('in-the-way')
  await writeFile(file, '')
  const parameters = decoderModel(architecture).initialize(device)
  for (const place of [file, join(file, 'below')])
    await expect(saveModel(place, architecture, parameters)).rejects.toThrow(
      `${place}: the folder cannot be made (${file} is a file); give another place`,
    )
  // The system answers ENOENT here although the parent exists: Node's recursive mkdir does not return.
  if (process.platform === 'linux')
    await expect(saveModel('/proc/kumiki/model', architecture, parameters)).rejects.toThrow(
      /^\/proc\/kumiki\/model: the folder cannot be made \(\w+ at \/proc\/kumiki\); give another place$/,
    )
})

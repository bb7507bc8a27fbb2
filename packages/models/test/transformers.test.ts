import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fromHuggingFaceConfig, toHuggingFaceConfig } from '../src/index.ts'
import { expectLogits, expectPieces, expectTraining, loadBoth } from './transformers-checks.ts'
import { readVector, vectorNames } from './transformers-vectors.ts'

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
  expect(vectorNames).toEqual(
    'gemma2 gemma3 llama-bias llama-dynamic llama-linear llama-llama3 mistral olmo2 qwen2 qwen3'.split(' '),
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
  if (name === 'gemma2') await expectPieces(loaded)
  if (name === 'qwen2') await expectTraining(loaded, 0)
})

/** A checkpoint with a tensor above 2 GiB. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadCheckpoint, saveCheckpoint } from '../src/node.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kumiki-large-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('a checkpoint with a tensor above 2 GiB is written and read', async () => {
  const length = 2 ** 29 + 1000
  const data = new Float32Array(length)
  data.set([1, 2, 3], length - 3)
  const batches = { version: 1, fingerprint: 'x', seed: 0, epoch: 0, sequence: 0 } as const
  const small = { shape: [2], data: Float32Array.of(4, 5) }
  const arrays = new Map([
    ['params.large', { shape: [length], data }],
    ['params.small', small],
  ])
  const path = await saveCheckpoint(folder, { step: 1, tokens: 1, batches, arrays })
  expect((await stat(join(path, 'state.safetensors'))).size).toBeGreaterThan(2 ** 31)
  const loaded = (await loadCheckpoint(path)).arrays
  expect([...loaded.get('params.large')!.data.subarray(-4)]).toEqual([0, 1, 2, 3])
  expect(loaded.get('params.small')).toEqual(small)
})

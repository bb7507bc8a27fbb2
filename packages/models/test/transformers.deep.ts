/** Every architecture against Transformers: logits, cached passes, ten training steps. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { expectLogits, expectPieces, expectTraining, loadBoth } from './transformers-checks.ts'
import { readVector, vectorNames } from './transformers-vectors.ts'

describe.each(['cpu', 'webgpu'] as const)('on %s', (backend) => {
  let device: Device
  let root: string
  beforeAll(async () => {
    device = await init({ backend })
    root = await mkdtemp(join(tmpdir(), 'kumiki-transformers-'))
  })
  afterAll(async () => {
    device.dispose()
    await rm(root, { recursive: true })
  })

  test.each(vectorNames)('%s: logits, a pass in pieces, ten training steps of Transformers', async (name) => {
    const loaded = await loadBoth(device, readVector(name), root)
    await expectLogits(loaded)
    // Where positions are scaled by the length, kept keys stay as they were.
    if (name !== 'llama-dynamic') await expectPieces(loaded)
    await expectTraining(loaded, 10)
  })
})

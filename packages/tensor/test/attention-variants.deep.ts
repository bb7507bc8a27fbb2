/** Every attention kernel on every case. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Device, init } from '../src/index.ts'
import { attentionVariants } from '../src/ops/attention/attention.wgsl.ts'
import { attentionCases, attentionDevice, expectSameAttention, runAttention } from './attention-cases.ts'

describe.each([...attentionVariants, 'cpu'])('attention on %s', (name) => {
  let device: Device
  let reference: Device
  beforeAll(async () => {
    reference = await init({ backend: 'reference' })
    device = await attentionDevice(name)
  })
  afterAll(() => {
    device.dispose()
    reference.dispose()
  })

  test.each(attentionCases.map((c) => [JSON.stringify(c), c] as const))('%s', async (_, c) => {
    expectSameAttention(await runAttention(device, c), await runAttention(reference, c))
  })
})

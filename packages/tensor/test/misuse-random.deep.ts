/** Many random invalid calls of every operation. */
import { expect, test } from 'vitest'
import { init } from '../src/index.ts'
import { misuse } from './misuse-calls.ts'

test.each(['cpu', 'webgpu'] as const)('10,000 calls on %s', async (backend) => {
  const device = await init({ backend })
  const reference = await init({ backend: 'reference' })
  for (const seed of [11, 12, 13, 14]) expect((await misuse(device, reference, 2500, seed)).faults).toEqual([])
  device.dispose()
  reference.dispose()
})

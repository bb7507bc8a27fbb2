/** Random invalid calls of every operation. */
import { expect, test } from 'vitest'
import { init } from '../src/index.ts'
import { misuse } from './misuse-calls.ts'

test('random misuse of every operation fails at once and in words, or is right', async () => {
  const device = await init({ backend: 'cpu', threads: 1 })
  const reference = await init({ backend: 'reference' })
  const { faults, thrown, computed } = await misuse(device, reference, 900, 1)
  expect(faults).toEqual([])
  expect(thrown).toBeGreaterThan(400)
  expect(computed).toBeGreaterThan(200)
  device.dispose()
  reference.dispose()
})

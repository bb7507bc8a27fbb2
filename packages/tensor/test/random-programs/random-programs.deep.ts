/** Tens of thousands of random programs. KUMIKI_SEEDS=FROM:TO selects others; a failure prints its seed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as K from '../../src/index.ts'
import { verifyPasses } from '../../src/passes/verify.ts'
import { checkSeed } from './check.ts'

const [from, to] = (process.env.KUMIKI_SEEDS ?? '1000:31000').split(':').map(Number)

let reference: K.Device
beforeAll(async () => {
  reference = await K.init({ backend: 'reference' })
  verifyPasses()
})
afterAll(() => reference.dispose())

describe.each([
  ['cpu', 1],
  ['webgpu', 8],
] as const)('on %s', (backend, every) => {
  test(`programs ${from} to ${to}, every ${every}`, async () => {
    const problems: string[] = []
    let loose = 0
    let device = await K.init({ backend, threads: 2 })
    for (let seed = from; seed < to; seed += every) {
      // A fresh device now and then: what one program leaves behind must not help the next.
      if (seed % 4000 < every) {
        device.dispose()
        device = await K.init({ backend, threads: 2 })
      }
      const verdict = await checkSeed(seed, reference, [device])
      if (verdict.problem) problems.push(`${verdict.problem}\n${JSON.stringify(verdict.program)}`)
      if (verdict.loose) loose++
    }
    device.dispose()
    expect(problems.slice(0, 10).join('\n\n')).toBe('')
    expect(loose).toBeLessThanOrEqual((to - from) / every / 40)
  })
})

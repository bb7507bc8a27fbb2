/**
 * The self-test of `kumiki doctor` passes within two seconds, and names the operation that a faulty backend computes
 * wrongly.
 */
import { init } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { describeSelfTest, selfTest } from '../src/doctor/self-test.ts'

test('the processor passes, and a backend that is wrong is told by name', async () => {
  const reference = await init({ backend: 'reference' })
  const device = await init({ backend: 'cpu', threads: 1 })
  const result = await selfTest(device, reference)
  expect(result.checks.filter(({ correct }) => !correct)).toEqual([])
  expect(result.checks.length).toBe(6)
  expect(describeSelfTest(result)).toMatch(/^matmul in float32, .* a step of AdamW are correct, \d+ ms$/)
  // A reference that forgets the last bits of what it is given stands for a broken backend: all that depends on them
  // differs.
  const broken = Object.create(reference, {
    tensor: {
      value: (values: Float32Array, ...rest: [number[]]) =>
        reference.tensor(
          values.map((x) => (x === 1 ? 1.25 : x)),
          ...rest,
        ),
    },
  })
  const wrong = await selfTest(broken, reference)
  expect(wrong.correct).toBe(false)
  expect(describeSelfTest(wrong)).toMatch(/matmul in float32 is WRONG by [\d.]+ % .*allowed: none.*; .*AdamW is WRONG/)
  const dead = await selfTest(
    Object.create(reference, {
      tensor: {
        value: () => {
          throw new Error('device lost')
        },
      },
    }),
    reference,
  )
  expect(describeSelfTest(dead)).toContain('softmax FAILED: device lost')
  for (const one of [device, reference]) one.dispose()
})

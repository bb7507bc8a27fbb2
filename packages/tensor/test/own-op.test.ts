/** A user's own op that has only `evaluate` runs on every backend. */
import { afterAll, beforeAll, describe, expect, type MockInstance, test, vi } from 'vitest'
import { apply1, compile, type Device, defineOp, grad, init, type Op, type Tensor } from '../src/index.ts'

const cumulative = defineOp<unknown>({
  name: 'cumulativeSum',
  kind: 'kernel',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  gradient: ({ grads: [g] }) => [g && apply1(backwards, [g], {})],
  evaluate([x], _, [out]) {
    let total = 0
    for (let i = 0; i < x.data.length; i++) out.data[i] = total += x.data[i]
  },
})
const backwards = defineOp<unknown>({
  name: 'cumulativeSumBackwards',
  kind: 'kernel',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  evaluate([x], _, [out]) {
    let total = 0
    for (let i = x.data.length - 1; i >= 0; i--) out.data[i] = total += x.data[i]
  },
})

describe.each(['cpu', 'webgpu', 'reference'] as const)('on %s', (backend) => {
  let device: Device
  let warnings: MockInstance<typeof console.warn>
  beforeAll(async () => {
    warnings = vi.spyOn(console, 'warn').mockImplementation(() => {})
    device = await init({ backend })
  })
  afterAll(() => {
    warnings.mockRestore()
    device.dispose()
  })

  test('alone, between other work, strided, narrow and compiled', async () => {
    const x = device.tensor([1, 2, 3, 4, 5, 6], [2, 3])
    const f = (t: Tensor) => apply1(cumulative, [t.transpose().mul(2)], {}).add(1)
    const expected = [3, 11, 15, 25, 31, 43]
    expect([...(await f(x).data())]).toEqual(expected)
    const step = compile((t: Tensor) => [f(t), apply1(cumulative, [f(t).sum(1)], {})])
    for (let i = 0; i < 3; i++) {
      const [a, b] = await step(x)
      expect([...(await a.data())]).toEqual(expected)
      expect([...(await b.data())]).toEqual([14, 54, 128])
    }
    // Runs that overlap do not disturb each other.
    const both = await Promise.all([step(x), step(x.mul(1))])
    for (const [a] of both) expect([...(await a.data())]).toEqual(expected)
    const narrow = apply1(cumulative, [x.astype('bfloat16')], {})
    expect([...(await narrow.data())]).toEqual([1, 3, 6, 10, 15, 21])
    const gradient = grad((t: Tensor) => apply1(cumulative, [t], {}).square().sum())(device.tensor([1, 2, 3]))
    expect([...(await gradient.data())]).toEqual([20, 18, 12])
  })

  test('a page is told that it costs copies, once', () => {
    const told = warnings.mock.calls.filter(([text]) =>
      String(text).includes('the op cumulativeSum has no WGSL kernel'),
    )
    expect(told.length).toBe(backend === 'webgpu' ? 1 : 0)
    warnings.mockClear()
  })
})

test('an op with neither kernel nor evaluation says so', async () => {
  const device = await init({ backend: 'webgpu' })
  const nothing: Op<unknown> = { name: 'nothing', kind: 'kernel', infer: ([x]) => [x] }
  await expect(apply1(nothing, [device.tensor([1])], {}).data()).rejects.toThrow(/the op nothing has neither a kernel/)
  device.dispose()
})

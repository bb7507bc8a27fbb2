/** Random numbers against published Threefry outputs, their moments, and categorical sampling. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { categorical, type Device, init, randomBits, randomNormal, randomUniform } from '../src/index.ts'

const backends = ['reference', 'cpu', 'webgpu'] as const
const devices = {} as Record<string, Device>
beforeAll(async () => {
  for (const backend of backends) devices[backend] = await init({ backend })
})
afterAll(() => {
  for (const d of Object.values(devices)) d.dispose()
})

/** A key on the device, so that the numbers are made there. */
const key = (device: Device) => device.tensor(Uint32Array.of(1, 2))

describe.each(backends)('random numbers on %s', (backend) => {
  test('Threefry-2x32 gives the published words', async () => {
    const device = devices[backend]
    // Random123's known answers: counter (0, 0), key (0, 0) is 6b200159 99ba4efe. The op returns the exclusive or of
    // the two words.
    const bits = await randomBits(device.tensor(Uint32Array.of(0, 0)), [1]).data()
    expect(bits[0]).toBe((0x6b200159 ^ 0x99ba4efe) >>> 0)
  })

  test('the same bits everywhere; uniform and normal have their moments', async () => {
    const device = devices[backend]
    expect([...(await randomBits(key(device), [33]).data())]).toEqual([
      ...(await randomBits(key(devices.reference), [33]).data()),
    ])
    const u = Array.from(await randomUniform(key(device), [4096]).data())
    expect(Math.min(...u)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...u)).toBeLessThan(1)
    expect(u.reduce((a, b) => a + b, 0) / u.length).toBeCloseTo(0.5, 1)
    const n = Array.from(await randomNormal(key(device), [64, 64]).data())
    const mean = n.reduce((a, b) => a + b, 0) / n.length
    expect(Math.abs(mean)).toBeLessThan(0.06)
    expect(n.reduce((a, b) => a + (b - mean) ** 2, 0) / n.length).toBeCloseTo(1, 1)
  })

  test('categorical draws in proportion', async () => {
    const device = devices[backend]
    const logits = device.tensor(
      Float32Array.from({ length: 2000 * 3 }, (_, i) => Math.log([0.2, 0.3, 0.5][i % 3])),
      [2000, 3],
    )
    const drawn = await categorical(key(device), logits).data()
    const counts = [0, 0, 0]
    for (const d of drawn) counts[d]++
    counts.forEach((c, i) => {
      expect(c / 2000).toBeCloseTo([0.2, 0.3, 0.5][i], 1)
    })
  })
})

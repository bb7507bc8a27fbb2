/** Detection of loss spikes on noisy curves. */
import { expect, test } from 'vitest'
import { spikeDetector } from '../src/index.ts'

/** A falling loss with noise of standard deviation about 0.02. */
function losses(count: number): number[] {
  let x = 3
  const uniform = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5
  return Array.from(
    { length: count },
    (_, i) => 3 + 1.5 * Math.exp(-i / 1000) + 0.04 * (uniform() + uniform() + uniform()),
  )
}

test('finds spikes, and no others, on a noisy falling curve', () => {
  const detector = spikeDetector({ window: 64, threshold: 6 })
  const values = losses(2000)
  for (const at of [500, 501, 502, 1500]) values[at] += 0.5
  const found = values.flatMap((v, i) => (detector.push(v).spike ? [i] : []))
  expect(found).toEqual([500, 501, 502, 1500])
})

test('a drop is no spike; NaN and infinity always are, and are not remembered', () => {
  const detector = spikeDetector({ window: 8, minimum: 4 })
  expect(detector.push(Number.NaN)).toEqual({ spike: true, score: Number.POSITIVE_INFINITY, median: Number.NaN })
  for (let i = 0; i < 8; i++) expect(detector.push(2 + (i % 3) * 0.01).spike).toBe(false)
  expect(detector.push(1).spike).toBe(false)
  expect(detector.push(Number.POSITIVE_INFINITY).spike).toBe(true)
  expect(detector.history().every(Number.isFinite)).toBe(true)
  expect(detector.push(9).spike).toBe(true)
})

test('restore goes on where history stopped', () => {
  const a = spikeDetector({ window: 16 })
  for (const v of losses(50)) a.push(v)
  const b = spikeDetector({ window: 16 })
  b.restore(JSON.parse(JSON.stringify(a.history())))
  expect(b.push(7)).toEqual(a.push(7))
  expect(() => b.restore([1, Number.NaN])).toThrow(/history\[1\]/)
})

test('the score is in robust standard deviations', () => {
  const detector = spikeDetector({ window: 5, minimum: 5, minimumSpread: 0 })
  for (const v of [1, 2, 3, 4, 5]) detector.push(v)
  expect(detector.push(3 + 1.4826 * 4)).toEqual({ spike: false, score: expect.closeTo(4, 12), median: 3 })
  expect(() => spikeDetector({ window: 1 })).toThrow(RangeError)
  expect(() => spikeDetector({ minimum: 500 })).toThrow(/from 2 to 128, got 500/)
})

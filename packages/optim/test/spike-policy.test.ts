/** Policies after a loss spike: continue, skip batches, rewind. */
import { describe, expect, test } from 'vitest'
import { continueThroughSpikes, rewindAndSkip, type SpikePolicy, skipBatches } from '../src/index.ts'

/** A calm loss with a little noise, and given values at given steps. */
function losses(count: number, spikes: Record<number, number> = {}): number[] {
  let x = 3
  const uniform = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5
  return Array.from({ length: count }, (_, i) => spikes[i] ?? 2 + 0.04 * (uniform() + uniform()))
}

const feed = (policy: SpikePolicy, values: readonly number[], from = 0) =>
  values.map((loss, i) => policy.push({ step: from + i, loss }))

const options = { loss: { window: 32 } }

describe('policies', () => {
  test('continueThroughSpikes notes and goes on', () => {
    const seen = feed(continueThroughSpikes(options), losses(100, { 60: 3, 61: Number.NaN }))
    expect(seen.flatMap((d, i) => (d.spike ? [i] : []))).toEqual([60, 61])
    expect(seen[60].lossScore).toBeGreaterThan(6)
    expect(new Set(seen.map((d) => d.action.kind))).toEqual(new Set(['continue']))
  })

  test('skipBatches', () => {
    const seen = feed(skipBatches({ ...options, batches: 4 }), losses(100, { 60: 3 }))
    expect(seen[60].action).toEqual({ kind: 'skip', batches: 4 })
    expect(seen[61].action).toEqual({ kind: 'continue' })
  })

  test("rewindAndSkip: PaLM's numbers by default; stops at its limit", () => {
    const policy = rewindAndSkip({ ...options, limit: 1 })
    const seen = feed(policy, losses(200, { 160: 3 }))
    expect(seen[160].action).toEqual({ kind: 'rewind', step: 60, batches: 300 })
    expect(feed(rewindAndSkip(options), losses(80, { 60: 9 }))[60].action).toEqual({
      kind: 'rewind',
      step: 0,
      batches: 300,
    })
    const again = feed(policy, [4], 200)[0].action
    expect(again).toEqual({
      kind: 'stop',
      reason: expect.stringMatching(/step 200 spiked \(loss 4\) after .* had acted 1 times/),
    })
  })

  test('a policy that was rewound judges as if the future had not been', () => {
    const policy = rewindAndSkip({ ...options, rewindSteps: 20 })
    feed(policy, [...losses(60), ...Array.from({ length: 12 }, () => 2.9)])
    policy.rewound(59)
    const fresh = rewindAndSkip({ ...options, rewindSteps: 20 })
    feed(fresh, losses(60))
    expect(policy.state().loss.slice(-32)).toEqual(fresh.state().loss.slice(-32))
    expect(policy.push({ step: 61, loss: 2.5 }).lossScore).toBe(fresh.push({ step: 61, loss: 2.5 }).lossScore)
  })

  test('patience waits for spikes in a row; the gradient norm can be watched too', () => {
    const patient = feed(skipBatches({ ...options, patience: 3 }), losses(80, { 50: 3, 60: 3, 61: 3, 62: 3 }))
    expect(patient.flatMap((d, i) => (d.action.kind === 'skip' ? [i] : []))).toEqual([62])
    const both = skipBatches({ loss: false, gradNorm: { window: 16 } })
    for (let step = 0; step < 30; step++) both.push({ step, loss: 100 * step, gradNorm: 1 + (step % 3) * 0.1 })
    const decision = both.push({ step: 30, loss: 1, gradNorm: 5 })
    expect(decision).toMatchObject({ spike: true, lossScore: 0, action: { kind: 'skip' } })
    expect(both.push({ step: 31, loss: 1 }).spike).toBe(false)
  })

  test('state goes through JSON', () => {
    const policy = skipBatches({ ...options, patience: 2 })
    feed(policy, losses(70, { 69: 3 }))
    const again = skipBatches({ ...options, patience: 2 })
    again.restore(JSON.parse(JSON.stringify(policy.state())))
    expect(again.push({ step: 70, loss: 3.1 })).toEqual(policy.push({ step: 70, loss: 3.1 }))
    expect(again.state()).toEqual(policy.state())
  })

  test('wrong input is named', () => {
    expect(() => skipBatches({ batches: 0 })).toThrow(/skipBatches: batches must be finite and at least 1, got 0/)
    expect(() => rewindAndSkip({ rewindSteps: 0 })).toThrow(RangeError)
    expect(() => continueThroughSpikes({ loss: false })).toThrow(
      /loss and gradNorm are both false; give detector options/,
    )
    expect(() => skipBatches({ patience: 0 })).toThrow(/patience/)
    const policy = skipBatches()
    expect(() => policy.push({ step: -1, loss: 1 })).toThrow(RangeError)
    expect(() => policy.restore(null as never)).toThrow(TypeError)
    expect(() => policy.restore({ loss: [[1, Number.NaN]], gradNorm: [], acted: 0, running: 0 })).toThrow(
      /state.loss\[0\]\[1\]/,
    )
    expect(() => policy.restore({ loss: [3 as never], gradNorm: [], acted: 0, running: 0 })).toThrow(
      /must be \[step, value\]/,
    )
  })
})

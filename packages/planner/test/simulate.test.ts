/** The pipeline simulation against closed formulas and against the estimate. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closedFormBubble, type Pass, type Schedule, simulate, simulatePipeline } from '../src/index.ts'
import { microBatchesInFlight } from '../src/plan/stages.ts'
import { v3_13b, v3_172b, v4_332b } from './models.ts'

const schedules = ['gpipe', '1f1b', 'interleaved', 'zero-bubble'] as const
const even = (stages: number, forward: number, backward: number, weightGradient = backward / 2) =>
  Array<{ forward: number; backward: number; weightGradient: number }>(stages).fill({
    forward,
    backward,
    weightGradient,
  })

describe('simulatePipeline', () => {
  it('has the bubble of the closed formulas where stages are even', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...schedules),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 2, max: 4 }),
        fc.double({ min: 0.5, max: 2, noNaN: true }),
        fc.double({ min: 1, max: 2, noNaN: true }),
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        (schedule, stages, groups, chunks, forward, ratio, part) => {
          const microBatches = stages * groups
          const backward = forward * ratio
          // ZB-H1's formula holds where gradients of weights take no longer than forward passes or gradients of
          // activations.
          const weight = part * Math.min(forward, backward / 2)
          const v = schedule === 'interleaved' ? chunks : 1
          const result = simulatePipeline({
            stages: even(stages, forward, backward, weight),
            microBatches,
            schedule,
            chunks: v,
          })
          const share = weight / (forward + backward)
          expect(result.bubbleOverWork).toBeCloseTo(closedFormBubble(schedule, stages, microBatches, v, share), 9)
          expect(result.seconds).toBeCloseTo(microBatches * (forward + backward) * (1 + result.bubbleOverWork), 6)
        },
      ),
      { numRuns: 300, seed: 1 },
    )
  })

  it('keeps as many micro-batches as the memory formulas count', () => {
    for (const [stages, chunks, microBatches] of [
      [4, 1, 16],
      [8, 1, 4],
      [4, 2, 16],
      [6, 2, 30],
      [4, 5, 64],
    ]) {
      const schedule = chunks > 1 ? 'interleaved' : '1f1b'
      if (schedule === 'interleaved' && microBatches % stages !== 0) continue
      const { inFlight } = simulatePipeline({ stages: even(stages, 1, 2), microBatches, schedule, chunks })
      expect(inFlight).toEqual(inFlight.map((_, stage) => microBatchesInFlight(stage, stages, chunks, microBatches)))
    }
    expect(simulatePipeline({ stages: even(4, 1, 2), microBatches: 9, schedule: 'gpipe' }).inFlight).toEqual([
      9, 9, 9, 9,
    ])
    // Zero-bubble holds no more than 1F1B's first stage.
    expect(
      Math.max(...simulatePipeline({ stages: even(4, 1, 2), microBatches: 12, schedule: 'zero-bubble' }).inFlight),
    ).toBe(4)
  })

  it('never breaks a dependency, whatever the stages', () => {
    const stage = fc.record({
      forward: fc.double({ min: 0.1, max: 3, noNaN: true }),
      backward: fc.double({ min: 0.2, max: 6, noNaN: true }),
    })
    fc.assert(
      fc.property(
        fc.constantFrom(...schedules),
        fc.array(stage, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (schedule, stages, groups, hopSeconds) => {
          const chunks = schedule === 'interleaved' ? 2 : 1
          const microBatches = groups * stages.length
          const result = simulatePipeline({ stages, microBatches, schedule, chunks, hopSeconds })
          const p = stages.length
          const key = (kind: string, virtual: number, microBatch: number) => `${kind} ${virtual} ${microBatch}`
          const at = new Map<string, Pass>()
          for (const pass of result.passes) at.set(key(pass.kind, pass.chunk * p + pass.stage, pass.microBatch), pass)
          expect(at.size).toBe((schedule === 'zero-bubble' ? 3 : 2) * microBatches * chunks * p)
          for (const { kind, stage: here, chunk, microBatch, start } of result.passes) {
            const virtual = chunk * p + here
            const before =
              kind === 'weight'
                ? at.get(key('backward', virtual, microBatch))!
                : kind === 'forward'
                  ? at.get(key('forward', virtual - 1, microBatch))
                  : (at.get(key('backward', virtual + 1, microBatch)) ?? at.get(key('forward', virtual, microBatch))!)
            if (!before) continue
            const hop = before.stage === here && before.chunk === chunk ? 0 : hopSeconds
            expect(start).toBeGreaterThanOrEqual(before.end + hop - 1e-9)
          }
          for (let here = 0; here < p; here++) {
            const own = result.passes.filter((pass) => pass.stage === here)
            for (let i = 1; i < own.length; i++) expect(own[i].start).toBeGreaterThanOrEqual(own[i - 1].end - 1e-9)
          }
          const slowest = Math.max(...stages.map(({ forward, backward }) => forward + backward))
          expect(result.seconds).toBeGreaterThanOrEqual(microBatches * slowest - 1e-6)
        },
      ),
      { numRuns: 200, seed: 2 },
    )
  })

  it.each([
    [{ stages: [] }, /stages must be a list of 1 to 4096 stages, got \[\]/],
    [{ microBatches: 0 }, /microBatches must be an integer from 1/],
    [{ microBatches: Number.NaN }, /microBatches must be an integer/],
    [{ microBatches: 1e7 }, /make 40000000 passes; at most 4000000/],
    [{ schedule: 'fast' }, /schedule must be one of gpipe, 1f1b, interleaved, zero-bubble, got "fast"/],
    [{ schedule: 'interleaved', chunks: 1 }, /chunks must be at least 2/],
    [{ schedule: 'interleaved', microBatches: 7 }, /microBatches must be a multiple of the 2 stages/],
    [{ chunks: 2 }, /chunks must be 1 for 1f1b/],
    [{ hopSeconds: -1 }, /hopSeconds must be a number of seconds/],
    [{ stages: [{ forward: 1, backward: Number.NaN }] }, /stages\[0\].backward must be/],
    [{ stages: [{ forward: 1, backward: 1, weightGradient: 2 }] }, /weightGradient must be at most backward 1/],
  ])('refuses %j', (change, message) => {
    const good = { stages: even(2, 1, 2), microBatches: 8, schedule: '1f1b' as Schedule }
    expect(() => simulatePipeline({ ...good, ...(change as object) })).toThrow(message)
  })
})

describe('simulate', () => {
  const h100 = (nodes: number) => ({ gpu: 'H100', nodes, gpusPerNode: 8 })
  const seq = { sequenceLength: 4096 }

  it('agrees with the estimate of real plans, and shows what uneven stages leave', () => {
    const large = simulate({
      model: v3_172b,
      cluster: h100(64),
      plan: { ...seq, tensorParallel: 4, pipelineParallel: 16, microBatchSize: 1, globalBatchSize: 1728 },
    })
    // The last stage has the output projection: it is the busiest, others wait for it in all 216 micro-batches.
    expect(large.stepSeconds / large.estimatedStepSeconds).toBeGreaterThan(0.95)
    expect(large.stepSeconds / large.estimatedStepSeconds).toBeLessThan(1.02)
    expect(large.closedFormBubble).toBeCloseTo(15 / 216, 9)
    expect(large.busy[15]).toBe(Math.max(...large.busy))
    expect(large.idleFraction).toBeGreaterThan(large.bubbleSeconds / large.seconds)
    expect(large.inFlight[0]).toBe(16)
    const mixture = simulate({
      model: v4_332b,
      cluster: { gpu: 'H200', nodes: 64, gpusPerNode: 8 },
      plan: {
        ...seq,
        tensorParallel: 2,
        pipelineParallel: 4,
        virtualPipeline: 5,
        expertParallel: 8,
        microBatchSize: 1,
        globalBatchSize: 2048,
      },
    })
    expect(mixture.schedule).toBe('interleaved')
    expect(mixture.closedFormBubble).toBeCloseTo(3 / (5 * 32), 9)
    expect(Math.abs(mixture.stepSeconds / mixture.estimatedStepSeconds - 1)).toBeLessThan(0.03)
  })

  it('is faster without a bubble', () => {
    const plan = { ...seq, tensorParallel: 2, pipelineParallel: 4, microBatchSize: 2, globalBatchSize: 512 }
    const seconds = (schedule: Schedule) => simulate({ model: v3_13b, cluster: h100(16), plan, schedule }).stepSeconds
    expect(seconds('zero-bubble')).toBeLessThan(seconds('1f1b'))
    expect(seconds('interleaved')).toBeLessThan(seconds('1f1b'))
    expect(seconds('gpipe')).toBeCloseTo(seconds('1f1b'), 6)
  })
})

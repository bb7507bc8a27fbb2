import { expect, describe as group, test } from 'vitest'
import {
  constant,
  cosine,
  defineSchedule,
  describe,
  fromJSON,
  isDescribed,
  join,
  linear,
  llmJp3Recipes,
  llmJp3Schedule,
  llmJp4Schedule,
  type Schedule,
  scale,
  warmup,
  wsd,
} from '../src/index.ts'
import vectors from '../vectors/schedules.json' with { type: 'json' }

group('against Megatron-LM', () => {
  test.each(vectors.map((v: any) => [JSON.stringify(v.schedule ?? v, (k, x) => (k === 'points' ? undefined : x)), v]))(
    '%s',
    (_, v: any) => {
      const schedule = v.schedule
        ? fromJSON(v.schedule)
        : v.llmJp3
          ? llmJp3Schedule(v.llmJp3)
          : llmJp4Schedule(v.llmJp4, { decayEnd: v.decayEnd })
      for (const [step, value] of v.points)
        if (!(Math.abs(schedule(step) - value) <= 1e-15))
          throw new Error(`step ${step}: ${schedule(step)}, Megatron ${value}`)
      const again = fromJSON(JSON.parse(JSON.stringify(describe(schedule))))
      for (const [step] of v.points) expect(again(step)).toBe(schedule(step))
    },
  )
})

test('values at joints and beyond the end', () => {
  const s = join([linear({ from: 0, to: 1, steps: 10 }), constant(1), cosine({ from: 1, to: 0, steps: 10 })], [10, 20])
  expect([0, 5, 10, 19, 20, 25, 30, 1000].map(s)).toEqual([0, 0.5, 1, 1, 1, expect.closeTo(0.5, 15), 0, 0])
  expect(scale(s, 2)(5)).toBe(1)
  expect(warmup(constant(4), 8, 2)(4)).toBe(3)
  expect(wsd({ peak: 1, steps: 10, decaySteps: 0 })(9)).toBe(1)
})

test('a schedule is any function; ours describe themselves', () => {
  const own: Schedule = (step) => 1 / (step + 1)
  expect(isDescribed(own)).toBe(false)
  expect(() => describe(own)).toThrow(/function of your own/)
  const mixed = warmup(own, 10)
  expect(mixed(10)).toBe(1)
  expect(() => mixed(-1)).toThrow(RangeError)
  expect(isDescribed(mixed)).toBe(false)
  const named = defineSchedule({ kind: 'harmonic', a: 3 }, (step) => 3 / (step + 1))
  const kinds = { harmonic: (d: any) => defineSchedule(d, (step) => d.a / (step + 1)) }
  expect(fromJSON(JSON.parse(JSON.stringify(describe(scale(named, 2)))), kinds)(1)).toBe(3)
})

test('wrong input is named', () => {
  expect(() => linear({ from: 1, to: 0, steps: 0 })).toThrow(/linear: steps must be finite and at least 1, got 0/)
  expect(() => cosine({ from: -1, to: 0, steps: 5 })).toThrow(/cosine: from/)
  expect(() => wsd({ peak: 1, steps: 100, warmupSteps: 60, decaySteps: 50 })).toThrow(
    /decaySteps must be from 0 to 40, got 50/,
  )
  expect(() => wsd({ peak: 1, final: 2, steps: 10, decaySteps: 1 })).toThrow(/final must be from 0 to 1/)
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 1, shape: 'toString' as never })).toThrow(
    /minus_sqrt, got 'toString'/,
  )
  expect(() => join([constant(1), constant(2)], [0])).toThrow(RangeError)
  expect(() => join([constant(1)], [5])).toThrow(/one boundary fewer/)
  expect(() => warmup(3 as never, 10)).toThrow(TypeError)
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => constant(1)(bad)).toThrow(RangeError)
  for (const bad of [null, 3, {}, { kind: 5 }]) expect(() => fromJSON(bad)).toThrow(TypeError)
  expect(() => fromJSON({ kind: 'constructor' })).toThrow(/unknown kind 'constructor'/)
  expect(() => fromJSON({ kind: 'warmup', steps: 3 })).toThrow(TypeError)
  let deep: any = { kind: 'constant', value: 1 }
  for (let i = 0; i < 1000; i++) deep = { kind: 'scale', factor: 1, schedule: deep }
  expect(() => fromJSON(deep)).toThrow(/deeper than 32/)
  expect(() => llmJp3Schedule('14b' as never)).toThrow(/size must be one of 150m/)
  expect(() => llmJp3Schedule('13b', { steps: 4000 })).toThrow(/at least 4001, got 4000/)
})

test('recipes', () => {
  expect(llmJp3Recipes['172b']).toEqual({
    learningRate: 8e-5,
    finalLearningRate: 8e-6,
    warmupSteps: 2000,
    steps: 292_812,
    globalBatchSize: 1728,
  })
  for (const r of Object.values(llmJp3Recipes)) expect(r.steps * r.globalBatchSize * 4096).toBeGreaterThan(2.06e12)
})

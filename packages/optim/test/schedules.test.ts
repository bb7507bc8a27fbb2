/** Every schedule against its reference implementation, at joints and beyond the end. */
import { expect, describe as group, test } from 'vitest'
import {
  constant,
  cooldown,
  cosine,
  cosineRestarts,
  decayShapeNames,
  defineSchedule,
  exponential,
  inverseSqrt,
  isDescribed,
  join,
  linear,
  oneCycle,
  polynomial,
  type Schedule,
  scale,
  scheduleFromJSON,
  scheduleKinds,
  scheduleToJSON,
  warmup,
  wsd,
} from '../src/index.ts'
import vectors from '../vectors/schedules.json' with { type: 'json' }

group('against Megatron-LM, PyTorch, Transformers and the papers', () => {
  test.each(
    vectors.map(
      ({ source, schedule, points }) => [`${source}: ${JSON.stringify(schedule)}`, schedule, points] as const,
    ),
  )('%s', (name, description, points) => {
    const schedule = scheduleFromJSON(description)
    expect(points.length).toBeGreaterThanOrEqual(200)
    // PyTorch updates its values from step to step, and so gathers a rounding error at each.
    const tolerance = name.startsWith('PyTorch') ? 1e-13 : 1e-15
    const again = scheduleFromJSON(JSON.parse(JSON.stringify(scheduleToJSON(schedule))))
    for (const [step, value] of points) {
      if (!(Math.abs(schedule(step) - value) <= tolerance))
        throw new Error(`step ${step}: ${schedule(step)}, wanted ${value}`)
      if (again(step) !== schedule(step)) throw new Error(`step ${step}: ${again(step)} from JSON`)
    }
  })
})

test('every kind has its vectors', () => {
  const kinds = new Set(Array.from(JSON.stringify(vectors).matchAll(/"kind":"(\w+)"/g), ([, kind]) => kind))
  kinds.add('scale') // a product
  const without = Object.keys(scheduleKinds).filter((kind) => !kinds.has(kind))
  expect(without, 'each needs a case in vectors/make.py, which writes schedules.json').toEqual([])
})

test('where the definitions of a decay differ', () => {
  const at = (shape: any, final: number, step: number, extra = {}) =>
    wsd({ peak: 1, final, steps: 100, decaySteps: 80, shape, ...extra })(step)
  // Megatron-LM's exponential is one halving stretched to end at the final value; MiniCPM's halves on and need not get
  // there.
  expect(at('exponential', 0.1, 60)).toBeCloseTo(0.1 + 0.9 * (2 * Math.SQRT1_2 - 1), 15)
  expect(at('halving', 0.1, 30, { halfLife: 10 })).toBe(0.5)
  expect(at('halving', 0, 100, { halfLife: 20 })).toBe(1 / 16)
  expect(at('halving', 0.1, 100, { halfLife: 10 })).toBe(0.1)
  expect(at('halving', 0, 1000, { halfLife: 20 })).toBe(1 / 16)
  expect(at('inverse', 0.1, 60)).toBeCloseTo(1 / (0.5 / 0.1 + 0.5), 15)
  for (const step of [21, 40, 60, 99, 100]) expect(at('1-sqrt', 0.1, step)).toBe(at('minus_sqrt', 0.1, step))
  for (const shape of decayShapeNames) {
    const schedule = wsd({ peak: 1, final: 0.1, steps: 100, decaySteps: 80, shape })
    for (let step = 21; step <= 100; step++) expect(schedule(step)).toBeLessThanOrEqual(schedule(step - 1))
    expect(schedule(20)).toBe(1)
  }
})

test('values at joints and beyond the end', () => {
  const s = join([linear({ from: 0, to: 1, steps: 10 }), constant(1), cosine({ from: 1, to: 0, steps: 10 })], [10, 20])
  expect([0, 5, 10, 19, 20, 25, 30, 1000].map(s)).toEqual([0, 0.5, 1, 1, 1, expect.closeTo(0.5, 15), 0, 0])
  expect(scale(s, 2)(5)).toBe(1)
  expect(warmup(constant(4), 8, 2)(4)).toBe(3)
  expect([8, 9, 10, 11].map(wsd({ peak: 1, steps: 10, decaySteps: 1 }))).toEqual([1, 1, 0, 0])
})

test('a schedule is any function; ours describe themselves', () => {
  const own: Schedule = (step) => 1 / (step + 1)
  expect(isDescribed(own)).toBe(false)
  expect(() => scheduleToJSON(own)).toThrow(/function of your own/)
  const mixed = warmup(own, 10)
  expect(mixed(10)).toBe(1)
  expect(() => mixed(-1)).toThrow(RangeError)
  expect(isDescribed(mixed)).toBe(false)
  const named = defineSchedule({ kind: 'harmonic', a: 3 }, (step) => 3 / (step + 1))
  const kinds = { harmonic: (d: any) => defineSchedule(d, (step) => d.a / (step + 1)) }
  expect(scheduleFromJSON(JSON.parse(JSON.stringify(scheduleToJSON(scale(named, 2)))), kinds)(1)).toBe(3)
})

test('wrong input is named', () => {
  expect(() => linear({ from: 1, to: 0, steps: 0 })).toThrow(/linear: steps must be finite and at least 1, got 0/)
  expect(() => cosine({ from: -1, to: 0, steps: 5 })).toThrow(/cosine: from/)
  expect(() => wsd({ peak: 1, steps: 100, warmupSteps: 60, decaySteps: 50 })).toThrow(
    /decaySteps must be from 1 to 40, got 50/,
  )
  expect(() => wsd({ peak: 1, final: 2, steps: 10, decaySteps: 1 })).toThrow(/final must be from 0 to 1/)
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 1, shape: 'toString' as never })).toThrow(
    /minus_sqrt, 1-sqrt, halving, inverse, got 'toString'/,
  )
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 5, shape: 'inverse' })).toThrow(/final must be above 0/)
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 5, halfLife: 3 })).toThrow(/halfLife is for shape halving/)
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 0 })).toThrow(/wsd: decaySteps must be from 1 to 10, got 0/)
  expect(() => wsd({ peak: 1, steps: 10, warmupSteps: 11, decaySteps: 1 })).toThrow(
    /warmupSteps must be from 0 to 9, got 11/,
  )
  expect(() => cooldown(constant(1), { start: 5, steps: 0 })).toThrow(
    /cooldown: steps must be finite and at least 1, got 0/,
  )
  expect(() => cooldown(constant(1), { start: 5, steps: 5, final: 2 })).toThrow(/final must be from 0 to 1, got 2/)
  expect(() => polynomial({ from: 1, to: 0, steps: 5, power: 0 })).toThrow(RangeError)
  expect(() => exponential({ from: 1, rate: 1.1 })).toThrow(/rate must be greater than 0 and at most 1, got 1.1/)
  expect(() => cosineRestarts({ from: 1, steps: 5, growth: 0.5 })).toThrow(RangeError)
  expect(() => oneCycle({ peak: 1, steps: 100, warmupFraction: 1 })).toThrow(/warmupFraction must be below 1, got 1/)
  expect(() => oneCycle({ peak: 1, steps: 10, warmupFraction: 0.1 })).toThrow(/must be above 1/)
  expect(() => oneCycle({ peak: 1, steps: 10, anneal: 'cos' as never })).toThrow(/cosine or linear, got 'cos'/)
  expect(() => inverseSqrt({ peak: 1, warmupSteps: 0 })).toThrow(RangeError)
  expect(() => warmup(constant(1), 0)).toThrow(/warmup: steps must be finite and at least 1, got 0/)
  expect(() => warmup(constant(1), 5, 0, 'sqrt' as never)).toThrow(/linear, cosine, got 'sqrt'/)
  expect(() => constant(-1)).toThrow(/constant: value must be finite and at least 0, got -1/)
  expect(() => join([constant(1), constant(2)], [0])).toThrow(RangeError)
  expect(() => join([constant(1)], [5])).toThrow(/one boundary fewer/)
  expect(() => warmup(3 as never, 10)).toThrow(TypeError)
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => constant(1)(bad)).toThrow(RangeError)
  for (const bad of [null, 3, {}, { kind: 5 }]) expect(() => scheduleFromJSON(bad)).toThrow(TypeError)
  expect(() => scheduleFromJSON({ kind: 'constant', valve: 1 })).toThrow(/constant has no option 'valve'; it has value/)
  expect(() => scheduleFromJSON({ kind: 'constructor' })).toThrow(/unknown kind 'constructor'/)
  expect(() => scheduleFromJSON({ kind: 'warmup', steps: 3 })).toThrow(TypeError)
  let deep: any = { kind: 'constant', value: 1 }
  for (let i = 0; i < 1000; i++) deep = { kind: 'scale', factor: 1, schedule: deep }
  expect(() => scheduleFromJSON(deep)).toThrow(/deeper than 32/)
})

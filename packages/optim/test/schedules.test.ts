import { expect, describe as group, test } from 'vitest'
import {
  constant,
  cooldown,
  cosine,
  cosineRestarts,
  decayShapeNames,
  defineSchedule,
  describe,
  exponential,
  fromJSON,
  inverseSqrt,
  isDescribed,
  join,
  linear,
  llmJp3Recipes,
  llmJp3Schedule,
  llmJp4DecayStarts,
  llmJp4DecaySteps,
  llmJp4Schedule,
  oneCycle,
  plotSchedule,
  polynomial,
  type Schedule,
  scale,
  warmup,
  wsd,
} from '../src/index.ts'
import vectors from '../vectors/schedules.json' with { type: 'json' }

group('against Megatron-LM, PyTorch, Transformers and the papers', () => {
  test.each(
    vectors.map((v: any) => [`${v.source}: ${JSON.stringify({ ...v, points: undefined, source: undefined })}`, v]),
  )('%s', (_, v: any) => {
    const schedule = v.schedule
      ? fromJSON(v.schedule)
      : v.llmJp3
        ? llmJp3Schedule(v.llmJp3)
        : llmJp4Schedule(v.llmJp4, { decayEnd: v.decayEnd })
    expect(v.points.length).toBeGreaterThanOrEqual(200)
    // PyTorch updates its values from step to step, and so gathers a rounding error at each.
    const tolerance = v.source.startsWith('PyTorch') ? 1e-13 : 1e-15
    for (const [step, value] of v.points)
      if (!(Math.abs(schedule(step) - value) <= tolerance))
        throw new Error(`step ${step}: ${schedule(step)}, wanted ${value}`)
    const again = fromJSON(JSON.parse(JSON.stringify(describe(schedule))))
    for (const [step] of v.points) expect(again(step)).toBe(schedule(step))
  })
})

test("LLM-jp-4's decay branches leave one stable run", () => {
  const stable = llmJp4Schedule('8b')
  expect(llmJp4DecayStarts).toEqual([900_000, 1_900_000, 2_900_000])
  for (const start of llmJp4DecayStarts) {
    const branch = cooldown(stable, { start, steps: llmJp4DecaySteps })
    const preset = llmJp4Schedule('8b', { decayEnd: start + llmJp4DecaySteps })
    for (const step of [
      0,
      1999,
      2000,
      start - 1,
      start,
      start + 1,
      start + 50_000,
      start + 99_999,
      start + 100_000,
      5e6,
    ])
      expect(branch(step)).toBe(preset(step))
    expect([start, start + 25_000, start + 100_000].map(branch)).toEqual([3e-4, 1.5e-4, 0])
    expect(describe(branch)).toEqual(describe(preset))
  }
})

test('where the definitions of a decay differ', () => {
  const at = (shape: any, final: number, step: number, extra = {}) =>
    wsd({ peak: 1, final, steps: 100, decaySteps: 80, shape, ...extra })(step)
  // Megatron-LM's exponential is one halving stretched to end at the final value; MiniCPM's halves on and need not get there.
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

test('plotSchedule draws what it is given', () => {
  const one = plotSchedule(linear({ from: 0, to: 1, steps: 10 }), { steps: 10, width: 300, height: 200 })
  expect(one).toMatch(/^<svg xmlns="[^"]+" class="ks" viewBox="0 0 300 200"/)
  const d = /d="M([^"]+)"/
    .exec(one)![1]
    .split('L')
    .map((p) => p.split(',').map(Number))
  expect(d.length).toBe(11)
  expect(d[0]).toEqual([64, 156])
  expect(d[10][0]).toBe(280)
  for (let i = 1; i <= 10; i++) expect(d[i][1]).toBeLessThan(d[i - 1][1])
  const two = plotSchedule({ 'a < b & "c"': constant(1), b: () => 2 }, { steps: 5, title: 'x\n<y>' })
  expect(two).toContain('a &#60; b &#38; &#34;c&#34;')
  expect(two.match(/<path/g)!.length).toBe(2)
  expect(two).not.toMatch(/<y>|NaN|undefined/)
  expect(() => plotSchedule({}, { steps: 5 })).toThrow(/at least one schedule/)
  expect(() => plotSchedule(constant(1), { steps: 0 })).toThrow(/steps must be finite and at least 1, got 0/)
  expect(() => plotSchedule({ bad: () => Number.NaN }, { steps: 5 })).toThrow(/bad is NaN at step 0/)
  expect(() => plotSchedule({ bad: 3 as never }, { steps: 5 })).toThrow(TypeError)
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
    /decaySteps must be from 1 to 40, got 50/,
  )
  expect(() => wsd({ peak: 1, final: 2, steps: 10, decaySteps: 1 })).toThrow(/final must be from 0 to 1/)
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 1, shape: 'toString' as never })).toThrow(
    /minus_sqrt, 1-sqrt, halving, inverse, got 'toString'/,
  )
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 5, shape: 'inverse' })).toThrow(/final must be above 0/)
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 5, halfLife: 3 })).toThrow(/halfLife goes with shape halving/)
  expect(() => wsd({ peak: 1, steps: 10, decaySteps: 0 })).toThrow(/wsd: decaySteps must be from 1 to 10, got 0/)
  expect(() => wsd({ peak: 1, steps: 10, warmupSteps: 11, decaySteps: 1 })).toThrow(
    /warmupSteps must be from 0 to 9, got 11/,
  )
  expect(() => cooldown(constant(1), { start: 5, steps: 0 })).toThrow(
    /cooldown: steps must be finite and at least 1, got 0/,
  )
  expect(() => cooldown(constant(1), { start: 5, steps: 5, final: 2 })).toThrow(/final must be from 0 to 1, got 2/)
  expect(() => polynomial({ from: 1, to: 0, steps: 5, power: 0 })).toThrow(RangeError)
  expect(() => exponential({ from: 1, rate: 1.1 })).toThrow(/rate must be from .* to 1, got 1.1/)
  expect(() => cosineRestarts({ from: 1, steps: 5, growth: 0.5 })).toThrow(RangeError)
  expect(() => oneCycle({ peak: 1, steps: 100, warmupShare: 1 })).toThrow(/warmupShare must be below 1, got 1/)
  expect(() => oneCycle({ peak: 1, steps: 10, warmupShare: 0.1 })).toThrow(/must be above 1/)
  expect(() => oneCycle({ peak: 1, steps: 10, anneal: 'cos' as never })).toThrow(/cosine or linear, got 'cos'/)
  expect(() => inverseSqrt({ peak: 1, warmupSteps: 0 })).toThrow(RangeError)
  expect(() => warmup(constant(1), 0)).toThrow(/warmup: steps must be finite and at least 1, got 0/)
  expect(() => warmup(constant(1), 5, 0, 'sqrt' as never)).toThrow(/linear, cosine, got 'sqrt'/)
  expect(() => constant(-1)).toThrow(/constant: value must be finite and at least 0, got -1/)
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
  expect(() => llmJp4Schedule('8b', { decayEnd: 50_000 })).toThrow(
    /decayEnd must be from 102000 to 11999999, got 50000/,
  )
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

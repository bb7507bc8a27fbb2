/** Transforms around an optimizer: moment formats, ZClip, skipped non-finite gradients, training dynamics. */
import { compile, type Device, init, type Tensor, where } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  adamw,
  averageWeights,
  chain,
  clipGlobalNorm,
  epsilonShare,
  globalNorm,
  lion,
  type MatrixMethodArray,
  muon,
  type Optimizer,
  parameterGroups,
  sgd,
  skipNonFinite,
  updateToWeightRatio,
  withDynamics,
  zclip,
} from '../src/index.ts'

const backends = ['cpu', 'webgpu'] as const
const devices = {} as Record<(typeof backends)[number], Device>
beforeAll(async () => {
  for (const backend of backends) devices[backend] = await init({ backend })
})
afterAll(() => {
  for (const device of Object.values(devices)) device.dispose()
})

test('a tensor is an array object for every optimizer, by its type too', () => {
  const asArray = (t: Tensor): MatrixMethodArray<Tensor> => t
  expect(asArray(devices.cpu.tensor([1, 2])).shape).toEqual([2])
})

test('moments change their format under every wrapper, and the numbers with them stay those of the optimizer made so', () => {
  const params = { w: Float32Array.of(1, -2, 3), b: Float32Array.of(0.5) }
  const after = (optimizer: Optimizer) => {
    let state = optimizer.init(params)
    let next = params
    for (let step = 1; step <= 3; step++)
      ({ params: next, state } = optimizer.update(params, state, next, optimizer.scalars(step, 0.1)))
    return { next, state }
  }
  const around: ((inside: Optimizer) => Optimizer)[] = [
    (o) => o,
    (o) => chain(clipGlobalNorm(1), zclip(), o),
    (o) => skipNonFinite(withDynamics(o)),
    (o) => averageWeights(o, { decay: 0.9 }),
    (o) =>
      parameterGroups([
        { name: 'b', match: (path) => path === 'b', optimizer: lion() },
        { name: 'rest', optimizer: o },
      ]),
  ]
  for (const wrap of around) {
    const made = wrap(adamw({ momentDtype: 'bfloat16' }))
    const changed = wrap(adamw()).withMomentDtype!('bfloat16')
    expect(changed.name).toBe(made.name)
    if (made.name.startsWith('parameterGroups')) {
      expect(
        Object.values(changed.init(params)).every((tree: any) =>
          Object.values(tree).every((a) => a instanceof Uint16Array),
        ),
      ).toBe(true)
      continue
    }
    expect(after(changed)).toEqual(after(made))
    // Asking twice changes nothing; asking for another format than was said is refused.
    expect(after(changed.withMomentDtype!('bfloat16'))).toEqual(after(made))
    expect(() => made.withMomentDtype!('float32')).toThrow(
      /adamw: it was made with momentDtype bfloat16, but float32 is requested; set it in one place only/,
    )
  }
  expect(chain(clipGlobalNorm(1), muon()).withMomentDtype).toBeUndefined()
})

/** Norms that wander, with spikes. */
function norms(count: number): number[] {
  let x = 7
  const uniform = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) / 2 ** 32
  return Array.from(
    { length: count },
    (_, i) => (1 + 0.3 * uniform()) * (i === 12 || i % 37 === 36 ? 4 + 10 * uniform() : 1),
  )
}

/** ZClip as its paper and its authors' code have it, on numbers, with their branches. */
function zclipReference(values: readonly number[], threshold: number, alpha: number, warmup: number, maxNorm: number) {
  let mean = 0
  let variance = 0
  const seen: number[] = []
  return values.map((g) => {
    if (seen.length < warmup) {
      seen.push(g)
      if (seen.length === warmup) {
        mean = seen.reduce((a, b) => a + b) / warmup
        variance = seen.reduce((a, b) => a + (b - mean) ** 2, 0) / warmup
      }
      return g * Math.min(1, maxNorm / (g + 1e-6))
    }
    const deviation = Math.sqrt(variance)
    const z = (g - mean) / (deviation + 1e-6)
    const target = z > threshold ? mean + (threshold * deviation) / (z / threshold) : g
    const clip = Math.min(target, maxNorm)
    mean = alpha * mean + (1 - alpha) * target
    variance = alpha * variance + (1 - alpha) * (target - mean) ** 2
    return clip < g ? g * (clip / (g + 1e-6)) : g
  })
}

describe('zclip', () => {
  test.each([
    [2.5, 0.97, 25, Number.POSITIVE_INFINITY],
    [2, 0.9, 10, 1.25],
  ])(
    'threshold %d, alpha %d, warmup %d, maxNorm %d: as its authors have it',
    (threshold, alpha, warmupSteps, maxNorm) => {
      const values = norms(200)
      const optimizer = chain(zclip({ threshold, alpha, warmupSteps, maxNorm }), sgd())
      const wanted = zclipReference(values, threshold, alpha, warmupSteps, maxNorm)
      let state: any = optimizer.init([new Float64Array(2)])
      let clipped = 0
      values.forEach((g, i) => {
        const grads = [Float64Array.of(g * 0.6, g * 0.8)]
        const result = optimizer.update(grads, state, [new Float64Array(2)], optimizer.scalars(i + 1, 1))
        state = result.state
        // s + 1e-6 in place of s: see its docstring.
        expect(globalNorm(result.params) / wanted[i], `step ${i + 1}`).toBeCloseTo(1, 4)
        expect(result.metrics.gradNorm).toBeCloseTo(g, 12)
        if (wanted[i] < g * 0.99) clipped++
      })
      expect(clipped).toBeGreaterThan(3)
    },
  )

  test.each(backends)('on tensors (%s), where it reads nothing back', async (backend) => {
    const device = devices[backend]
    const optimizer = chain(zclip({ warmupSteps: 5, maxNorm: Number.POSITIVE_INFINITY }), sgd())
    const values = norms(40)
    const wanted = zclipReference(values, 2.5, 0.97, 5, Number.POSITIVE_INFINITY)
    const step = compile((s: any, g: Tensor, scalars: Record<string, number>) => {
      const { params, state, metrics } = optimizer.update({ w: g }, s, { w: g.zerosLike() }, scalars)
      return { norm: globalNorm(params) as Tensor, state, metrics }
    })
    let state: any = optimizer.init({ w: device.tensor([0, 0]) })
    for (const [i, g] of values.entries()) {
      const result = await step(state, device.tensor([g * 0.6, g * 0.8]), optimizer.scalars(i + 1, 1))
      state = result.state
      expect((await result.norm.item()) / wanted[i], `step ${i + 1}`).toBeCloseTo(1, 3)
    }
    expect(Object.keys(state.zclip)).toEqual(['mean', 'variance'])
  })

  test('wrong input is named', () => {
    expect(() => zclip({ threshold: 0 })).toThrow(/zclip: threshold/)
    expect(() => zclip({ alpha: 1 })).toThrow(/alpha must be at least 0 and below 1, got 1/)
    expect(() => zclip({ warmupSteps: 1 })).toThrow(/warmupSteps must be finite and at least 2, got 1/)
    expect(() => chain(zclip(), zclip(), sgd()).init([new Float32Array(1)])).toThrow(
      /two transforms have a state called 'zclip'/,
    )
  })
})

describe('skipNonFinite on tensors', () => {
  test.each(backends)('%s: parameters and state stay, the next step goes on', async (backend) => {
    const device = devices[backend]
    const optimizer = skipNonFinite(chain(clipGlobalNorm(1), adamw({ weightDecay: 0.1 })), { where })
    const plain = chain(clipGlobalNorm(1), adamw({ weightDecay: 0.1 }))
    const make = (o: typeof optimizer) =>
      compile((p: any, s: any, g: any, scalars: Record<string, number>) => o.update(g, s, p, scalars))
    const [step, plainStep] = [make(optimizer), make(plain)]
    let params: any = { w: device.tensor([1, -2, 3, 0.5], [2, 2]), b: device.tensor([1, 2]) }
    let state: any = optimizer.init(params)
    let [wantedParams, wantedState] = [params, state]
    const good = { w: device.tensor([0.1, 2, -3, 0.2], [2, 2]), b: device.tensor([3, 0.1]) }
    for (const [i, bad] of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 3e38, undefined].entries()) {
      const grads = bad === undefined ? good : { ...good, b: device.tensor([bad, 0.1]) }
      const scalars = optimizer.scalars(i + 1, 0.1)
      const result = await step(params, state, grads, scalars)
      ;({ params, state } = result)
      expect(await (result.metrics.skipped as Tensor).item(), `gradient ${bad}`).toBe(bad === undefined ? 0 : 1)
      if (bad === undefined)
        ({ params: wantedParams, state: wantedState } = await plainStep(wantedParams, wantedState, grads, scalars))
      for (const name of ['w', 'b']) {
        expect(await params[name].data(), `gradient ${bad}: ${name}`).toEqual(await wantedParams[name].data())
        for (const moment of ['expAvg', 'expAvgSq'])
          expect(await state[moment][name].data()).toEqual(await wantedState[moment][name].data())
      }
    }
  })
})

describe('training dynamics', () => {
  const params = { w: Float64Array.of(3, 4), b: Float64Array.of(0, 0) }
  const grads = { w: Float64Array.of(1e-5, 1e-7), b: Float64Array.of(1e-3, 0) }

  test('update-to-weight ratio', () => {
    expect(updateToWeightRatio(params, { w: Float64Array.of(3, 4.05), b: Float64Array.of(0, 0) })).toBeCloseTo(0.01, 12)
    const optimizer = withDynamics(sgd(), { perParameter: true })
    for (const inPlace of [false, true]) {
      const p = { w: params.w.slice(), b: params.b.slice() }
      const { metrics } = optimizer.update(grads, {}, p, optimizer.scalars(1, 100), { inPlace })
      expect(metrics.updateRatio).toBeCloseTo(Math.hypot(1e-3, 1e-5, 0.1) / 5, 12)
      expect(metrics['updateRatio.w']).toBeCloseTo(Math.hypot(1e-3, 1e-5) / 5, 12)
      expect(metrics.effectiveStep).toBeUndefined()
    }
  })

  test('the effective step is r / (r + epsilon)', () => {
    const optimizer = withDynamics(adamw({ epsilon: 1e-5 }), { perParameter: true })
    const { metrics } = optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 1))
    // After one step the bias-corrected second moment is the gradient squared.
    expect(metrics.effectiveStep).toBeCloseTo((1 / 2 + 1 / 101 + 100 / 101 + 0) / 4, 12)
    expect(metrics['effectiveStep.w']).toBeCloseTo((1 / 2 + 1 / 101) / 2, 12)
    expect(metrics['belowEpsilon.b']).toBe(1 / 2)
    expect(metrics['belowEpsilon.w']).toBeGreaterThanOrEqual(1 / 2) // 1e-5 itself is at the border
    expect(metrics.secondMomentRoot / Math.sqrt((1e-10 + 1e-14 + 1e-6) / 4)).toBeCloseTo(1, 12)
    const codes = adamw({ momentDtype: 'bfloat16' })
    const { state } = codes.update(grads, codes.init(params), params, codes.scalars(1, 1))
    expect(epsilonShare(state.expAvgSq, codes.scalars(1, 1).secondMomentCorrection, 1e-5).effectiveStep).toBeCloseTo(
      metrics.effectiveStep,
      2,
    )
    expect(() => withDynamics(adamw(), { epsilon: -1 })).toThrow(RangeError)
    expect(() => epsilonShare({}, 1, 1e-8)).toThrow(/no arrays/)
  })

  test.each(backends)('on tensors (%s)', async (backend) => {
    const device = devices[backend]
    const make = () => parameterGroups([{ name: 'all', optimizer: withDynamics(adamw({ epsilon: 1e-5 })) }])
    const small = { w: Float32Array.of(1e-3, 3e-5, 1e-6), b: Float32Array.of(2e-4) }
    const typed = make()
    const wanted = typed.update(small, typed.init(small), small, typed.scalars(1, 1e-5)).metrics
    const optimizer = make()
    const tensors = { w: device.tensor(small.w), b: device.tensor(small.b) }
    const step = compile((p: any, s: any, scalars: Record<string, number>) => {
      const { params, metrics } = optimizer.update(p, s, p, scalars)
      return { params, metrics }
    })
    const { metrics } = await step(tensors, optimizer.init(tensors), optimizer.scalars(1, 1e-5))
    expect(Object.keys(metrics).sort()).toEqual(Object.keys(wanted).sort())
    expect(Object.keys(wanted).length).toBe(4)
    for (const [name, value] of Object.entries(wanted))
      expect((await (metrics[name] as Tensor).item()) / value, name).toBeCloseTo(1, 3)
  })
})

describe('averageWeights', () => {
  test("a copy of the first update's parameters, then their moving average", async () => {
    const optimizer = averageWeights(sgd(), { decay: 0.9 })
    let params = { w: Float64Array.of(1, 2) }
    let state: any = optimizer.init(params)
    let wanted: number[] = []
    for (let step = 1; step <= 20; step++) {
      ;({ params, state } = optimizer.update(
        { w: Float64Array.of(step, -1) },
        state,
        params,
        optimizer.scalars(step, 0.1),
      ))
      const now = [...params.w]
      wanted = step === 1 ? now : wanted.map((a, i) => a * 0.9 + now[i] * 0.1)
    }
    for (const i of [0, 1]) expect(state.average.w[i]).toBeCloseTo(wanted[i], 12)

    const device = devices.cpu
    let tensors: any = { w: device.tensor([1, 2]) }
    let tensorState: any = optimizer.init(tensors)
    const step = compile((p: any, s: any, g: any, scalars: Record<string, number>) =>
      optimizer.update(g, s, p, scalars),
    )
    for (let i = 1; i <= 20; i++)
      ({ params: tensors, state: tensorState } = await step(
        tensors,
        tensorState,
        { w: device.tensor([i, -1]) },
        optimizer.scalars(i, 0.1),
      ))
    const average = await tensorState.average.w.data()
    for (const i of [0, 1]) expect(average[i]).toBeCloseTo(wanted[i], 5)
    expect(() => averageWeights(sgd(), { decay: 1 })).toThrow(/decay must be at least 0 and below 1, got 1/)
  })
})

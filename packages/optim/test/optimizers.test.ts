import { compile, type Device, init, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  adafactor,
  adamw,
  chain,
  clipGlobalNorm,
  clipValue,
  elementwiseOptimizer,
  lion,
  muon,
  type Optimizer,
  optimizers,
  parameterGroups,
  sgd,
} from '../src/index.ts'
import vectors from '../vectors/optimizers.json' with { type: 'json' }
import { FakeTensor } from './fake-tensor.ts'

const backends = ['cpu', 'webgpu'] as const
const devices = {} as Record<(typeof backends)[number], Device>
beforeAll(async () => {
  for (const backend of backends) devices[backend] = await init({ backend })
})
afterAll(() => {
  for (const device of Object.values(devices)) device.dispose()
})

type Shapes = Record<string, readonly number[]>
type Numbers = Record<string, number[]>
const shapes: Shapes = { w: [8, 8], b: [8] }

/** The generator of vectors/make.py. */
function generator(of: Shapes = shapes) {
  let x = 2024
  const uniform = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5
  return (scaled: boolean): Numbers =>
    Object.fromEntries(
      Object.entries(of).map(([name, shape]) => [
        name,
        Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) =>
          Math.fround(uniform() * (scaled ? 10 ** -(i % 5) : 1)),
        ),
      ]),
    )
}

function makeOptimizer(c: any, name: string, extra: object = {}): Optimizer {
  const everything = name.endsWith('masked') ? undefined : () => true
  const optimizer = optimizers[c.optimizer]({
    shapeOf: (path: string) => c.shapes[path],
    ...c.options,
    mask: name.endsWith('masked') ? (path: string) => path === 'w' : everything,
    ...extra,
  })
  return c.clip === null ? optimizer : chain(clipGlobalNorm(c.clip), optimizer)
}

/**
 * |actual - wanted| <= tolerance * max(|wanted[i]|, scale(i)). The scale is the magnitude of what is summed up to give the value: a float32 that
 * has come close to 0 by cancellation carries the rounding errors of its terms.
 */
function expectClose(
  actual: ArrayLike<number>,
  wanted: number[],
  tolerance: number,
  scale: (i: number) => number,
  what: string,
) {
  expect(actual.length, what).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++)
    if (!(Math.abs(actual[i] - wanted[i]) <= tolerance * Math.max(Math.abs(wanted[i]), scale(i))))
      throw new Error(`${what}[${i}]: ${actual[i]}, the vector has ${wanted[i]}, off by ${actual[i] - wanted[i]}`)
}

const rate = (step: number) => 0.01 * (1 - step / 200)

/** 100 steps on typed arrays; `each` sees the parameters and the state after every step. */
function runTyped(
  c: any,
  name: string,
  Type: typeof Float32Array | typeof Float64Array,
  each: (step: number, params: any, state: any, metrics: any) => void,
  extra: object = {},
) {
  const draw = generator(c.shapes)
  const tree = (numbers: Numbers): any =>
    Object.fromEntries(Object.entries(numbers).map(([k, v]) => [k, Type.from(v as any)]))
  const optimizer = makeOptimizer(c, name, extra)
  let params = tree(draw(false))
  let state: any = optimizer.init(params)
  for (let step = 1; step <= vectors.steps; step++) {
    const scalars = optimizer.scalars(step, rate(step))
    const result = optimizer.update(tree(draw(true)), state, params, scalars, { inPlace: step % 2 === 0 })
    ;({ params, state } = result)
    each(step, params, state, result.metrics)
  }
}

/** The same on tensors, each step compiled. */
async function runTensors(device: Device, c: any, name: string, extra: object = {}) {
  const draw = generator(c.shapes)
  const tree = (numbers: Numbers): any =>
    Object.fromEntries(Object.entries(numbers).map(([k, v]) => [k, device.tensor(Float32Array.from(v), c.shapes[k])]))
  const optimizer = makeOptimizer(c, name, extra)
  let params = tree(draw(false))
  let state: any = optimizer.init(params)
  const update = compile((p: any, s: any, g: any, scalars: Record<string, number>) => {
    const { params, state } = optimizer.update(g, s, p, scalars)
    return { params, state }
  })
  for (let step = 1; step <= vectors.steps; step++)
    ({ params, state } = await update(params, state, tree(draw(true)), optimizer.scalars(step, rate(step))))
  const read = async (t: any): Promise<any> => {
    const out: any = {}
    for (const [k, v] of Object.entries(t)) out[k] = 'dtype' in (v as any) ? await (v as Tensor).data() : await read(v)
    return out
  }
  return { params: await read(params), state: await read(state) }
}

const cases: [string, any][] = Object.entries(vectors.cases)

// Adafactor and Muon sum over rows, columns and products, and clipping sums over everything: tensors sum in another order than typed arrays.
const isBitwise = (c: any) => !['adafactor', 'muon'].includes(c.optimizer) && c.clip === null

/** The case of an optimizer that has the most of its formula, where that is not its first. */
const fullest: Record<string, string> = { sgd: 'sgd-momentum', adamw: 'adamw-clipped', adafactor: 'adafactor-matrices' }
const firstOf = (optimizer: string) => cases.find(([, c]) => c.optimizer === optimizer)![0]

/** Which cases run on tensors: on the processor those that are not held to the bits of typed arrays below, on WebGPU one for each optimizer. */
const tensorCases: Record<string, (name: string, c: any) => boolean> = {
  cpu: (_, c) => !isBitwise(c),
  webgpu: (name, c) => name === (fullest[c.optimizer] ?? firstOf(c.optimizer)),
}

test('every optimizer has its vectors', () => {
  const without = Object.keys(optimizers).filter((name) => !cases.some(([, c]) => c.optimizer === name))
  expect(without, 'each needs a case in vectors/make.py, which writes optimizers.json').toEqual([])
})

describe.each(cases)('%s against PyTorch or optax', (name, c) => {
  const coupled: number = /^(sgd|adam)$/.test(c.optimizer) ? (c.options.weightDecay ?? 0) : 0
  // Gradients have magnitude 10^-(i mod 5); where decay is added to them, they have that of the decayed parameter too.
  const gradient = (i: number) => 10 ** -(i % 5) + coupled

  test('float64 to 1e-12', () => {
    runTyped(c, name, Float64Array, (step, params, state, metrics) => {
      const wanted = c.rows[step]
      if (wanted === undefined) return
      for (const leaf of Object.keys(c.shapes)) {
        // Parameters start within 0.5 of 0 and each step moves them by up to 0.01.
        expectClose(params[leaf], wanted.params[leaf], 1e-12, () => 0.5, `step ${step}: ${leaf}`)
        for (const moment of Object.keys(wanted.state)) {
          if (wanted.state[moment][leaf] === undefined) continue
          const scale = (i: number) =>
            moment === 'expAvg' || moment === 'momentum' ? gradient(i) : coupled > 0 ? 0.01 * gradient(i) ** 2 : 0
          expectClose(state[moment][leaf], wanted.state[moment][leaf], 1e-12, scale, `step ${step}: ${moment}.${leaf}`)
        }
      }
      if (wanted.norm !== null) expect(metrics.gradNorm / wanted.norm).toBeCloseTo(1, 12)
    })
  })

  test('float32 to 1e-6', () => {
    runTyped(c, name, Float32Array, (step, params) => {
      if (step < vectors.steps) return
      for (const leaf of Object.keys(c.shapes))
        expectClose(params[leaf], c.float32[leaf], 1e-6, () => 0.5, `step ${step}: ${leaf}`)
    })
  })

  test.each(backends.filter((backend) => tensorCases[backend](name, c)))('tensors to 1e-6 (%s)', async (backend) => {
    const { params } = await runTensors(devices[backend], c, name)
    for (const leaf of Object.keys(c.shapes)) expectClose(params[leaf], c.float32[leaf], 1e-6, () => 0.5, leaf)
  })
})

const bitwise = cases.filter(([, c]) => isBitwise(c))

describe.each(bitwise)('%s: tensors and Float32Array agree to the last bit', (name, c) => {
  test.each(['float32', 'bfloat16'] as const)('moments in %s', async (momentDtype) => {
    let typed: any
    runTyped(c, name, Float32Array, (_, params, state) => (typed = { params, state }), { momentDtype })
    const tensors = await runTensors(devices.cpu, c, name, { momentDtype })
    expect(tensors.params).toEqual(typed.params)
    for (const [moment, tree] of Object.entries<any>(typed.state))
      for (const [leaf, values] of Object.entries<any>(tree)) {
        expect(values instanceof Uint16Array).toBe(momentDtype === 'bfloat16')
        const decoded =
          values instanceof Uint16Array ? new Float32Array(Uint32Array.from(values, (v) => v << 16).buffer) : values
        expect(tensors.state[moment][leaf], `${moment}.${leaf}`).toEqual(decoded)
      }
  })
})

describe('without WebAssembly', () => {
  test.each(bitwise)('%s gives the same bits', (name, c) => {
    const runs = [0, 1].map((without) => {
      const saved = globalThis.WebAssembly
      let last: any
      try {
        if (without) (globalThis as any).WebAssembly = undefined
        for (const momentDtype of ['float32', 'bfloat16'])
          runTyped(c, name, Float32Array, (_, params, state) => (last = [last?.[1], { params, state }]), {
            momentDtype,
          })
      } finally {
        globalThis.WebAssembly = saved
      }
      return last
    })
    expect(runs[1]).toEqual(runs[0])
  })

  test('special values, and lengths around the block', () => {
    const special = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-45, 3e38, -1e-30]
    for (const length of [1, 3, 4, 5, 4095, 4096, 4097, 9001]) {
      const params = Float32Array.from({ length }, (_, i) => Math.sin(i))
      const grads = Float32Array.from({ length }, (_, i) => special[i % special.length])
      const results = [0, 1].map((without) => {
        const saved = globalThis.WebAssembly
        try {
          if (without) (globalThis as any).WebAssembly = undefined
          return [adamw({ weightDecay: 0.1 }), lion({ weightDecay: 0.1 })].map((optimizer) => {
            const { params: p, state } = optimizer.update(
              grads,
              optimizer.init(params),
              params,
              optimizer.scalars(3, 0.1),
            )
            return { p, state }
          })
        } finally {
          globalThis.WebAssembly = saved
        }
      })
      expect(results[1], `length ${length}`).toEqual(results[0])
      expect(Number.isNaN(results[0][1].p[2] ?? Number.NaN)).toBe(true) // Lion: the sign of a NaN is one
    }
  })
})

describe('the optimizer interface', () => {
  test('in place writes into the given arrays and allocates none', () => {
    const params = { layers: [{ w: Float32Array.of(1, 2) }, { w: new Float32Array(3000).fill(3) }] }
    const grads = { layers: [{ w: Float32Array.of(1, 1) }, { w: new Float32Array(3000).fill(-1) }] }
    const optimizer = adamw()
    const state = optimizer.init(params)
    const result = optimizer.update(grads, state, params, optimizer.scalars(1, 0.1), { inPlace: true })
    expect(result.params.layers[1].w).toBe(params.layers[1].w)
    expect(result.state.expAvg.layers[0].w).toBe(state.expAvg.layers[0].w)
    expect(params.layers[1].w[2999]).toBeCloseTo(3 * (1 - 0.001) + 0.1, 6)
    const fresh = optimizer.update(grads, state, params, optimizer.scalars(2, 0.1))
    expect(fresh.params.layers[1].w).not.toBe(params.layers[1].w)
  })

  test('the default mask decays matrices of array objects, and every typed array', () => {
    const params = { matrix: new FakeTensor([1, 1], [1, 2]), vector: new FakeTensor([1], [1]) }
    const grads = { matrix: new FakeTensor([0, 0], [1, 2]), vector: new FakeTensor([0], [1]) }
    const optimizer = adamw({ weightDecay: 0.5 })
    const next = optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 0.5)).params
    expect([...next.matrix.values, ...next.vector.values]).toEqual([0.75, 0.75, 1])
    const paths: string[] = []
    const spy = lion({ weightDecay: 0.1, mask: (path) => paths.push(path) > 0 })
    const nested = { layers: [{ attention: { q: Float32Array.of(1) } }] }
    spy.update(nested, spy.init(nested), nested, spy.scalars(1, 0.1))
    expect(paths).toEqual(['layers.0.attention.q'])
  })

  test('bfloat16 parameters stay bfloat16, their moments are float32', () => {
    const params = { w: new FakeTensor([1, 2], [1, 2], 'bfloat16') }
    const grads = { w: new FakeTensor([0.1, 0.2], [1, 2], 'bfloat16') }
    const optimizer = chain(clipGlobalNorm(1), adamw())
    const state = optimizer.init(params)
    const result = optimizer.update(grads, state, params, optimizer.scalars(1, 0.1))
    expect(result.params.w.dtype).toBe('bfloat16')
    expect(result.state.expAvg.w.dtype).toBe('float32')
    expect([...result.params.w.values]).toEqual([0.8984375, 1.8984375])
  })

  test('an AdamW step is few operations', () => {
    const params = { w: new FakeTensor([1, 2], [2, 1]) }
    const optimizer = adamw()
    const state = optimizer.init(params)
    FakeTensor.operations = 0
    optimizer.update(params, state, params, optimizer.scalars(1, 0.1))
    expect(FakeTensor.operations).toBe(14)
  })

  test('a rule of one own becomes an optimizer', () => {
    const signSgd = elementwiseOptimizer({
      name: 'signSgd',
      moments: [],
      scalars: (_, learningRate) => ({ learningRate }),
      update: (ops, p, g, _, { learningRate }) => [ops.subScaled(p, 1, ops.sign(g), learningRate)],
    })
    const params = [Float32Array.of(1, 1, 1)]
    const next = signSgd.update([Float32Array.of(5, 0, -2)], {}, params, signSgd.scalars(1, 0.5)).params
    expect([...next[0]]).toEqual([0.5, 1, 1.5])
    const careless = elementwiseOptimizer({
      name: 'careless',
      moments: [],
      scalars: (_, learningRate) => ({ learningRate }),
      update: (ops, p, g, _, scalars) => [ops.subScaled(p, 1, g, 2 * (scalars.learningRate as number))],
    })
    expect(() => careless.update(params, {}, params, careless.scalars(1, 0.5))).toThrow(/only through ops/)
  })

  test('parameter groups: each group is as if it were alone', () => {
    const tree = () => ({
      layers: [{ w: Float32Array.of(1, 2, 3, 4), norm: Float32Array.of(1, 1) }],
      embedding: Float32Array.of(5, 6),
    })
    const grads = {
      layers: [{ w: Float32Array.of(1, -2, 3, 4), norm: Float32Array.of(1, 2) }],
      embedding: Float32Array.of(-1, 3),
    }
    const hidden = muon({ shapeOf: () => [2, 2] })
    const rest = adamw({ weightDecay: 0.2, momentDtype: 'bfloat16' })
    const optimizer = chain(
      clipValue(2),
      parameterGroups([
        { name: 'hidden', match: (path) => path.endsWith('.w'), optimizer: hidden },
        {
          name: 'norms',
          match: (path) => path.endsWith('norm'),
          optimizer: sgd({ momentum: 0.9 }),
          learningRateScale: 0,
        },
        { name: 'rest', optimizer: rest, learningRateScale: 0.5 },
      ]),
    )
    let params = tree()
    let state = optimizer.init(params)
    let w = { w: tree().layers[0].w }
    let wState = hidden.init(w)
    let e = { e: tree().embedding }
    let eState = rest.init(e)
    for (let step = 1; step <= 3; step++) {
      ;({ params, state } = optimizer.update(grads, state, params, optimizer.scalars(step, 0.1), {
        inPlace: step === 2,
      }))
      ;({ params: w, state: wState } = hidden.update(
        { w: Float32Array.of(1, -2, 2, 2) },
        wState,
        w,
        hidden.scalars(step, 0.1),
      ))
      ;({ params: e, state: eState } = rest.update({ e: Float32Array.of(-1, 2) }, eState, e, rest.scalars(step, 0.05)))
    }
    expect(params.layers[0].w).toEqual(w.w)
    expect(params.layers[0].norm).toEqual(Float32Array.of(1, 1))
    expect(params.embedding).toEqual(e.e)
    expect(Object.keys(state)).toEqual(['hidden.momentum', 'norms.momentum', 'rest.expAvg', 'rest.expAvgSq'])
    expect(() => parameterGroups([{ name: 'a', match: () => false, optimizer: sgd() }]).init(params)).toThrow(
      /no group matches layers.0.w/,
    )
    expect(() => parameterGroups([])).toThrow(/at least one group/)
    expect(() => parameterGroups([0, 1].map(() => ({ name: 'a', optimizer: sgd() })))).toThrow(
      /two groups are called a/,
    )
    expect(() => parameterGroups([{ name: 'a', optimizer: sgd(), learningRateScale: -1 }])).toThrow(RangeError)
  })

  test('parameter groups on tensors, compiled', async () => {
    const optimizer = parameterGroups([
      { name: 'matrices', match: (_, leaf) => leaf.shape.length === 2, optimizer: adafactor() },
      { name: 'vectors', optimizer: lion() },
    ])
    const values = { w: Float32Array.of(1, 2, 3, 4, 5, 6), b: Float32Array.of(1, 2) }
    const typed = parameterGroups([
      { name: 'matrices', match: (path) => path === 'w', optimizer: adafactor({ shapeOf: () => [2, 3] }) },
      { name: 'vectors', optimizer: lion() },
    ])
    const wanted = typed.update(values, typed.init(values), values, typed.scalars(1, 0.1)).params
    const device = devices.cpu
    const params = { w: device.tensor(values.w, [2, 3]), b: device.tensor(values.b, [2]) }
    const step = compile((p: typeof params, s: any, scalars: Record<string, number>) =>
      optimizer.update(p, s, p, scalars),
    )
    const result = await step(params, optimizer.init(params), optimizer.scalars(1, 0.1))
    expect(await result.params.b.data()).toEqual(wanted.b)
    const w = await result.params.w.data()
    w.forEach((x, i) => {
      expect(x).toBeCloseTo(wanted.w[i], 6)
    })
    expect((result.state['matrices.rowVariance'] as any).w.shape).toEqual([2, 1])
  })

  test('adafactor takes leading dimensions as one', () => {
    const values = Float64Array.from({ length: 24 }, (_, i) => Math.sin(i + 1))
    const grads = Float64Array.from({ length: 24 }, (_, i) => Math.cos(3 * i))
    const [deep, flat] = [
      [2, 3, 4],
      [6, 4],
    ].map((shape) => {
      const optimizer = adafactor({ shapeOf: () => shape })
      return optimizer.update([grads], optimizer.init([values]), [values], optimizer.scalars(1, 0.1)).params[0]
    })
    expect(deep).toEqual(flat)
  })

  test('wrong input is named', () => {
    const params = { a: { w: Float32Array.of(1, 2) } }
    const optimizer = adamw()
    const state = optimizer.init(params)
    const scalars = optimizer.scalars(1, 0.1)
    expect(() => adamw({ beta2: 1 })).toThrow(/adamw: beta2 must be at least 0 and below 1, got 1/)
    expect(() => adamw({ epsilon: Number.NaN })).toThrow(RangeError)
    expect(() => adamw({ beta1: 1 })).toThrow(/adamw: beta1 must be at least 0 and below 1, got 1/)
    expect(() => adamw({ weightDecay: -0.1 })).toThrow(/adamw: weightDecay must be finite and at least 0, got -0.1/)
    expect(() => adamw({ momentDtype: 'float16' as never })).toThrow(
      /momentDtype must be float32 or bfloat16, got 'float16'/,
    )
    expect(() => optimizer.update(params, adamw({ momentDtype: 'bfloat16' }).init(params), params, scalars)).toThrow(
      /state.expAvg.a.w is Uint16Array where momentDtype is not bfloat16/,
    )
    expect(() => sgd({ momentum: 1 })).toThrow(/sgd: momentum must be at least 0 and below 1, got 1/)
    expect(() => lion({ beta2: -1 })).toThrow(RangeError)
    expect(() => adafactor({ beta2Decay: 0 })).toThrow(/beta2Decay must be above -1 and below 0, got 0/)
    expect(() => adafactor({ clippingThreshold: 0 })).toThrow(/must be finite and greater than 0, got 0/)
    expect(() => adafactor({ shapeOf: () => [3] }).init(params)).toThrow(
      /params.a.w has 2 elements, which does not fit shape \[3\]/,
    )
    expect(() => muon({ momentum: 1 })).toThrow(/muon: momentum must be at least 0 and below 1, got 1/)
    expect(() => muon({ newtonSchulzSteps: 100 })).toThrow(/from 1 to 99, got 100/)
    expect(() => muon({ scaling: 'rms' as never })).toThrow(/original, match_rms_adamw, got 'rms'/)
    expect(() => muon({ coefficients: [1, 2] as never })).toThrow(/three finite numbers/)
    expect(() => muon().init(params)).toThrow(
      /muon: params.a.w must have two dimensions, got \[2\]; give it another optimizer/,
    )
    expect(() => muon().init({ w: new FakeTensor([1], [1]) })).toThrow(/FakeTensor lacks matmul, transpose, reshape/)
    const factored = adafactor()
    expect(() => factored.update(params, {}, params, factored.scalars(1, 0.1))).toThrow(/state.variance has no a.w/)
    expect(() => factored.update(params, factored.init(params), params, {})).toThrow(/scalars.factor is missing/)
    expect(() =>
      factored.update({ a: { w: Float32Array.of(1) } }, factored.init(params), params, factored.scalars(1, 0.1)),
    ).toThrow(/grads.a.w has 1 elements/)
    expect(() => sgd({ nesterov: true })).toThrow(/momentum above 0/)
    expect(() => optimizer.scalars(0, 0.1)).toThrow(/step must be finite and at least 1, got 0/)
    expect(() => optimizer.scalars(1, -1)).toThrow(RangeError)
    expect(() => optimizer.init({ w: [1, 2] } as any)).toThrow(/params.w.0: expected a Float32Array/)
    expect(() => optimizer.init({ w: Object.assign(new Date(), { shape: [1], add() {} }) })).toThrow(
      /params.w: Date has a shape but lacks sub, mul/,
    )
    expect(() => optimizer.update({ a: {} } as any, state, params, scalars)).toThrow(
      /grads.a.w is undefined where params.a.w is Float32Array/,
    )
    expect(() => optimizer.update({ a: { w: Float32Array.of(1) } }, state, params, scalars)).toThrow(
      /grads.a.w has 1 elements where params.a.w has 2/,
    )
    expect(() => optimizer.update({ a: { w: Float64Array.of(1, 2) } } as any, state, params, scalars)).toThrow(
      /grads.a.w is Float64Array where params.a.w is Float32Array/,
    )
    expect(() => optimizer.update(params, {}, params, scalars)).toThrow(/state.expAvg is undefined/)
    expect(() => optimizer.update(params, state, params, {})).toThrow(/scalars.decay is missing/)
    expect(() => chain(clipGlobalNorm(1) as any)).toThrow(TypeError)
  })
})

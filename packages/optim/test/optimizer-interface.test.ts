/**
 * What all optimizers share: in-place updates, masks, dtypes, parameter groups, custom rules, errors of wrong input.
 */
import { compile, init } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import {
  adafactor,
  adamw,
  chain,
  clipGlobalNorm,
  clipValue,
  elementwiseOptimizer,
  lion,
  muon,
  parameterGroups,
  sgd,
} from '../src/index.ts'
import { FakeTensor } from './fake-tensor.ts'

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
  expect(() => parameterGroups([0, 1].map(() => ({ name: 'a', optimizer: sgd() })))).toThrow(/two groups are called a/)
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
  using device = await init({ backend: 'cpu' })
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

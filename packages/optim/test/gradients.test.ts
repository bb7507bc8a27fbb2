/** Gradient norms, clipping, accumulation, moving averages and trees of parameters. */
import { expect, test } from 'vitest'
import {
  accumulate,
  adamw,
  averageWeights,
  chain,
  clipGlobalNorm,
  clipGradNorm,
  clipGradValue,
  clipValue,
  ema,
  globalNorm,
  leavesOf,
  mapTree,
  type Optimizer,
  type OptimizerState,
  parameterGroups,
  sgd,
  skipNonFinite,
  withDynamics,
  zclip,
} from '../src/index.ts'
import { FakeTensor } from './fake-tensor.ts'

test('globalNorm and clipGradNorm on typed arrays', () => {
  const grads = { a: Float32Array.of(3, 0, 0), b: [Float32Array.of(0, 4)] }
  expect(globalNorm(grads)).toBe(5)
  const { grads: clipped, norm } = clipGradNorm(grads, 1)
  expect(norm).toBe(5)
  expect(globalNorm(clipped)).toBeCloseTo(1, 5)
  expect(grads.a[0]).toBe(3)
  expect(clipGradNorm(grads, 10).grads).toBe(grads)
  clipGradNorm(grads, 1, { inPlace: true })
  expect(grads.a[0]).toBeCloseTo(0.6, 5)
  expect(() => clipGradNorm(grads, 0)).toThrow(RangeError)
  expect(() => globalNorm({})).toThrow(/no arrays/)
  expect(() => globalNorm([Float32Array.of(1), Float64Array.of(1)])).toThrow(TypeError)
})

test('clipping of array objects stays on the device', () => {
  const grads = { a: new FakeTensor([3, 0], [2]), b: new FakeTensor([4], [1]) }
  const { grads: clipped, norm } = clipGradNorm(grads, 1)
  expect(norm).toBeInstanceOf(FakeTensor)
  expect(norm.values[0]).toBe(5)
  expect(globalNorm(clipped).values[0]).toBeCloseTo(1, 5)
  expect([...clipGradNorm(grads, 100).grads.a.values]).toEqual([3, 0])
  expect([...clipGradValue(grads, 2).b.values]).toEqual([2])
})

test('clipGradValue, in a chain too', () => {
  expect([...clipGradValue([Float32Array.of(-5, 0.5, 5)], 1)[0]]).toEqual([-1, 0.5, 1])
  const optimizer = chain(clipValue(1), clipGlobalNorm(10), sgd())
  const params = Float32Array.of(0, 0)
  const result = optimizer.update(Float32Array.of(-7, 7), optimizer.init(params), params, optimizer.scalars(1, 1))
  expect([...result.params]).toEqual([1, -1])
  expect(result.metrics.gradNorm).toBeCloseTo(Math.SQRT2, 12)
  expect(optimizer.name).toBe('clipValue(1) > clipGlobalNorm(10) > sgd')
})

test('accumulate gives the mean over micro-batches', () => {
  const micro = [1, 2, 6].map((x) => ({ w: new Float32Array(5000).fill(x) }))
  let sum: { w: Float32Array } | undefined
  for (const grads of micro) sum = accumulate(sum, grads, 1 / 3, { inPlace: true })
  expect(sum!.w[4999]).toBeCloseTo(3, 6)
  expect(micro[0].w[0]).toBe(1)
  expect(() => accumulate(sum, { w: new Float32Array(2) })).toThrow(/grads.w has 2 elements where sum.w has 5000/)
})

test('ema', () => {
  const average = ema({ w: Float64Array.of(1) }, { w: Float64Array.of(2) }, 0.9)
  expect(average.w[0]).toBeCloseTo(1.1, 15)
  expect(ema([new FakeTensor([1], [1])], [new FakeTensor([2], [1])], 0.5)[0].values[0]).toBe(1.5)
  expect(() => ema([], [], 1)).toThrow(RangeError)
})

test('skipNonFinite leaves everything as it was', () => {
  const optimizer = skipNonFinite(adamw())
  const params = { w: Float32Array.of(1, 2) }
  const state = optimizer.init(params)
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const result = optimizer.update({ w: Float32Array.of(bad, 0) }, state, params, optimizer.scalars(1, 0.1), {
      inPlace: true,
    })
    expect(result.params).toBe(params)
    expect(result.metrics.skipped).toBe(1)
    expect([...params.w, ...state.expAvg.w]).toEqual([1, 2, 0, 0])
  }
  expect(optimizer.update({ w: Float32Array.of(1, 0) }, state, params, optimizer.scalars(1, 0.1)).metrics.skipped).toBe(
    0,
  )
  const tensors = { w: new FakeTensor([1], [1]) }
  const update = (o: typeof optimizer) => o.update(tensors, o.init(tensors), tensors, o.scalars(1, 0.1))
  expect(() => update(optimizer)).toThrow(/give \{ where \}/)
  expect(() => update(skipNonFinite(adamw(), { where: (_, a) => a }))).toThrow(/lacks the method less/)
})

test('an optimizer may be an object of a class, inside every wrapper', () => {
  class Halving implements Optimizer {
    readonly name = 'halving'
    init() {
      return {}
    }
    scalars(_: number, learningRate: number) {
      return { learningRate }
    }
    update<P>(_: P, state: OptimizerState<P>, params: P) {
      return { params: mapTree(params, (p) => p.map((x: number) => x / 2)), state, metrics: {} }
    }
  }
  const wrapped = averageWeights(
    withDynamics(skipNonFinite(chain(zclip(), parameterGroups([{ name: 'all', optimizer: new Halving() }])))),
    { decay: 0.9 },
  )
  const params = { w: Float32Array.of(8) }
  const result = wrapped.update(params, wrapped.init(params), params, wrapped.scalars(1, 0.1))
  expect([result.params.w[0], result.state.average.w[0], result.metrics.updateRatio]).toEqual([4, 4, 0.5])
  expect(Object.keys(result.state)).toEqual(['zclip', 'average'])
})

test('trees: order of insertion, paths, no prototype tricks', () => {
  const tree = { z: 1, a: [2, { c: 3 }] }
  expect(leavesOf(tree)).toEqual([
    { path: 'z', leaf: 1 },
    { path: 'a.0', leaf: 2 },
    { path: 'a.1.c', leaf: 3 },
  ])
  expect(mapTree(tree, (x) => x * 2)).toEqual({ z: 2, a: [4, { c: 6 }] })
  const hostile = JSON.parse('{"__proto__": 1}')
  expect(Object.keys(mapTree(hostile, (x) => x))).toEqual(['__proto__'])
  expect(mapTree([], (x) => x)).toEqual([])
})

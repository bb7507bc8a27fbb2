import { describe, expect, test } from 'vitest'
import {
  adamw,
  chain,
  clipGlobalNorm,
  elementwiseOptimizer,
  lion,
  type Optimizer,
  optimizers,
  sgd,
} from '../src/index.ts'
import vectors from '../vectors/optimizers.json' with { type: 'json' }
import { FakeTensor } from './fake-tensor.ts'

const shapes: Record<string, number[]> = { w: [8, 8], b: [8] }
type Numbers = Record<string, number[]>

/** The generator of vectors/make.py. */
function generator() {
  let x = 2024
  const uniform = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5
  return (scaled: boolean): Numbers =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) =>
          Math.fround(uniform() * (scaled ? 10 ** -(i % 5) : 1)),
        ),
      ]),
    )
}

const kinds = {
  float32: { make: (v: number[]) => Float32Array.from(v), read: (a: Float32Array) => [...a], tolerance: 1e-6 },
  float64: { make: (v: number[]) => Float64Array.from(v), read: (a: Float64Array) => [...a], tolerance: 1e-12 },
  tensor: {
    make: (v: number[]) => new FakeTensor(v, v.length === 64 ? [8, 8] : [8]),
    read: (a: FakeTensor) => [...a.values],
    // It rounds to float32 after every operation, as PyTorch does, whose own float32 is off by up to 6e-7 (`float32Error`).
    tolerance: 2e-6,
  },
}

function makeOptimizer(c: { optimizer: string; options: object; clip: number | null }, name: string): Optimizer {
  const everything = name.endsWith('masked') ? undefined : () => true
  const optimizer = optimizers[c.optimizer]({
    ...c.options,
    mask: name.endsWith('masked') ? (path: string) => path === 'w' : everything,
  })
  return c.clip === null ? optimizer : chain(clipGlobalNorm(c.clip), optimizer)
}

/**
 * |actual - wanted| <= tolerance * max(|wanted[i]|, scale(i)). The scale is the magnitude of what is summed up to give the value: a float32 that
 * has come close to 0 by cancellation carries the rounding errors of its terms.
 */
function expectClose(
  actual: number[],
  wanted: number[],
  tolerance: number,
  scale: (i: number) => number,
  what: string,
) {
  for (let i = 0; i < wanted.length; i++)
    if (!(Math.abs(actual[i] - wanted[i]) <= tolerance * Math.max(Math.abs(wanted[i]), scale(i))))
      throw new Error(`${what}[${i}]: ${actual[i]}, PyTorch ${wanted[i]}, off by ${actual[i] - wanted[i]}`)
}

describe.each(Object.entries(vectors.cases))('%s against PyTorch', (name, c) => {
  test.each(['float32', 'float64', 'tensor'] as const)('%s', (kindName) => {
    const kind = kinds[kindName]
    const coupled: number = /^(sgd|adam)$/.test(c.optimizer) ? ((c.options as any).weightDecay ?? 0) : 0
    const golden: any = c.rows
    const draw = generator()
    const tree = (numbers: Numbers): any =>
      Object.fromEntries(Object.entries(numbers).map(([k, v]) => [k, (kind.make as any)(v)]))
    const optimizer = makeOptimizer(c as any, name)
    let params = tree(draw(false))
    let state: any = optimizer.init(params)
    for (let step = 1; step <= vectors.steps; step++) {
      const numbers = optimizer.scalars(step, 0.01 * (1 - step / 200))
      const scalars =
        kindName === 'tensor'
          ? Object.fromEntries(Object.entries(numbers).map(([k, v]) => [k, new FakeTensor([v], [])]))
          : numbers
      const result = optimizer.update(tree(draw(true)), state, params, scalars, { inPlace: step % 2 === 0 })
      ;({ params, state } = result)
      const wanted = golden[step]
      if (wanted === undefined) continue
      for (const leaf of ['w', 'b']) {
        const read = (a: any) => (kind.read as any)(a) as number[]
        // Parameters start within 0.5 of 0 and each step moves them by up to 0.01.
        expectClose(read(params[leaf]), wanted.params[leaf], kind.tolerance, () => 0.5, `step ${step}: ${leaf}`)
        for (const moment of Object.keys(wanted.state))
          expectClose(
            read(state[moment][leaf]),
            wanted.state[moment][leaf],
            kind.tolerance,
            // Gradients have magnitude 10^-(i mod 5); where decay is added to them, they have that of the decayed parameter too.
            (i) => {
              if (moment !== 'expAvgSq') return 10 ** -(i % 5) + coupled
              return coupled > 0 ? 0.01 * (10 ** -(i % 5) + coupled) ** 2 : 0
            },
            `step ${step}: ${moment}.${leaf}`,
          )
      }
      if (wanted.norm !== null) {
        const norm = result.metrics.gradNorm
        expect((typeof norm === 'number' ? norm : norm.values[0]) / wanted.norm).toBeCloseTo(1, 6)
      }
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
  })

  test('wrong input is named', () => {
    const params = { a: { w: Float32Array.of(1, 2) } }
    const optimizer = adamw()
    const state = optimizer.init(params)
    const scalars = optimizer.scalars(1, 0.1)
    expect(() => adamw({ beta2: 1 })).toThrow(/adamw: beta2 must be at least 0 and below 1, got 1/)
    expect(() => adamw({ epsilon: Number.NaN })).toThrow(RangeError)
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

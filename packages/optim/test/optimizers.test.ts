/** Every optimizer against PyTorch or optax, on typed arrays and on tensors. */
import { compile, type Device, init, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adamw, chain, clipGlobalNorm, lion, type Optimizer, optimizers } from '../src/index.ts'
import vectors from '../vectors/optimizers.json' with { type: 'json' }

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
 * |actual - wanted| <= tolerance * max(|wanted[i]|, scale(i)). The scale is the magnitude of the terms whose sum the
 * value is: a float32 that is near 0 by cancellation carries the rounding errors of its terms.
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

// Adafactor and Muon sum over rows, columns and products, and clipping sums over everything: tensors sum in another
// order than typed arrays.
const isBitwise = (c: any) => !['adafactor', 'muon'].includes(c.optimizer) && c.clip === null

/** The case of an optimizer that has the most of its formula, where that is not its first. */
const fullest: Record<string, string> = { sgd: 'sgd-momentum', adamw: 'adamw-clipped', adafactor: 'adafactor-matrices' }
const firstOf = (optimizer: string) => cases.find(([, c]) => c.optimizer === optimizer)![0]

/**
 * Which cases run on tensors: on the processor those that are not held to the bits of typed arrays below, on WebGPU one
 * for each optimizer.
 */
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

/** Elementwise operations fused into kernels: the plan, and results equal to the definition's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  cast,
  compile,
  concatenate,
  type Device,
  init,
  matmul,
  mean,
  mul,
  silu,
  square,
  sum,
  type Tensor,
} from '../src/index.ts'

let device: Device
let reference: Device
beforeAll(async () => {
  device = await init({ backend: 'webgpu' })
  reference = await init({ backend: 'reference' })
})
afterAll(() => {
  device.dispose()
  reference.dispose()
})

const wave = (n: number, f: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * f))

interface Case {
  readonly name: string
  readonly f: (x: Tensor, w: Tensor, v: Tensor, bias: Tensor) => Tensor[]
  /** Kernels of the plan, by name, sorted. */
  readonly kernels: readonly string[]
  readonly tolerance?: number
}

const cases: Case[] = [
  {
    name: 'bias, activation and residual follow a product',
    f: (x, w, v, bias) => [silu(matmul(x, w).add(bias)).add(v)],
    kernels: ['matmul into add+sigmoid+mul+add'],
  },
  {
    name: 'a cast follows a product',
    f: (x, w) => [cast(matmul(x, w), 'bfloat16')],
    kernels: ['matmul into cast'],
    tolerance: 2 ** -8,
  },
  {
    name: 'of two products that meet, one takes the meeting',
    f: (x, w, v) => [mul(silu(matmul(x, w)), matmul(v, w))],
    kernels: ['matmul', 'matmul into sigmoid+mul+mul'],
  },
  {
    name: 'a product that others read is stored as well',
    f: (x, w, v) => {
      const y = matmul(x, w)
      return [y.add(v), sum(matmul(y, w), -1)]
    },
    kernels: ['matmul', 'matmul into add', 'sum'],
  },
  {
    name: 'work that reads a product transposed stays outside',
    f: (x, w) => [matmul(x, w).swapAxes(0, 1).add(matmul(w, x))],
    kernels: ['matmul', 'matmul into add'],
  },
  {
    name: 'work that needs the product twice over, through another kernel, stays outside',
    f: (x, w) => {
      const y = matmul(x, w)
      return [y.add(sum(y, 0))]
    },
    kernels: ['add', 'matmul', 'sum'],
  },
  {
    name: 'squares are summed as they are made',
    f: (x) => [sum(square(x)), mean(square(x.sub(1)), -1)],
    kernels: ['square into sum', 'sub+square into sum', 'mul'],
  },
  {
    name: 'work that somebody else reads too is stored once',
    f: (x) => {
      const y = square(x)
      return [sum(y), y.add(1)]
    },
    kernels: ['square+add', 'sum'],
  },
  {
    name: 'columns are summed as they are made, rounded where the work rounds',
    f: (x, _w, v) => [sum(cast(mul(x, v), 'bfloat16'), 0)],
    kernels: ['mul+cast into sum'],
    tolerance: 2 ** -6,
  },
]

describe('fusion into kernels', () => {
  test.each(cases)('$name', async ({ f, kernels, tolerance = 1e-5 }) => {
    const run = async (d: Device) => {
      const step = compile((x: Tensor, w: Tensor, v: Tensor, bias: Tensor) => f(x, w, v, bias))
      const results = await step(
        d.tensor(wave(64 * 64, 0.7), [64, 64]),
        d.tensor(wave(64 * 64, 1.3), [64, 64]),
        d.tensor(wave(64 * 64, 0.3), [64, 64]),
        d.tensor(wave(64, 2), [64]),
      )
      return { values: await Promise.all(results.map((t) => t.data())), plan: step.explain() }
    }
    const expected = (await run(reference)).values
    const { values, plan } = await run(device)
    const names = [...plan.matchAll(/^ *\d+ {2}.* = (.*?)\(/gm)].map((m) => m[1]).sort()
    expect(names).toEqual([...kernels].sort())
    values.forEach((value, i) => {
      const scale = Math.max(...Array.from(expected[i], Math.abs))
      value.forEach((x, e) => {
        expect(Math.abs(x - expected[i][e])).toBeLessThanOrEqual(tolerance * scale)
      })
    })
  })

  test('a donated argument that the work reads is written in place, one the product reads is not', async () => {
    const step = compile((p: Tensor, x: Tensor) => p.sub(matmul(x, x).mul(0.1)), { donate: [0] })
    const make = (d: Device) =>
      [d.tensor(wave(64 * 64, 0.7), [64, 64]), d.tensor(wave(64 * 64, 1.3), [64, 64])] as const
    const actual = await (await step(...make(device))).data()
    expect(step.memory().outputBytes).toBe(0)
    const expected = await (await step(...make(reference))).data()
    actual.forEach((x, i) => {
      expect(Math.abs(x - expected[i])).toBeLessThan(1e-4)
    })
    const square_ = compile((x: Tensor) => x.sub(matmul(x, x).mul(0.1)), { donate: [0] })
    const a = await (await square_(make(device)[1])).data()
    expect(square_.memory().outputBytes).toBe(64 * 64 * 4)
    const b = await (await square_(make(reference)[1])).data()
    a.forEach((x, i) => {
      expect(Math.abs(x - b[i])).toBeLessThan(1e-4)
    })
  })
})

describe('joins', () => {
  test.each(['cpu', 'webgpu'] as const)('pieces nobody else wants are made in place on %s', async (backend) => {
    const d = await init({ backend })
    const f = (x: Tensor, w: Tensor) =>
      concatenate([matmul(x, w), matmul(w, x).mul(2), concatenate([matmul(x, x), silu(x)])]).add(1)
    const step = compile(f)
    const make = (on: Device) =>
      [on.tensor(wave(64 * 64, 0.7), [64, 64]), on.tensor(wave(64 * 64, 1.3), [64, 64])] as const
    const actual = await (await step(...make(d))).data()
    expect(step.explain()).not.toContain('concatenate')
    const expected = await f(...make(reference)).data()
    actual.forEach((x, i) => {
      expect(Math.abs(x - expected[i])).toBeLessThan(1e-4)
    })
    // A piece that is a result as well, or comes twice, or an argument, is copied.
    const copied = compile((x: Tensor) => {
      const y = silu(x)
      return [y, concatenate([y, matmul(x, x)]), concatenate([x, x])]
    })
    const results = await copied(make(d)[0])
    expect(copied.explain().match(/= concatenate\(/g)).toHaveLength(2)
    const same = compile((x: Tensor) => [silu(x), concatenate([silu(x), matmul(x, x)]), concatenate([x, x])])
    const wanted = await same(make(reference)[0])
    for (const [k, t] of results.entries()) {
      const b = await wanted[k].data()
      ;(await t.data()).forEach((x, i) => {
        expect(Math.abs(x - b[i])).toBeLessThan(1e-4)
      })
    }
    d.dispose()
  })
})

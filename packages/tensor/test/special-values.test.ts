/** NaN, infinities, zeros and values near the limits on every backend, against PyTorch (vectors/make.py). */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findAdapter, requestDevice } from '../src/backends/webgpu/adapter.ts'
import { WebGpuBackend } from '../src/backends/webgpu/webgpu-backend.ts'
import { Device } from '../src/device.ts'
import * as k from '../src/index.ts'
import type { Tensor } from '../src/tensor.ts'

const devices: Device[] = []
beforeAll(async () => {
  for (const backend of ['reference', 'cpu', 'webgpu'] as const) devices.push(await k.init({ backend }))
  // The kernels of a hardware GPU, on whatever adapter there is.
  const found = await findAdapter()
  const traits = { ...found.description, software: false, subgroupSize: 0 }
  devices.push(new Device(new WebGpuBackend(await requestDevice(found), traits, true, found.release)))
})
afterAll(() => {
  for (const d of devices) d.dispose()
})

/** Without the last one, whose elementwise kernels are those of the one before. */
const plain = () => devices.slice(0, 3)

type Numbers = readonly (number | string)[]
interface Vectors {
  readonly x: Numbers
  readonly unary: Record<string, Numbers>
  readonly a: Numbers
  readonly b: Numbers
  readonly binary: Record<string, Numbers>
  readonly rows: readonly {
    x: Numbers
    softmax: Numbers
    logSoftmax: Numbers
    logSumExp: Numbers
    max: Numbers
    argMax: number
    top2: Numbers
  }[]
  readonly casts: Record<string, Numbers>
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/special-values.json', import.meta.url), 'utf8'))
const numbers = (list: Numbers) => list.map(Number)
const operations = k as unknown as Record<string, (...xs: Tensor[]) => Tensor>

/** Equal NaN and infinities; numbers to `tolerance`, relative and absolute. Subnormal results may be 0. */
function compare(device: Device, what: string, actual: ArrayLike<number>, expected: Numbers, tolerance: number): void {
  expect(actual.length, what).toBe(expected.length)
  numbers(expected).forEach((want, i) => {
    const got = actual[i]
    const same = Number.isNaN(want)
      ? Number.isNaN(got)
      : got === want ||
        Math.abs(got - want) <= tolerance * Math.min(Math.max(1, Math.abs(want)), Number.MAX_VALUE) ||
        (Math.abs(want) < 1.2e-38 && Math.abs(got) < 1.2e-38)
    if (!same || (!Number.isFinite(want) && !Object.is(got, want)))
      throw new Error(`${device.name}: ${what}: element ${i} is ${got}, expected ${want}`)
  })
}

async function check(what: string, expected: Numbers, tolerance: number, f: (device: Device) => Tensor): Promise<void> {
  for (const device of plain()) compare(device, what, await f(device).data(), expected, tolerance)
}

test.each(Object.entries(vectors.unary))('%s', async (name, expected) => {
  const x = numbers(vectors.x)
  // A subnormal argument may count as zero.
  const ordinary = x.map((v) => !(Math.abs(v) > 0 && Math.abs(v) < 1.2e-38))
  for (const device of plain()) {
    const got = await operations[name](device.tensor(x)).data()
    const pick = <T>(list: ArrayLike<T>) =>
      Array.from(list).filter((_, i) => ordinary[i] || device.kind === 'reference')
    compare(device, name, pick(got), pick(expected), 2e-6)
  }
})

test.each(Object.entries(vectors.binary))('%s', async (name, expected) => {
  await check(name, expected, 1e-6, (d) => operations[name](d.tensor(numbers(vectors.a)), d.tensor(numbers(vectors.b))))
})

const lengths = [...new Set(vectors.rows.map(({ x }) => x.length))]

test.each(lengths)('rows of %i', async (n) => {
  const rows = vectors.rows.filter(({ x }) => x.length === n)
  const x = rows.flatMap((r) => numbers(r.x))
  for (const d of devices) {
    const over = d.tensor(x, [rows.length, n])
    const results = {
      softmax: k.softmax(over),
      logSoftmax: k.logSoftmax(over),
      logSumExp: k.logSumExp(over),
      max: k.max(over, 1),
      argMax: k.argMax(over),
      top2: k.topK(over, 2).values,
      column: k.max(k.transpose(over).add(0), 0),
      across: k.max(
        d.tensor(
          rows.flatMap((r) => numbers(r.x).flatMap((v) => [v, v, v, v])),
          [rows.length, n, 4],
        ),
        1,
      ),
    }
    await d.evaluate(results)
    const want = (f: (row: (typeof rows)[number]) => Numbers) => rows.flatMap((row) => f(row))
    compare(
      d,
      'softmax',
      await results.softmax.data(),
      want((r) => r.softmax),
      1e-6,
    )
    // Beside 3e38 the log of the sum is rounded away.
    if (!x.some((v) => v < -3e38 && Number.isFinite(v)))
      compare(
        d,
        'logSoftmax',
        await results.logSoftmax.data(),
        want((r) => r.logSoftmax),
        1e-6,
      )
    compare(
      d,
      'logSumExp',
      await results.logSumExp.data(),
      want((r) => r.logSumExp),
      1e-6,
    )
    compare(
      d,
      'max',
      await results.max.data(),
      want((r) => r.max),
      0,
    )
    compare(
      d,
      'max of columns',
      await results.column.data(),
      want((r) => r.max),
      0,
    )
    const four = want((r) => [...r.max, ...r.max, ...r.max, ...r.max])
    compare(d, 'max of four columns', await results.across.data(), four, 0)
    compare(
      d,
      'argMax',
      await results.argMax.data(),
      want((r) => [r.argMax]),
      0,
    )
    compare(
      d,
      'topK',
      await results.top2.data(),
      want((r) => r.top2),
      0,
    )
  }
})

describe('casts', () => {
  test('between integers the bits stay; integers to float round to nearest even', async () => {
    const { casts } = vectors
    await check('int32 to uint32', casts['int32 to uint32'], 0, (d) =>
      k.cast(d.tensor(Int32Array.from(numbers(casts.int32))), 'uint32'),
    )
    await check('uint32 to int32', casts.int32, 0, (d) =>
      k.cast(d.tensor(Uint32Array.from(numbers(casts.uint32))), 'int32'),
    )
    await check('int32 to float32', casts['int32 as float32'], 0, (d) =>
      k.cast(d.tensor(Int32Array.from(numbers(casts.int32))), 'float32'),
    )
    await check('uint32 to float32', casts['uint32 as float32'], 0, (d) =>
      k.cast(d.tensor(Uint32Array.from(numbers(casts.uint32))), 'float32'),
    )
    await check('where by a negative number', [1, 2], 0, (d) =>
      k.where(d.tensor(Int32Array.of(-1, 0)), d.tensor([1, 1]), 2),
    )
  })

  const floats = [NaN, Infinity, -Infinity, 3e9, -3e9, 2147483520, -2147483648, 5e9, 2.9, -2.9, -0, 0.5, 65504]
  const int32 = [
    0, 2147483647, -2147483648, 2147483647, -2147483648, 2147483520, -2147483648, 2147483647, 2, -2, 0, 0, 65504,
  ]
  const uint32 = [0, 4294967295, 0, 3e9, 0, 2147483520, 0, 4294967295, 2, 0, 0, 0, 65504]
  test('floats to integers go toward zero and stop at the limits; NaN is 0', async () => {
    await check('float32 to int32', int32, 0, (d) => k.cast(d.tensor(floats), 'int32'))
    await check('float32 to uint32', uint32, 0, (d) => k.cast(d.tensor(floats), 'uint32'))
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const narrow = [NaN, Infinity, -Infinity, 2.5, -2.5, 1024]
      await check(`${dtype} to int32`, [0, 2147483647, -2147483648, 2, -2, 1024], 0, (d) =>
        k.cast(d.tensor(narrow, [6], dtype), 'int32'),
      )
      await check(`${dtype} to uint32`, [0, 4294967295, 0, 2, 0, 1024], 0, (d) =>
        k.cast(d.tensor(narrow, [6], dtype), 'uint32'),
      )
    }
  })

  test('every pair of dtypes is as the reference has it', async () => {
    const dtypes = Object.keys(k.bytesPerElement) as k.DType[]
    for (const from of dtypes) {
      const integer = from === 'int32' || from === 'uint32'
      const x = integer ? [0, 1, -1, 2147483647, 300, 16777217] : [...floats, 1e-3, 449, 57344, 70000, 65520]
      const expected: Numbers[] = []
      for (const device of plain()) {
        const source = device.tensor(x, [x.length], from)
        const all = dtypes.map((to) => k.cast(source, to))
        await device.evaluate(all)
        for (const [i, t] of all.entries()) {
          const got = await t.data()
          if (device.kind === 'reference') expected.push([...got].map((v) => (Number.isFinite(v) ? v : String(v))))
          compare(device, `${from} to ${dtypes[i]}`, got, expected[i], 0)
        }
      }
    }
  })
})

describe('constants that WGSL cannot write', () => {
  const some = [1, 5]
  const special = [0, -0, NaN, Infinity, -Infinity, 2]
  // Optimizers of shaders take 0 * x for 0, whatever x is.
  test.each([
    ['0 * x', (x: Tensor) => k.mul(0, x), [0, -0, NaN, NaN, NaN, 0]],
    ['0 / x', (x: Tensor) => k.div(0, x), [NaN, NaN, NaN, 0, -0, 0]],
    ['x + 0', (x: Tensor) => k.add(x, 0), [0, 0, NaN, Infinity, -Infinity, 2]],
    ['0 - x', (x: Tensor) => k.sub(0, x), [0, 0, NaN, -Infinity, Infinity, -2]],
    // The sign of a zero aside, which sums lose.
    [
      '0 * x after a product',
      (x: Tensor) => k.abs(k.matmul(x.reshape([6, 1]), k.full([1, 1], 1)).mul(0)).reshape([6]),
      [0, 0, NaN, NaN, NaN, 0],
    ],
    ['0 * x before a sum', (x: Tensor) => k.abs(k.sum(k.mul(0, x).reshape([6, 1]), 1)), [0, 0, NaN, NaN, NaN, 0]],
  ] as const)('%s', async (name, f, want) => {
    const expected = want.map((v) => (Object.is(v, -0) ? '-0' : String(v)))
    await check(name, expected, 0, (d) => f(d.tensor(special)))
  })
  test.each([
    ['Infinity', (x: Tensor) => k.where(k.less(x, 2), x, Infinity), [1, Infinity]],
    ['-Infinity', (x: Tensor) => k.maximum(k.where(k.less(x, 2), -Infinity, x), -Infinity), [-Infinity, 5]],
    ['NaN', (x: Tensor) => k.where(k.less(x, 2), x, NaN), [1, NaN]],
    ['-0', (x: Tensor) => k.div(1, k.mul(x, -0)), [-Infinity, -Infinity]],
    ['the mean of nothing', (x: Tensor) => k.mean(k.slice(x, [0], [0])).reshape([1]), [NaN]],
    ['1 / 0', (x: Tensor) => k.div(x, 0), [Infinity, Infinity]],
  ] as const)('%s', async (name, f, want) => {
    await check(name, want.map(String), 0, (d) => f(d.tensor(some)))
  })
})

test('far arguments of sine and cosine', async () => {
  const x = Float32Array.from({ length: 400 }, (_, i) => (i % 2 ? -1 : 1) * 1.37 ** (i / 1.5))
  await check('sin', [...x].map(Math.sin), 3e-7, (d) => k.sin(d.tensor(x)))
  await check('cos', [...x].map(Math.cos), 3e-7, (d) => k.cos(d.tensor(x)))
})

test('a target outside the classes is NaN in every loss and its gradient, a negative one 0', async () => {
  const rows = [-1, 0, 1, 2, 2 ** 31 - 1]
  for (const d of devices) {
    const ids = d.tensor(Int32Array.from(rows))
    const x = d.tensor(
      rows.flatMap((_, i) => [i / 4, -1]),
      [rows.length, 2],
    )
    const w = d.tensor([1, 0, 0, 1], [2, 2])
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const losses = {
        crossEntropy: (x: Tensor) => k.crossEntropy(x.astype(dtype), ids),
        linearCrossEntropy: (x: Tensor) => k.linearCrossEntropy(x.astype(dtype), w.astype(dtype), ids, { chunk: 1 }),
        nllLoss: (x: Tensor) => k.nllLoss(k.logSoftmax(x).astype(dtype), ids),
      }
      for (const [name, loss] of Object.entries(losses)) {
        const of = async (y: Tensor) => Array.from(await y.astype('float32').data(), (v) => (v === 0 ? 0 : v))
        const [values, gradient] = [await of(loss(x)), await of(k.grad((x: Tensor) => k.sum(loss(x)))(x))]
        const about = `${name} ${dtype} ${d.name}`
        expect(values[0], about).toBe(0)
        expect(values.map(Number.isNaN), about).toEqual([false, false, false, true, true])
        expect(gradient.slice(0, 2), about).toEqual([0, 0])
        expect(gradient.map(Number.isNaN), about).toEqual(rows.flatMap((id) => [id > 1, id > 1]))
        for (let i = 1; i < 3; i++)
          for (let c = 0; c < 2; c++) {
            const p = 1 / (1 + Math.exp((c === 0 ? 1 : -1) * (-1 - i / 4)))
            expect(gradient[2 * i + c], about).toBeCloseTo(p - (c === rows[i] ? 1 : 0), dtype === 'float32' ? 5 : 2)
          }
      }
    }
  }
})

test('rows, elements and groups whose index is out of range are what the docstrings say', async () => {
  const far = [-1, 2, 2 ** 31 - 1, -(2 ** 31), 1]
  for (const d of devices) {
    const ids = d.tensor(Int32Array.from(far))
    const x = d.tensor([1, 2, 3, 4], [2, 2])
    const rows = d.tensor([1, 1, 1, 1, 5, 5, 5, 5, 7, 7], [5, 2])
    const of = async (y: Tensor) => [...(await y.data())]
    expect(await of(k.take(x, ids)), d.name).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 3, 4])
    expect(await of(k.scatterAddRows(rows, ids, 2)), d.name).toEqual([0, 0, 7, 7])
    expect(await of(k.takeLast(rows, ids)), d.name).toEqual([0, 0, 0, 0, 7])
    expect(await of(k.oneHot(ids, 2)), d.name).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    const groups = d.tensor(Int32Array.of(-3, 1, -(2 ** 31), 2 ** 31 - 1, 2 ** 31 - 1))
    const w = d.tensor([1, 2, 3, 4, 5], [5, 1, 1])
    expect(await of(k.groupedMatmul(d.tensor([1, 1, 1], [3, 1]), w, groups)), d.name).toEqual([2, 4, 4])
  }
})

test('attention and losses keep a NaN', async () => {
  for (const d of devices) {
    for (const t of [4, 16]) {
      const q = new Float32Array(t * 16).fill(0.5)
      q[16] = NaN
      const other = () => d.tensor(new Float32Array(t * 16).fill(0.25), [1, t, 1, 16])
      const o = await k.attention(d.tensor(q, [1, t, 1, 16]), other(), other()).data()
      expect([...o].map(Number.isNaN), d.name).toEqual([...o].map((_, i) => i >= 16 && i < 32))
    }
    const loss = (x: number[], id: number) =>
      k.crossEntropy(d.tensor(x, [1, x.length]), d.tensor(Int32Array.of(id))).item()
    expect(await loss([0, NaN, 0], 0), d.name).toBeNaN()
    expect(await loss([0, -Infinity], 0), d.name).toBe(0)
    expect(await loss([0, -Infinity], 1), d.name).toBe(Infinity)
    expect(await loss([0, 0], -1), d.name).toBe(0)
    expect(await loss([0, 0], 2), d.name).toBeNaN()
    const w = d.tensor([1, 0, 0, 1], [2, 2])
    const linear = (id: number) =>
      k.linearCrossEntropy(d.tensor([0, 0], [1, 2]), w, d.tensor(Int32Array.of(id)), { chunk: 1 }).item()
    expect(await linear(2), d.name).toBeNaN()
    expect(await linear(1), d.name).toBeCloseTo(Math.log(2), 5)
  }
})

test('a special value changes no other element of a block of vectors on cpu', async () => {
  // Arrays of 12 elements are computed vector by vector, without the shortcuts of longer ones.
  const [, device] = devices
  const short = 12
  const specials = [NaN, -NaN, Infinity, -Infinity, -87.4, 87.4, 88.73, -1e30, 3.4e38, 1e-40]
  const functions: Record<string, (x: Tensor) => Tensor> = {
    exp: k.exp,
    sigmoid: k.sigmoid,
    bfloat16: (x) => k.cast(x, 'bfloat16'),
    'sigmoid of bfloat16': (x) => k.sigmoid(k.cast(k.cast(x, 'bfloat16'), 'float32')),
    'exp to bfloat16': (x) => k.cast(k.exp(x.mul(2)), 'bfloat16'),
    'two results': (x) => k.concatenate([k.exp(x), k.cast(k.cast(k.sigmoid(x), 'bfloat16'), 'float32')]),
  }
  for (const [name, f] of Object.entries(functions)) {
    const compiled = k.compile(f)
    const bits = async (values: number[]) => {
      using x = device.tensor(values)
      using y = await compiled(x)
      using f32 = k.cast(y, 'float32')
      return new Uint32Array((await f32.data()).buffer)
    }
    for (const length of [64, 96, 100]) {
      // One special value in a block, and none in another.
      for (let place = 0; place < length; place += 5) {
        const values = Array.from({ length }, (_, i) => Math.sin(i + 1) * 80)
        values[place] = specials[(place / 5) % specials.length]
        const parts = name === 'two results' ? 2 : 1
        const whole = await bits(values)
        for (let from = 0; from < length; from += short) {
          const piece = Array.from({ length: short }, (_, i) => values[from + i] ?? 0)
          const expected = await bits(piece)
          for (let part = 0; part < parts; part++)
            for (let i = 0; i < short && from + i < length; i++)
              expect(whole[part * length + from + i], `${name} of ${piece[i]}`).toBe(expected[part * short + i])
        }
      }
    }
  }
})

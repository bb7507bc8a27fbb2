// Weights in panels: the same bits from them as from rows, and rows again for whoever reads them otherwise.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WasmBuffer } from '../src/backends/cpu/wasm-memory.ts'
import { compile, type Device, type DType, init, slice, type Tensor } from '../src/index.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 2 })
})
afterAll(() => device.dispose())

const tensor = (shape: number[], seed: number) =>
  device.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * 1.7 + seed)),
    shape,
  )
/** A weight in memory of its own: what a program made is not kept on the host. */
async function weightOf(rows: number, k: number, dtype: DType): Promise<Tensor> {
  const w = tensor([rows, k], 2).astype(dtype).mul(1)
  await device.evaluate(w)
  return w
}
const isInPanels = (w: Tensor) => (w.value.storage!.buffer as WasmBuffer).panels !== undefined
const product = () => compile((x: Tensor, w: Tensor) => x.matmul(w.transpose(), { dtype: 'float32' }))

test.each<[DType, number, number, number]>([
  ['float32', 1, 48, 1032],
  ['float32', 6, 32, 516],
  ['float32', 37, 32, 520],
  ['bfloat16', 1, 48, 1032],
  ['bfloat16', 6, 32, 516],
  ['bfloat16', 37, 32, 520],
])(
  '%s, %i rows times a weight [%i, %i]: the third product in a row reads panels, to the same bits',
  async (dtype, m, n, k) => {
    const [x, w, multiply] = [tensor([m, k], 1), await weightOf(n, k, dtype), product()]
    const before = await w.codes()
    const first = await (await multiply(x, w)).data()
    await multiply(x, w)
    expect(isInPanels(w)).toBe(false)
    for (let run = 3; run < 5; run++) {
      expect(await (await multiply(x, w)).data()).toEqual(first)
      expect(isInPanels(w)).toBe(true)
    }
    expect(await w.codes()).toEqual(before)
    expect(isInPanels(w)).toBe(false)
    multiply.dispose()
  },
)

test('a program that reads the rows gets rows; products with other rows of the same memory too', async () => {
  const [x, w, multiply] = [tensor([1, 64], 1), await weightOf(32, 64, 'float32'), product()]
  const plain = await w.mul(2).data()
  const expected = await (await multiply(x, w)).data()
  const both = compile((x: Tensor, a: Tensor, b: Tensor) => [x.matmul(a.transpose()), b.mul(2)])
  for (let run = 0; run < 5; run++) await multiply(x, w)
  expect(isInPanels(w)).toBe(true)
  expect(await w.mul(2).data()).toEqual(plain)
  for (let run = 0; run < 5; run++) {
    const [made, doubled] = await both(x, w, w)
    expect(await made.data()).toEqual(expected)
    expect(await doubled.data()).toEqual(plain)
  }
  for (let run = 0; run < 5; run++) await multiply(x, w)
  const square = compile((x: Tensor, w: Tensor) => w.matmul(w.transpose()).add(x.sum()))
  const whole = await (await square(x, w)).data()
  for (let run = 0; run < 4; run++) expect(await (await square(x, w)).data()).toEqual(whole)
  for (const f of [multiply, both, square]) f.dispose()
})

test.each<[DType, number]>([
  ['float32', 1],
  ['float32', 6],
  ['float32', 37],
  ['bfloat16', 1],
  ['bfloat16', 6],
  ['bfloat16', 37],
])('%s, %i rows times the first rows of a weight: the same bits from panels, and no other column', async (dtype, m) => {
  // As a head of a padded vocabulary: any number of its rows.
  for (const n of [8, 9, 15, 16, 31, 40, 41, 57, 87, 88]) {
    const [x, w] = [tensor([m, 132], 1), await weightOf(88, 132, dtype)]
    const multiply = compile((x: Tensor, w: Tensor) =>
      x.matmul(slice(w, [0, 0], [n, 132]).transpose(), { dtype: 'float32' }),
    )
    const first = await (await multiply(x, w)).data()
    expect(first).toHaveLength(m * n)
    await multiply(x, w)
    expect(isInPanels(w)).toBe(false)
    for (let run = 3; run < 5; run++) expect(await (await multiply(x, w)).data(), `${n} columns`).toEqual(first)
    expect(isInPanels(w)).toBe(true)
    multiply.dispose()
  }
})

test.each<[DType, number]>([
  ['float32', 8],
  ['float32', 9],
  ['float32', 23],
  ['float32', 87],
  ['bfloat16', 12],
  ['bfloat16', 47],
  ['bfloat16', 81],
])('%s: one row times a weight of %i rows reads panels and the rows that are left', async (dtype, rows) => {
  for (const n of new Set([rows, rows - 1, rows - (rows % 8)])) {
    if (n < 8) continue
    const [x, w] = [tensor([1, 132], 1), await weightOf(rows, 132, dtype)]
    const before = await w.codes()
    const multiply = compile((x: Tensor, w: Tensor) =>
      x.matmul(slice(w, [0, 0], [n, 132]).transpose(), { dtype: 'float32' }),
    )
    const first = await (await multiply(x, w)).data()
    await multiply(x, w)
    for (let run = 3; run < 5; run++) expect(await (await multiply(x, w)).data(), `${n} columns`).toEqual(first)
    expect(isInPanels(w)).toBe(true)
    expect(await w.codes()).toEqual(before)
    multiply.dispose()
  }
})

test('a donated weight stays as it is, and so does one with rows beside the panels that several rows are multiplied by', async () => {
  const [x, w, multiply] = [tensor([2, 64], 1), await weightOf(20, 64, 'float32'), product()]
  for (let run = 0; run < 4; run++) await multiply(x, w)
  expect(isInPanels(w)).toBe(false)
  const step = compile((x: Tensor, w: Tensor) => [x.matmul(w.transpose()), w.mul(0.5)], { donate: [1] })
  let state = await weightOf(32, 64, 'float32')
  for (let run = 0; run < 4; run++) state = (await step(x, state))[1]
  expect(isInPanels(state)).toBe(false)
  expect(await state.data()).toEqual(await (await weightOf(32, 64, 'float32')).mul(1 / 16).data())
  multiply.dispose()
  step.dispose()
})

test('memory that is released is no longer in panels', async () => {
  const [x, w, multiply] = [tensor([1, 64], 1), await weightOf(512, 64, 'float32'), product()]
  for (let run = 0; run < 4; run++) await multiply(x, w)
  expect(isInPanels(w)).toBe(true)
  w.dispose()
  const next = await weightOf(512, 64, 'float32')
  expect(isInPanels(next)).toBe(false)
  const made = await (await multiply(x, next)).data()
  expect(made).toEqual(await x.matmul(next.transpose()).data())
  multiply.dispose()
})

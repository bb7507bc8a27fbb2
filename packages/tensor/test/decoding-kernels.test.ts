// What decoding one token at a time rests on: products of few rows, and rows written in place.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compile, type Device, type DType, init, type Tensor, writeRows } from '../src/index.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 2 })
})
afterAll(() => device.dispose())

const values = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + seed) * 1.5)

test.each<[DType, number, number]>([
  ['float32', 1030, 45],
  ['bfloat16', 600, 16],
  ['float8_e4m3fn', 70, 9],
])('a product of few rows has the bits of one of many: %s, K %i, N %i', async (dtype, k, n) => {
  const rows = 21 // more than the thin kernel takes
  const [a, b] = [device.tensor(values(rows * k, 1), [rows, k]), device.tensor(values(n * k, 2), [n, k])]
  const [x, w] = [a, b].map((t) => t.astype(dtype))
  for (const [name, right] of [
    ['rows of B', w.transpose()],
    ['columns of B', device.tensor(values(k * n, 3), [k, n]).astype(dtype)],
  ] as const) {
    const whole = await x.matmul(right, { dtype: 'float32' }).data()
    for (const m of [1, 3, 6]) {
      const few = await x.slice([2, 0], [m, k]).matmul(right, { dtype: 'float32' }).data()
      expect(few, `${m} rows, ${name}`).toEqual(whole.slice(2 * n, (2 + m) * n))
    }
  }
})

test('a donated sequence keeps its memory and all rows but those that are written', async () => {
  const write = compile((x: Tensor, rows: Tensor, at: Tensor) => writeRows(x, rows, at), { donate: [0] })
  const at = device.tensor(Int32Array.of(1, 3), [2])
  const made = await write(device.tensor(values(16, 0), [2, 4, 2]), device.tensor(values(8, 9), [2, 2, 2]), at)
  const expected = values(16, 0)
  expected.set(values(8, 9).slice(0, 4), 2)
  expected.set(values(8, 9).slice(4, 6), 14)
  expect(await made.data()).toEqual(expected)
  expect(write.memory().outputBytes).toBe(0)
  write.dispose()
})

/** Kernels of token-by-token decoding: matmuls with few rows, and rows written in place. */
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
  ['float32', 1032, 45],
  ['float32', 64, 45],
  ['bfloat16', 600, 16],
  ['bfloat16', 1040, 37],
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

test.each<[DType, number]>([
  ['float32', 21],
  ['bfloat16', 13],
  ['float32', 5],
])('a batch of single rows has the bits of each alone: %s, %i columns', async (dtype, n) => {
  const [batch, k] = [3, 520]
  const a = device.tensor(values(k * batch, 4), [k, 1, batch]).transpose([2, 1, 0]) // its columns are not neighbours
  const b = device.tensor(values(batch * n * k, 5), [batch, n, k])
  const [x, w] = [a, b].map((t) => t.astype(dtype))
  const whole = await x.matmul(w.transpose([0, 2, 1]), { dtype: 'float32' }).data()
  for (let i = 0; i < batch; i++) {
    // So many rows that another kernel computes it.
    const many = x.slice([i, 0, 0], [1, 1, k]).reshape([1, k]).broadcastTo([17, k])
    const one = await many
      .matmul(w.slice([i, 0, 0], [1, n, k]).reshape([n, k]).transpose(), { dtype: 'float32' })
      .data()
    expect(whole.slice(i * n, (i + 1) * n)).toEqual(one.slice(0, n))
  }
})

test('a row times columns that share their memory', async () => {
  const k = 512
  const [x, w] = [device.tensor(values(k, 6), [1, k]), device.tensor(values(k, 7), [1, k])]
  const [one] = await x.matmul(w.transpose()).data()
  const same = await x.matmul(w.broadcastTo([400, k]).transpose()).data()
  expect(same).toEqual(new Float32Array(400).fill(one))
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

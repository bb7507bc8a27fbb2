/** CPU matmul: packing in pieces and the choice of the micro-tile change no bit. */
import { expect, test } from 'vitest'
import { relaxedProbe } from '../src/backends/cpu/load-kernels.ts'
import { TileChoice } from '../src/backends/cpu/tile-choice.ts'
import {
  cast,
  compile,
  type Device,
  type DType,
  init,
  matmul,
  sliceAxis,
  type Tensor,
  transpose,
} from '../src/index.ts'

const relaxed = WebAssembly.validate(relaxedProbe)
const wave = (device: Device, rows: number, columns: number, dtype: DType = 'float32') =>
  cast(
    device.tensor(
      Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 1.7)),
      [rows, columns],
    ),
    dtype,
  )

test.each(['float32', 'bfloat16', 'float16', 'float8_e4m3fn'] as const)(
  'rows of %s that are neighbours in memory are packed like others',
  async (dtype) => {
    using device = await init({ backend: 'cpu', threads: 1 })
    // Around 16 rows at a time, and 64 in a block; K around 512 steps in a block.
    for (const [m, k] of [
      [17, 3],
      [31, 513],
      [32, 40],
      [68, 7],
      [83, 5],
    ]) {
      const [a, b] = [wave(device, k, m, dtype), wave(device, k, 9)]
      const copied = await compile((x: Tensor) => x)(transpose(a))
      const product = (x: Tensor) => matmul(x, b, { dtype: 'float32' }).data()
      expect(await product(transpose(a)), `${m} x ${k}`).toEqual(await product(copied))
    }
  },
)

test.each([
  ['of steps', 20, 4096, 613],
  ['of columns and steps, the last of few', 17, 2100, 1030],
  ['of columns', 17, 600, 4001],
] as const)('a large right operand is packed in pieces that change no bit: %s', async (_, m, k, n) => {
  using device = await init({ backend: 'cpu', threads: 2 })
  const [a, b] = [wave(device, m, k), wave(device, k, n)]
  const product = compile((x: Tensor, y: Tensor) => matmul(x, y))
  const whole = await (await product(a, b)).data()
  expect(product.memory().temporaryBytes).toBeLessThan(9e6)
  const parts = await Promise.all(
    [0, 100, 304, 312, 600].map(async (column) => {
      const part = sliceAxis(b, 1, column, column + 13)
      return { column, data: await matmul(a, part).data() }
    }),
  )
  for (const { column, data } of parts)
    for (let row = 0; row < m; row++)
      expect(whole.slice(row * n + column, row * n + column + 13)).toEqual(data.slice(row * 13, row * 13 + 13))
})

test.skipIf(!relaxed)('tiles of 6 x 8 and 4 x 8 give the same bits', async () => {
  const results = await Promise.all(
    ['4x8', '6x8'].map(async (tile) => {
      using device = await init({ backend: 'cpu', threads: 1, kernels: { matmul: tile } })
      const products = [
        [17, 5, 8],
        [24, 600, 17],
        [75, 64, 40],
      ].map(([m, k, n]) => matmul(wave(device, m, k), wave(device, k, n)).data())
      return await Promise.all(products)
    }),
  )
  expect(results[0]).toEqual(results[1])
})

test('the tile that was faster in turns is kept, 6 x 8 where they are alike', () => {
  const busy = (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; );
  }
  for (const [narrow, wide, chosen] of [
    [1, 0.2, 1],
    [0.2, 1, 0],
  ]) {
    const choice = new TileChoice(true)
    const trial = choice.trial(1e9)!
    const seen = new Set<number>()
    for (let i = 0; i < 18; i++)
      choice.run(trial, () => {
        seen.add(choice.current)
        busy(choice.current === 1 ? wide : narrow)
      })
    expect(seen.size).toBe(2)
    expect(choice.current).toBe(chosen)
    expect(choice.trial(1e9)).toBeUndefined()
  }
  expect(new TileChoice(true).trial(1e3)).toBeUndefined()
  expect([new TileChoice(false).current, new TileChoice(true, '4x8').current]).toEqual([0, 0])
  expect(new TileChoice(true, '6x8').trial(1e9)).toBeUndefined()
})

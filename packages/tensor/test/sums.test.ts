/** Sums of squares without storing the squares. */
import { expect, test } from 'vitest'
import { cast, compile, init, square, sum, type Tensor } from '../src/index.ts'

const wave = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7))

test('squares that are only summed are not stored, and the sum has the same bits', async () => {
  using device = await init({ backend: 'cpu', threads: 2 })
  for (const shape of [[7], [3, 33], [1 << 16], [5, 1 << 15]]) {
    const x = device.tensor(wave(shape.reduce((a, b) => a * b)), shape)
    const alone = compile((t: Tensor) => sum(square(t), -1))
    const stored = compile((t: Tensor) => {
      const squares = square(t)
      return [sum(squares, -1), squares] as const
    })
    const [total] = await stored(x)
    expect(await (await alone(x)).data(), `${shape}`).toEqual(await total.data())
    expect(alone.explain()).toContain('square into sum')
    expect(stored.explain()).not.toContain('into sum')
  }
  // Columns, and squares of what does not lie in order, are stored.
  const x = device.tensor(wave(12), [3, 4])
  expect(await sum(square(x.transpose()), -1).data()).toEqual(await sum(square(x), 0).data())
})

test.each(['bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2'] as const)(
  '%s is summed as its values in float32 are',
  async (dtype) => {
    using device = await init({ backend: 'cpu', threads: 1 })
    for (const [rows, n] of [
      [3, 1],
      [5, 43],
      [1, 1 << 15],
    ]) {
      const x = cast(device.tensor(wave(rows * n), [rows, n]), dtype)
      const narrow = compile((t: Tensor) => sum(t, -1))
      const wide = compile((t: Tensor) => sum(cast(t, 'float32'), -1))
      expect(await (await narrow(x)).data(), `${rows} x ${n}`).toEqual(await (await wide(x)).data())
    }
  },
)

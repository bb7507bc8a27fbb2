/** Shapes and layouts for the tests of matmul, and their comparison. */
import { expect } from 'vitest'
import { type Device, dequantizeBlocks, matmul, scaledMatmul, swapAxes, type Tensor } from '../src/index.ts'

export const wave = (n: number, f = 1) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * f))

/** Sizes around the tiles' edges, in every operand layout. */
export const matmulSizes = [
  [4, 8, 4],
  [33, 20, 36],
  [63, 17, 65],
  [64, 16, 64],
  [130, 40, 132],
] as const
export const matmulLayouts = ['NN', 'NT', 'TN', 'TT'] as const

/** A product of codes in blocks, as the kernel reads them and from operands decoded before. */
export function scaledProducts(
  d: Device,
  [m, k, n]: readonly number[],
  layout: string,
  blockA: number[],
  blockB: number[],
) {
  const matrix = (rows: number, columns: number, [r, c]: number[], f: number) => ({
    codes: d.tensor(wave(2 * rows * columns, f), [2, rows, columns], 'float8_e4m3fn'),
    // Not powers of two: an order of operations that differs would show.
    scales: d.tensor(
      wave((2 * rows * columns) / (r * c), f + 1).map((x) => 0.3 + x * x),
      [2, rows / r, columns / c],
    ),
  })
  const [transposeA, transposeB] = [layout[0] === 'T', layout[1] === 'T']
  const a = matrix(transposeA ? k : m, transposeA ? m : k, blockA, 0.7)
  const b = matrix(transposeB ? n : k, transposeB ? k : n, blockB, 1.3)
  const transposed = (x: Tensor, transpose: boolean) => (transpose ? swapAxes(x, -1, -2) : x)
  return {
    direct: scaledMatmul(a, b, { transposeA, transposeB }),
    decoded: async () => {
      const [x, y] = [dequantizeBlocks(a), dequantizeBlocks(b)]
      await d.evaluate([x, y]) // so that nothing of it becomes part of the product
      return matmul(transposed(x, transposeA), transposed(y, transposeB))
    },
  }
}

/** Blocks along K, squares, blocks across K, and one that no vector fits into. */
export const blockCases = [
  { size: [40, 32, 40], a: [1, 8], b: [8, 8] },
  { size: [40, 32, 40], a: [4, 1], b: [2, 1] },
  { size: [40, 32, 40], a: [2, 2], b: [4, 4] },
  { size: [21, 15, 9], a: [3, 3], b: [3, 3] },
]

/** A batched product of one size and layout on a device against the reference. */
export async function expectProduct(
  device: Device,
  reference: Device,
  [m, k, n]: readonly number[],
  layout: string,
): Promise<void> {
  const product = (d: Device) => {
    const a = d.tensor(wave(2 * m * k, 0.7), layout[0] === 'T' ? [2, k, m] : [2, m, k])
    const b = d.tensor(wave(2 * k * n, 1.3), layout[1] === 'T' ? [2, n, k] : [2, k, n])
    return matmul(layout[0] === 'T' ? a.swapAxes(1, 2) : a, layout[1] === 'T' ? b.swapAxes(1, 2) : b)
  }
  const [actual, expected] = [await product(device).data(), await product(reference).data()]
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
  expect(worst, `${layout}, ${m} x ${k} x ${n}`).toBeLessThan(2e-5 * k)
}

/** Codes in blocks give the bits of a product of decoded operands, which agrees with the reference. */
export async function expectBlocks(
  device: Device,
  reference: Device,
  layout: string,
  { size, a, b }: (typeof blockCases)[number],
): Promise<void> {
  const { direct, decoded } = scaledProducts(device, size, layout, a, b)
  const what = `${layout}, ${size.join(' x ')}, blocks ${a} and ${b}`
  const plain = await (await decoded()).data()
  expect(await direct.data(), what).toEqual(plain)
  const expected = await scaledProducts(reference, size, layout, a, b).direct.data()
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(plain[i] - expected[i]))
  expect(worst, what).toBeLessThan(2e-5 * size[1])
}

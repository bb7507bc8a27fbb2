/** Scales for blocks of a matrix. */
import { expect, test } from 'vitest'
import {
  amax,
  blockAmax,
  blockwiseScaling,
  dequantizeBlocks,
  finfo,
  type MatrixShape,
  quantize,
  quantizeBlocks,
  scaleFor,
  sqnr,
} from '../src/index.ts'

const shape: MatrixShape = [256, 384]
const x = Float32Array.from({ length: 256 * 384 }, (_, i) => Math.sin(i * 0.7) * 2 ** ((i >> 7) % 40) * 2 ** -20)
const blocks: MatrixShape[] = [
  [1, 128],
  [128, 128],
  [1, 384],
  [256, 384],
  [2, 3],
]

/** The elements of one block, the slow way. */
function elementsOf(
  values: Float32Array,
  [rows, columns]: MatrixShape,
  gridRow: number,
  gridColumn: number,
): Float32Array {
  const picked: number[] = []
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) picked.push(values[(gridRow * rows + r) * shape[1] + gridColumn * columns + c])
  return Float32Array.from(picked)
}

test.each(blocks)('blocks of %i x %i: amax, scale and codes are those of the block alone', (...block) => {
  const across = shape[1] / block[1]
  const amaxes = blockAmax(x, shape, block)
  for (const powerOfTwo of [true, false]) {
    const recipe = blockwiseScaling('float8_e4m3fn', { block, powerOfTwo })
    const before = recipe.init(shape)
    const state = recipe.update(before, amaxes)
    expect(before.scales.every((s) => s === 1)).toBe(true)
    const scales = recipe.scales(state)
    const codes = quantizeBlocks('float8_e4m3fn', x, shape, block, scales) as Uint8Array
    const step = Math.ceil(scales.length / 50)
    for (let b = 0; b < scales.length; b += step) {
      const own = elementsOf(x, block, Math.floor(b / across), b % across)
      expect(amaxes[b]).toBe(amax(own))
      expect(scales[b]).toBe(scaleFor('float8_e4m3fn', amax(own), { powerOfTwo }))
      if (powerOfTwo) expect(Number.isInteger(Math.log2(scales[b]))).toBe(true)
      const ownCodes = elementsOf(Float32Array.from(codes), block, Math.floor(b / across), b % across)
      expect([...ownCodes]).toEqual([...quantize('float8_e4m3fn', own, scales[b])])
    }
    const back = dequantizeBlocks('float8_e4m3fn', codes, shape, block, scales)
    if (block[1] === 128 && block[0] === 1) expect(sqnr(x, back)).toBeGreaterThan(30)
    expect(codes.some((c) => (c & 0x7f) > 0x7e)).toBe(false)
  }
})

test('one scale a block keeps what one scale a tensor loses', () => {
  const small = x.map((v, i) => ((i >> 7) % 40 < 2 ? v : 0))
  const mixed = x.map((_, i) => (i < 128 ? 1e6 : small[i]))
  const scales = blockwiseScaling('float8_e4m3fn').update(
    { scales: new Float32Array(768) },
    blockAmax(mixed, shape, [1, 128]),
  ).scales
  const codes = quantizeBlocks('float8_e4m3fn', mixed, shape, [1, 128], scales)
  const back = dequantizeBlocks('float8_e4m3fn', codes, shape, [1, 128], scales)
  expect(sqnr(mixed.subarray(128), back.subarray(128))).toBeGreaterThan(28)
})

test('blocks of zeros, NaN and infinity have scale 1, as in current scaling', () => {
  const values = new Float32Array(512)
  values[130] = Number.NaN
  values[260] = Number.POSITIVE_INFINITY
  values[384] = finfo('float8_e5m2').max * 4
  const amaxes = blockAmax(values, [1, 512], [1, 128])
  expect([...amaxes]).toEqual([0, Number.NaN, Number.POSITIVE_INFINITY, 57344 * 4])
  const recipe = blockwiseScaling('float8_e5m2')
  expect([...recipe.update(recipe.init([1, 512]), amaxes).scales]).toEqual([1, 1, 1, 0.25])
})

test('stochastic rounding goes by the position in the whole matrix', () => {
  const ones = new Float32Array(2).fill(1)
  const options = { rounding: 'stochastic', seed: 3 } as const
  const source = x.subarray(0, 256)
  expect(quantizeBlocks('float8_e5m2', source, [2, 128], [1, 128], ones, undefined, options)).toEqual(
    quantize('float8_e5m2', source, 1, undefined, options),
  )
  const long = x.subarray(0, 20_000)
  expect(quantize('float8_e5m2', long, 1, undefined, options).subarray(10_000)).toEqual(
    quantize('float8_e5m2', long.subarray(10_000), 1, undefined, { ...options, firstIndex: 10_000 }),
  )
})

test('misuse is named', () => {
  const ones = new Float32Array(3).fill(1)
  const row = x.subarray(0, 384)
  const one = (scales: Float32Array) => () => quantizeBlocks('float8_e5m2', row, [1, 384], [1, 128], scales)
  expect(() => blockAmax(row, [1, 384], [1, 100])).toThrow(/block \[1,100\] does not divide shape \[1,384\]/)
  expect(() => blockAmax(row, [2, 384], [1, 128])).toThrow(/values must have 768 elements, has 384/)
  expect(() => blockAmax(row, [1, 384], [1, 128], new Float32Array(2))).toThrow(/out has 2 elements/)
  expect(() => blockAmax(row, [1, 384], [0, 128])).toThrow(/block must hold integers of at least 1/)
  expect(() => blockAmax(row, 384 as never, [1, 128])).toThrow(TypeError)
  expect(one(Float32Array.of(1, 0, 1))).toThrow(/scales\[1\] must be finite and greater than 0, got 0/)
  expect(one(Float32Array.of(1, 1, Number.NaN))).toThrow(/scales\[2\] .* got NaN/)
  expect(one(new Float32Array(2))).toThrow(/scales must have 3 elements, has 2/)
  expect(() => quantizeBlocks('float8_e5m2', row, [1, 384], [1, 128], ones, new Uint8Array(3))).toThrow(
    /out must have 384/,
  )
  expect(() =>
    dequantizeBlocks('float8_e5m2', new Uint8Array(384), [1, 384], [1, 128], ones, new Float32Array(3)),
  ).toThrow(RangeError)
  expect(() => blockwiseScaling('float8_e5m2', { block: [1, 0.5] })).toThrow(/block/)
  expect(() => blockwiseScaling('float8_e5m2', { margin: -1 })).toThrow(/margin/)
  const recipe = blockwiseScaling('float8_e5m2')
  expect(() => recipe.init([1, 130])).toThrow(/does not divide/)
  expect(() => recipe.update(recipe.init([1, 256]), ones)).toThrow(/amaxes has 3 elements, the state 2 blocks/)
})

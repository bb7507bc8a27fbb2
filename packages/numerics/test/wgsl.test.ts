/** WGSL functions on the adapter that Dawn finds (SwiftShader in CI), compared with the TypeScript, bit for bit. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  codeArray,
  codesPerWord,
  decodeArray,
  decodeMx,
  decodeWords,
  encodeArray,
  encodeMx,
  encodeWords,
  type Format,
  formatNames,
  formats,
  type MxFormatName,
  mxFormats,
  mxScaleCode,
  type Rounding,
  randomBits as roundingBits,
  scaleFor,
} from '../src/index.ts'
import {
  wgslDecode,
  wgslDecodeMx,
  wgslDecodeWord,
  wgslEncode,
  wgslEncodeMx,
  wgslEncodeName,
  wgslEncodeWord,
  wgslMxScale,
  wgslPowerOfTwoScale,
  wgslRandomBits,
  wgslScaleByPowerOfTwo,
} from '../src/wgsl.ts'
import { type Adapter, openAdapter } from './adapter.ts'
import { asFloats, canonical, edgeBits, float5, randomBits } from './edges.ts'

const everyFormat: Format[] = [...Object.values(formats), float5]
const roundings: Rounding[] = ['nearest-even', 'toward-zero', 'stochastic']

let adapter: Adapter

beforeAll(async () => {
  adapter = await openAdapter()
})

afterAll(() => adapter?.close())

/** Evaluates an expression in `x: u32` (and `i`, its index) over every input. */
function map(functions: string, expression: string, input: Uint32Array): Promise<Uint32Array> {
  return adapter.run(functions, `let x = source[i];\nresult[i] = ${expression};`, input)
}

function firstDifference(input: ArrayLike<number>, actual: Uint32Array, wanted: ArrayLike<number>): string | undefined {
  if (actual.length !== wanted.length) return `${actual.length} results, expected ${wanted.length}`
  for (let i = 0; i < actual.length; i++)
    if (actual[i] !== wanted[i])
      return `[${i}] 0x${input[i]?.toString(16)} gave 0x${actual[i].toString(16)}, expected 0x${wanted[i].toString(16)}`
  return undefined
}

const specials = Uint32Array.of(
  ...[
    0, 1, 0x3fffff, 0x400000, 0x400001, 0x7fffff, 0x800000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff,
  ].flatMap((b) => [b, (b | 0x80000000) >>> 0]),
)
const floatBits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length)
const someBits = Uint32Array.of(...specials, ...randomBits(2 ** 16 - specials.length))

describe.each(everyFormat.map((f) => [f.name, f] as const))('%s on the adapter', (name, f) => {
  test('decode: every code', async () => {
    const codes = codeArray(f, 2 ** f.bits).map((_: number, i: number) => i) as Uint8Array
    const input = Uint32Array.from(codes)
    const actual = await map(wgslDecode(f), `bitcast<u32>(decode_${name}(x))`, input)
    expect(firstDifference(input, canonical(actual), canonical(floatBits(decodeArray(f, codes))))).toBeUndefined()
  })

  test.each(roundings.flatMap((r) => [[r, true] as const, [r, false] as const]))(
    'encode %s, saturate %s: every value, midpoint and neighbour; specials; random bits',
    async (rounding, saturate) => {
      const options = { rounding, saturate }
      const random = rounding === 'stochastic' ? ', random_bits(77u, i)' : ''
      for (const input of [edgeBits(f), someBits]) {
        const functions = wgslEncode(f, options) + wgslRandomBits()
        const call = `${wgslEncodeName(f, options)}(bitcast<f32>(x)${random})`
        const wanted = encodeArray(f, asFloats(input), undefined, { ...options, ...(random ? { seed: 77 } : {}) })
        expect(firstDifference(input, await map(functions, call, input), wanted)).toBeUndefined()
      }
    },
  )

  test('packed words', async () => {
    const n = codesPerWord(f)
    const words = encodeWords(f, asFloats(someBits))
    const items = Array.from({ length: n }, (_, k) => `bitcast<f32>(source[${n}u * i + ${k}u])`).join(', ')
    const encoded = await adapter.run(
      wgslEncode(f) + wgslEncodeWord(f),
      `result[i] = encode_word_${name}(array<f32, ${n}>(${items}));`,
      someBits,
      someBits.length / n,
    )
    expect(firstDifference(someBits, encoded, words)).toBeUndefined()
    const decoded = await adapter.run(
      wgslDecode(f) + wgslDecodeWord(f),
      `var values = decode_word_${name}(source[i / ${n}u]);\nresult[i] = bitcast<u32>(values[i % ${n}u]);`,
      words,
      someBits.length,
    )
    const wanted = canonical(floatBits(decodeWords(f, words, someBits.length)))
    expect(firstDifference(someBits, canonical(decoded), wanted)).toBeUndefined()
  })

  test('packed words, stochastic', async () => {
    const n = codesPerWord(f)
    const list = (item: (k: number) => string) => Array.from({ length: n }, (_, k) => item(k)).join(', ')
    const at = (k: number) => `${n}u * i + ${k}u`
    const options = { rounding: 'stochastic' } as const
    const values = `array<f32, ${n}>(${list((k) => `bitcast<f32>(source[${at(k)}])`)})`
    const random = `array<u32, ${n}>(${list((k) => `random_bits(5u, 9u + ${at(k)})`)})`
    const encoded = await adapter.run(
      wgslEncode(f, options) + wgslEncodeWord(f, options) + wgslRandomBits(),
      `result[i] = encode_word_stochastic_${name}(${values}, ${random});`,
      someBits,
      someBits.length / n,
    )
    const wanted = encodeWords(f, asFloats(someBits), undefined, { ...options, seed: 5, firstIndex: 9 })
    expect(firstDifference(someBits, encoded, wanted)).toBeUndefined()
  })

  test('power-of-two scales', async () => {
    const input = someBits.map((b) => b & 0x7fffffff)
    const actual = await map(wgslPowerOfTwoScale(f), `bitcast<u32>(power_of_two_scale_${name}(x))`, input)
    const wanted = Float32Array.from(asFloats(input), (amax) => scaleFor(f, amax, { powerOfTwo: true }))
    expect(firstDifference(input, actual, floatBits(wanted))).toBeUndefined()
  })
})

describe.each(Object.keys(mxFormats) as MxFormatName[])('%s on the adapter', (name) => {
  const { element } = mxFormats[name]

  test.each(['up', 'floor', 'even', 'ceil'] as const)('scales, rounded %s', async (scaleRounding) => {
    const input = someBits.map((b) => b & 0x7fffffff)
    const actual = await map(wgslMxScale(name, { scaleRounding }), `mx_scale_${name}(x)`, input)
    const wanted = Array.from(asFloats(input), (amax) => mxScaleCode(name, amax, { scaleRounding }))
    expect(firstDifference(input, actual, wanted)).toBeUndefined()
  })

  test('elements', async () => {
    const values = asFloats(someBits)
    const { codes, scales } = encodeMx(name, values)
    const perValue = Uint32Array.from(values, (_, i) => (scales[i >> 5] << 8) | codes[i])
    const functions =
      wgslScaleByPowerOfTwo() + wgslEncode(element) + wgslEncodeMx(name) + wgslDecode(element) + wgslDecodeMx(name)
    const pairs = Uint32Array.from({ length: 2 * values.length }, (_, i) => (i % 2 ? scales[i >> 6] : someBits[i >> 1]))
    const encoded = await adapter.run(
      functions,
      `result[i] = encode_${name}(bitcast<f32>(source[2u * i]), source[2u * i + 1u]);`,
      pairs,
      values.length,
    )
    expect(firstDifference(someBits, encoded, codes)).toBeUndefined()
    const decoded = await map(functions, `bitcast<u32>(decode_${name}(x & 0xffu, x >> 8u))`, perValue)
    const wanted = canonical(floatBits(decodeMx(name, { codes, scales })))
    expect(firstDifference(perValue, canonical(decoded), wanted)).toBeUndefined()
  })
})

test('scale_by_power_of_two', async () => {
  for (const exponent of [-600, -280, -150, -127, -24, -1, 0, 1, 23, 126, 127, 149, 277, 600]) {
    const actual = await map(
      wgslScaleByPowerOfTwo(),
      `bitcast<u32>(scale_by_power_of_two(bitcast<f32>(x), ${exponent}))`,
      someBits,
    )
    const wanted = Float32Array.from(asFloats(someBits), (x) => x * 2 ** exponent)
    expect(firstDifference(someBits, canonical(actual), canonical(floatBits(wanted)))).toBeUndefined()
  }
})

test('random_bits', async () => {
  const actual = await map(wgslRandomBits(), 'random_bits(0xfffffff0u, x)', someBits)
  expect(
    firstDifference(
      someBits,
      actual,
      someBits.map((x) => roundingBits(0xfffffff0, x)),
    ),
  ).toBeUndefined()
})

test('shader text', () => {
  expect(formatNames.map((n) => wgslDecode(n) + wgslEncode(n)).join('\n')).toMatchSnapshot()
})

test('shader text of the other functions', () => {
  const name = 'float8_e4m3fn'
  const text = [
    ...[formats.bfloat16, formats.float8_e4m3fn, formats.float8_e8m0fnu].flatMap((f) => [
      wgslEncode(f, { rounding: 'toward-zero' }),
      wgslEncode(f, { rounding: 'stochastic' }),
      wgslEncode(f, { saturate: !f.saturates }),
    ]),
    wgslDecodeWord(name),
    wgslEncodeWord(name),
    wgslEncodeWord('bfloat16', { rounding: 'stochastic' }),
    wgslRandomBits(),
    wgslScaleByPowerOfTwo(),
    wgslPowerOfTwoScale(name),
    wgslMxScale('mxfp8_e4m3'),
    wgslEncodeMx('mxfp8_e4m3'),
    wgslDecodeMx('mxfp8_e4m3'),
  ]
  expect(text.join('\n')).toMatchSnapshot()
})

/** Float16Array: shared memory, conversions, errors of wrong input. */
import { Float16Array, getFloat16, setFloat16 } from '@petamoriken/float16'
import { expect, test } from 'vitest'
import { float16ArrayOf, float16Codes, fromFloat16Array, toFloat16Array } from '../src/float16-array.ts'
import { decodeArray, encodeArray } from '../src/index.ts'
import { asFloats, randomBits } from './edges.ts'

const x = asFloats(randomBits(10_000)).map((v) => (Number.isNaN(v) ? 1 : v))

test('codes and Float16Array share memory', () => {
  const codes = encodeArray('float16', Float32Array.of(1, 2, 3, 4)) as Uint16Array
  const view = float16ArrayOf(codes.subarray(1))
  expect([...view]).toEqual([2, 3, 4])
  view[0] = 0.5
  expect(codes[1]).toBe(0x3800)
  expect(float16Codes(view)).toEqual(codes.subarray(1))
  expect(float16Codes(view).buffer).toBe(codes.buffer)
})

test('both directions agree with the library value by value', () => {
  const array = toFloat16Array(x)
  expect(array).toBeInstanceOf(Float16Array)
  const view = new DataView(new ArrayBuffer(2 * x.length))
  for (const [i, v] of x.entries()) setFloat16(view, 2 * i, v, true)
  expect(float16Codes(array)).toEqual(new Uint16Array(view.buffer))
  const back = fromFloat16Array(array)
  for (let i = 0; i < x.length; i++)
    if (!Object.is(back[i], getFloat16(view, 2 * i, true))) throw new Error(`${i}: ${x[i]}`)
  expect(back).toEqual(decodeArray('float16', new Uint16Array(view.buffer)))
})

test("a platform's own Float16Array, by its name", () => {
  class Float16ArrayOfPlatform extends Uint16Array {
    override get [Symbol.toStringTag](): never {
      return 'Float16Array' as never
    }
  }
  const array = new Float16ArrayOfPlatform(2)
  toFloat16Array(Float32Array.of(1, -2), array, { rounding: 'toward-zero' })
  expect([...fromFloat16Array(array)]).toEqual([1, -2])
})

test('misuse is named', () => {
  expect(() => float16ArrayOf(new Uint8Array(2) as never)).toThrow(/codes must be a Uint16Array/)
  expect(() => float16Codes(new Uint16Array(2))).toThrow(/array must be a Float16Array/)
  expect(() => float16Codes(null as never)).toThrow(TypeError)
  expect(() => toFloat16Array(x, new Float16Array(2))).toThrow(/out has 2 elements, source has 10000/)
  expect(() => fromFloat16Array(new Float16Array(3), new Float32Array(2))).toThrow(RangeError)
})

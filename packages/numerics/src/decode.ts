// Code -> float32. Every value of every format is a float32, so decoding is exact.

import { type CodeArray, checkCodes, type Format, type FormatName, signBit } from './format.ts'
import { formatOf } from './registry.ts'
import { decodeWithSimd } from './simd/run.ts'

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** One table of 2^bits float32 bit patterns a format (1 KiB for 8 bits, 256 KiB for float16), made on first use. */
const tables = new WeakMap<Format, Uint32Array>()

function tableOf(f: Format): Uint32Array {
  let table = tables.get(f)
  if (table === undefined) {
    table = Uint32Array.from({ length: 2 ** f.bits }, (_, code) => decodeBits(f, code))
    tables.set(f, table)
  }
  return table
}

/**
 * The value of a code.
 * @throws RangeError where code is not an integer from 0 to 2^bits - 1
 */
export function decode(format: FormatName | Format, code: number): number {
  const f = formatOf(format)
  if (!Number.isInteger(code) || code < 0 || code >= 2 ** f.bits)
    throw new RangeError(`decode: code must be an integer from 0 to ${2 ** f.bits - 1} for ${f.name}, got ${code}`)
  scratchBits[0] = decodeBits(f, code)
  return scratch[0]
}

/**
 * The values of codes.
 * @param codes Uint16Array for 16-bit formats, Uint8Array for the others, whose bits above the format's width are ignored
 * @param out values go here, from index 0; at least as long as `codes`; made when not given
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError where out is too short
 */
export function decodeArray(format: FormatName | Format, codes: CodeArray, out?: Float32Array): Float32Array {
  const f = formatOf(format)
  checkCodes('decodeArray: codes', f, codes)
  const values = out ?? new Float32Array(codes.length)
  if (!(values instanceof Float32Array)) throw new TypeError('decodeArray: out must be a Float32Array')
  if (values.length < codes.length)
    throw new RangeError(`decodeArray: out has ${values.length} elements, codes has ${codes.length}`)
  if (!f.signed || !decodeWithSimd(f, codes, values)) decodeByTable(f, codes, values)
  return values
}

/** Decoding without SIMD. `values` is at least as long as `codes`. */
export function decodeByTable(f: Format, codes: CodeArray, values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, codes.length)
  if (f.bits === 16 && f.bias === 127) {
    for (let i = 0; i < codes.length; i++) bits[i] = codes[i] << 16
  } else {
    const table = tableOf(f)
    const mask = table.length - 1
    for (let i = 0; i < codes.length; i++) bits[i] = table[codes[i] & mask]
  }
}

/**
 * The float32, as bits, that a code means. Exact. A NaN keeps its sign and its payload's upper bits.
 * @param code 0 to 2^bits - 1
 */
function decodeBits(f: Format, code: number): number {
  if (!f.signed) return code > f.maxFiniteCode ? 0x7fc00000 : code === 0 ? 0x400000 : code << 23
  const top = signBit(f)
  if (f.negativeZeroIsNaN && code === top) return 0x7fc00000
  const sign = (code & top) !== 0 ? 0x80000000 : 0
  const magnitude = code & (top - 1)
  const mantissaBits = f.mantissaBits
  let bits: number
  if (magnitude > f.maxFiniteCode) {
    if (magnitude === f.infinityCode) bits = 0x7f800000
    else bits = f.hasInfinity ? 0x7f800000 | ((magnitude - f.infinityCode) << (23 - mantissaBits)) : 0x7fc00000
  } else if (magnitude >>> mantissaBits !== 0) {
    bits = (magnitude << (23 - mantissaBits)) + ((127 - f.bias) << 23)
  } else if (f.bias === 127) {
    bits = magnitude << (23 - mantissaBits)
  } else if (magnitude === 0) {
    bits = 0
  } else {
    const top1 = 31 - Math.clz32(magnitude)
    bits = ((top1 + 128 - f.bias - mantissaBits) << 23) | ((magnitude << (23 - top1)) & 0x7fffff)
  }
  return (sign | bits) >>> 0
}

// Decodes arrays of codes to float32. Every value of every format is a float32, so decoding is exact.

import { type CodeArray, checkCodes, type Format, type FormatName } from './format.ts'
import { decodeBits } from './one-number.ts'
import { formatOf } from './registry.ts'
import { decodeWithSimd } from './simd/run.ts'

/** Per format a table of 2^bits float32 bit patterns (1 KiB for 8 bits, 256 KiB for float16), filled on first use. */
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
 * The values of codes.
 * @param codes Uint16Array for 16-bit formats, Uint8Array for the others, whose bits above the format's width are
 *   ignored
 * @param out receives the values, from index 0; at least as long as `codes`; allocated if not given
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError if out is too short
 * @example decodeArray('float8_e4m3fn', Uint8Array.of(0x38, 0xc0)) // [1, -2]
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

// Rounds arrays of float32 to the values of a format.
import { decodeArray } from './decode.ts'
import { encodeArray } from './encode.ts'
import { codeArray, type Format, type FormatName } from './format.ts'
import { formatOf } from './registry.ts'
import { type EncodeOptions, settingsOf } from './rounding.ts'
import { roundWithSimd } from './simd/run.ts'

/** Values rounded at a time where there is no SIMD kernel. */
const piece = 4096

/**
 * Values rounded to values of `format`: decodeArray(encodeArray(source)) without an array of codes in between.
 * @param out at least as long as `source`, may be `source` itself; allocated if not given
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError if out is too short, or for an unknown format or
 *   rounding
 * @example roundArray('bfloat16', Float32Array.of(1.01, -3.14159)) // [1.0078125, -3.140625]
 */
export function roundArray(
  format: FormatName | Format,
  source: Float32Array,
  out?: Float32Array,
  options: EncodeOptions = {},
): Float32Array {
  const f = formatOf(format)
  if (!(source instanceof Float32Array)) throw new TypeError('roundArray: source must be a Float32Array')
  const values = out ?? new Float32Array(source.length)
  if (!(values instanceof Float32Array)) throw new TypeError('roundArray: out must be a Float32Array')
  if (values.length < source.length)
    throw new RangeError(`roundArray: out has ${values.length} elements, source has ${source.length}`)
  const { rounding, saturate } = settingsOf(f, options)
  if (rounding === 'nearest-even' && f.signed && roundWithSimd(f, source, values, saturate)) return values
  const codes = codeArray(f, Math.min(piece, source.length))
  const { firstIndex = 0 } = options
  for (let start = 0; start < source.length; start += piece) {
    const end = Math.min(start + piece, source.length)
    const some = codes.subarray(0, end - start)
    encodeArray(f, source.subarray(start, end), some, { ...options, firstIndex: firstIndex + start })
    decodeArray(f, some, values.subarray(start, end))
  }
  return values
}

// Encoding with a scale: codes represent value * scale, decoded values are divided by the scale.

import { decodeArray } from './decode.ts'
import { encodeArray } from './encode.ts'
import { type CodeArray, checkCodes, codeArray, type Format, type FormatName } from './format.ts'
import { formatOf } from './registry.ts'
import type { EncodeOptions } from './rounding.ts'

const blockLength = 4096
const block = new Float32Array(blockLength)

/**
 * Codes of `source * scale`. The product is rounded to float32: exact if scale is a power of two and no product leaves
 * float32's range.
 * @param scale finite and positive
 * @param out allocated if not given; at least as long as `source`
 * @returns `out`
 * @throws RangeError if scale is not finite and positive, or out is too short; TypeError for an array of the wrong kind
 * @example quantize('float8_e4m3fn', Float32Array.of(0.01, 0.02), 16384) // [114, 122]
 */
export function quantize(
  format: FormatName | Format,
  source: Float32Array,
  scale: number,
  out?: CodeArray,
  options: EncodeOptions = {},
): CodeArray {
  const f = formatOf(format)
  checkScale('quantize', scale)
  const codes = out ?? codeArray(f, source.length)
  checkCodes('quantize: out', f, codes)
  if (codes.length < source.length)
    throw new RangeError(`quantize: out has ${codes.length} elements, source has ${source.length}`)
  const { firstIndex = 0 } = options
  for (let start = 0; start < source.length; start += blockLength) {
    const end = Math.min(start + blockLength, source.length)
    for (let i = start; i < end; i++) block[i - start] = source[i] * scale
    encodeArray(f, block.subarray(0, end - start), codes.subarray(start, end), {
      ...options,
      firstIndex: firstIndex + start,
    })
  }
  return codes
}

/**
 * Values of codes made by `quantize` with the same scale: decoded * float32(1 / scale), as a GPU kernel computes it.
 * @returns `out`
 * @throws RangeError if scale is not finite and positive, or out is too short; TypeError for an array of the wrong kind
 * @example
 * const x = Float32Array.of(0.01, 0.02)
 * dequantize('float8_e4m3fn', quantize('float8_e4m3fn', x, 16384), 16384) // [0.00977, 0.0195]
 */
export function dequantize(
  format: FormatName | Format,
  codes: CodeArray,
  scale: number,
  out?: Float32Array,
): Float32Array {
  checkScale('dequantize', scale)
  const values = decodeArray(format, codes, out)
  const inverse = Math.fround(1 / scale)
  for (let i = 0; i < codes.length; i++) values[i] *= inverse
  return values
}

function checkScale(what: string, scale: number): void {
  if (!(scale > 0 && Number.isFinite(scale)))
    throw new RangeError(`${what}: scale must be finite and greater than 0, got ${scale}`)
}

import { decode } from './decode.ts'
import { type EncodeOptions, encode } from './encode.ts'
import type { Format, FormatName } from './format.ts'

/**
 * `x` rounded to a value of `format`: decode(encode(x)), with the same rules as `encode` (float32 first, then the format).
 * @throws RangeError unknown format or rounding; TypeError where x is not a number
 */
export function round(format: FormatName | Format, x: number, options: EncodeOptions = {}): number {
  return decode(format, encode(format, x, options))
}

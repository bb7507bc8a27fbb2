// The formats by name. A new format is added here.
import type { Format, FormatName } from './format.ts'
import { bfloat16 } from './formats/bfloat16.ts'
import { float4_e2m1fn } from './formats/float4-e2m1fn.ts'
import { float6_e2m3fn } from './formats/float6-e2m3fn.ts'
import { float6_e3m2fn } from './formats/float6-e3m2fn.ts'
import { float8_e3m4 } from './formats/float8-e3m4.ts'
import { float8_e4m3b11fnuz } from './formats/float8-e4m3b11fnuz.ts'
import { float8_e4m3fn } from './formats/float8-e4m3fn.ts'
import { float8_e4m3fnuz } from './formats/float8-e4m3fnuz.ts'
import { float8_e5m2 } from './formats/float8-e5m2.ts'
import { float8_e5m2fnuz } from './formats/float8-e5m2fnuz.ts'
import { float8_e8m0fnu } from './formats/float8-e8m0fnu.ts'
import { float16 } from './formats/float16.ts'

/** Every format this package knows, by name. */
export const formats = {
  bfloat16,
  float16,
  float8_e4m3fn,
  float8_e5m2,
  float8_e4m3fnuz,
  float8_e5m2fnuz,
  float8_e4m3b11fnuz,
  float8_e3m4,
  float8_e8m0fnu,
  float6_e2m3fn,
  float6_e3m2fn,
  float4_e2m1fn,
} as const satisfies Readonly<Record<string, Format>>

/** The names of `formats`, by decreasing width. */
export const formatNames = Object.keys(formats) as readonly FormatName[]

/**
 * The description of a format, given by name or as itself.
 * @throws RangeError for an unknown name, or a description that contradicts itself; TypeError for something that is
 *   neither a name nor a format
 * @example formatOf('bfloat16').mantissaBits // 7
 */
export function formatOf(format: FormatName | Format): Format {
  if (typeof format === 'string') {
    if (Object.hasOwn(formats, format)) return formats[format]
    throw new RangeError(`format: unknown name '${format}'; known are ${formatNames.join(', ')}`)
  }
  if (typeof format === 'object' && format !== null && typeof format.mantissaBits === 'number') {
    const { name, bits, signed, exponentBits, mantissaBits, bias } = format
    if (signed === false) {
      if (bits !== 8 || exponentBits !== 8 || mantissaBits !== 0 || bias !== 127)
        throw new RangeError(
          `format: ${name} is unsigned, so it must be powers of two in 8 bits with bias 127, as float8_e8m0fnu`,
        )
      return format
    }
    if (bits !== 1 + exponentBits + mantissaBits || bits > 16 || mantissaBits < 1 || exponentBits < 2)
      throw new RangeError(
        `format: ${name} must have bits = 1 + exponentBits + mantissaBits <= 16, exponentBits >= 2 and mantissaBits >= 1, got ${bits} = 1 + ${exponentBits} + ${mantissaBits}`,
      )
    if (format.negativeZeroIsNaN && (format.hasInfinity || format.nanCode !== 1 << (bits - 1)))
      throw new RangeError(
        `format: ${name} has its NaN at negative zero, so nanCode must be ${1 << (bits - 1)} and there is no infinity`,
      )
    return format
  }
  throw new TypeError(`format: expected a name (${formatNames.join(', ')}) or a Format object, got ${String(format)}`)
}

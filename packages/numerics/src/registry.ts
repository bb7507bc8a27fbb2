import type { Format, FormatName } from './format.ts'
import { bfloat16 } from './formats/bfloat16.ts'
import { float8_e4m3fn } from './formats/float8-e4m3fn.ts'
import { float8_e5m2 } from './formats/float8-e5m2.ts'
import { float16 } from './formats/float16.ts'

/** Every format this package knows, by name. */
export const formats: Readonly<Record<FormatName, Format>> = { bfloat16, float16, float8_e4m3fn, float8_e5m2 }

/** The names of `formats`, in order of falling precision. */
export const formatNames = Object.keys(formats) as readonly FormatName[]

/**
 * The description of a format, from its name or from itself.
 * @throws RangeError for an unknown name; TypeError for something that is neither a name nor a format
 */
export function formatOf(format: FormatName | Format): Format {
  if (typeof format === 'string') {
    if (Object.hasOwn(formats, format)) return formats[format]
    throw new RangeError(`format: unknown name '${format}'; known are ${formatNames.join(', ')}`)
  }
  if (typeof format === 'object' && format !== null && typeof format.mantissaBits === 'number') {
    const { bits, exponentBits, mantissaBits } = format
    if (bits !== 1 + exponentBits + mantissaBits || bits > 16 || mantissaBits < 1 || exponentBits < 2)
      throw new RangeError(
        `format: ${format.name} must have bits = 1 + exponentBits + mantissaBits <= 16, exponentBits >= 2 and mantissaBits >= 1, got ${bits} = 1 + ${exponentBits} + ${mantissaBits}`,
      )
    return format
  }
  throw new TypeError(`format: expected a name (${formatNames.join(', ')}) or a Format object, got ${String(format)}`)
}

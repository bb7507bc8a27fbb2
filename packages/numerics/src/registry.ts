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
  if (typeof format === 'object' && format !== null && typeof format.mantissaBits === 'number') return format
  throw new TypeError(`format: expected a name (${formatNames.join(', ')}) or a Format object, got ${String(format)}`)
}

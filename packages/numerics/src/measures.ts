// Error measures: what encoding values in a format loses.

import { type ExponentHistogram, exponentHistogram } from './exponent-histogram.ts'
import type { Format, FormatName } from './format.ts'
import { decode } from './one-number.ts'
import { formatNames, formatOf } from './registry.ts'
import { roundArray } from './round.ts'
import type { EncodeOptions, Rounding } from './rounding.ts'
import { amax, scaleFor } from './scaling.ts'

/**
 * Signal to quantisation noise ratio in dB: 10 log10(sum x^2 / sum (x - y)^2), summed in float64. Infinity if x = y.
 * @param reference x
 * @param approximation y, as long as x
 * @throws RangeError if the lengths differ
 * @example
 * const x = Float32Array.of(0.1, -1.7, 30)
 * sqnr(x, roundArray('float8_e4m3fn', x)) // 55.6
 */
export function sqnr(reference: ArrayLike<number>, approximation: ArrayLike<number>): number {
  if (reference.length !== approximation.length)
    throw new RangeError(`sqnr: lengths differ: reference ${reference.length}, approximation ${approximation.length}`)
  let signal = 0
  let noise = 0
  for (let i = 0; i < reference.length; i++) {
    const d = reference[i] - approximation[i]
    signal += reference[i] * reference[i]
    noise += d * d
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise)
}

export interface CompareOptions {
  /** Default: every signed format of this package. */
  formats?: readonly (FormatName | Format)[]
  /**
   * `none` (default): scale 1. `amax`: maps the greatest magnitude to the format's maximum. `amax-power-of-two`: the
   * same, rounded down to a power of two. `best`: the scale with the highest SQNR among the `amax` scale times 2^(k/8),
   * k = -16 to 32 for formats that saturate (for k above 0 the greatest values do) and -16 to 0 for the others,
   * measured on at most 2^16 of the values.
   */
  scaling?: 'none' | 'amax' | 'amax-power-of-two' | 'best'
  rounding?: Rounding
  seed?: number
  random?: () => number
  /** Whether each row has the histogram of the decoded values' exponents. Default false. */
  histogram?: boolean
}

/** One row of `compareFormats`. Fractions are of all values. */
export interface FormatComparison {
  format: string
  /** The factor by which values were multiplied before encoding. */
  scale: number
  /** Over values whose code is finite, in dB: infinite where all are exact, NaN where no value is finite. */
  sqnrDb: number
  /**
   * Greatest and mean |error| in units of the format's spacing at the value, over finite values that are within range.
   * Nearest rounding gives at most 0.5.
   */
  maxUlpError: number
  meanUlpError: number
  /** Non-zero values that became zero. */
  underflowFraction: number
  /** Values beyond the format's greatest finite one, infinities included. */
  saturationFraction: number
  /** Values whose code is NaN. */
  nanFraction: number
  /** Exponents of the decoded values, before division by the scale. Only with `histogram: true`. */
  exponents?: ExponentHistogram
}

/**
 * Encodes and decodes `values` in each format and measures the error.
 * @param values any shape, flattened
 * @returns one row per format, in the order given
 * @throws RangeError for an unknown format, scaling or rounding
 * @example
 * const rows = compareFormats(Float32Array.of(0.1, -1.7, 300), { formats: ['bfloat16', 'float8_e4m3fn'] })
 * rows.map(({ sqnrDb }) => sqnrDb) // [99.6, 28]
 */
export function compareFormats(values: Float32Array, options: CompareOptions = {}): FormatComparison[] {
  const { formats = signedNames, scaling = 'none', rounding, seed, random, histogram = false } = options
  if (!scalings.includes(scaling))
    throw new RangeError(`compareFormats: scaling must be one of ${scalings.join(', ')}, got '${scaling}'`)
  if (!(values instanceof Float32Array)) throw new TypeError('compareFormats: values must be a Float32Array')
  const greatest = amax(values)
  const encoding = { rounding, seed, random }
  return formats.map((format) => {
    const f = formatOf(format)
    if (scaling === 'best') return compareOne(f, values, bestScale(f, values, greatest, encoding), encoding, histogram)
    const scale = scaling === 'none' ? 1 : scaleFor(f, greatest, { powerOfTwo: scaling === 'amax-power-of-two' })
    return compareOne(f, values, scale, encoding, histogram)
  })
}

const scalings: readonly string[] = ['none', 'amax', 'amax-power-of-two', 'best'] satisfies CompareOptions['scaling'][]
const signedNames = formatNames.filter((name) => formatOf(name).signed)

function bestScale(f: Format, values: Float32Array, greatest: number, options: EncodeOptions): number {
  const stride = Math.ceil(values.length / 2 ** 16)
  const some =
    stride <= 1
      ? values
      : Float32Array.from({ length: Math.floor(values.length / stride) }, (_, i) => values[i * stride])
  const start = scaleFor(f, greatest)
  let best = start
  let most = Number.NEGATIVE_INFINITY
  for (let k = -16; k <= (f.saturates ? 32 : 0); k++) {
    const scale = Math.fround(start * 2 ** (k / 8))
    if (!(scale > 0 && scale < Number.POSITIVE_INFINITY)) continue
    const db = compareOne(f, some, scale, options, false).sqnrDb
    if (db > most) {
      most = db
      best = scale
    }
  }
  return best
}

function compareOne(
  f: Format,
  values: Float32Array,
  scale: number,
  options: EncodeOptions,
  histogram: boolean,
): FormatComparison {
  const scaled = scale === 1 ? values : values.map((v) => v * scale)
  const decoded = roundArray(f, scaled, undefined, options)
  const limit = decode(f, f.maxFiniteCode)
  let signal = 0
  let noise = 0
  let maxUlp = 0
  let sumUlp = 0
  let finite = 0
  let counted = 0
  let underflow = 0
  let saturated = 0
  let nan = 0
  for (let i = 0; i < scaled.length; i++) {
    const x = scaled[i]
    const y = decoded[i]
    if (Number.isNaN(y)) nan++
    if (Math.abs(x) > limit) saturated++
    if (x !== 0 && y === 0) underflow++
    if (!Number.isFinite(y) || !Number.isFinite(x)) continue
    finite++
    const d = x - y
    signal += x * x
    noise += d * d
    if (Math.abs(x) > limit) continue
    const ulps = Math.abs(d) / spacing(f, x)
    if (ulps > maxUlp) maxUlp = ulps
    sumUlp += ulps
    counted++
  }
  const n = Math.max(1, scaled.length)
  return {
    format: f.name,
    scale,
    sqnrDb:
      finite === 0 && scaled.length > 0
        ? Number.NaN
        : noise === 0
          ? Number.POSITIVE_INFINITY
          : 10 * Math.log10(signal / noise),
    maxUlpError: maxUlp,
    meanUlpError: counted === 0 ? 0 : sumUlp / counted,
    underflowFraction: underflow / n,
    saturationFraction: saturated / n,
    nanFraction: nan / n,
    ...(histogram ? { exponents: exponentHistogram(decoded) } : {}),
  }
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The gap between adjacent values of the format in the binade of the float32 `x`. */
function spacing(f: Format, x: number): number {
  scratch[0] = x
  const exponent = ((scratchBits[0] >>> 23) & 0xff) - 127
  return 2 ** (Math.max(exponent, 1 - f.bias) - f.mantissaBits)
}

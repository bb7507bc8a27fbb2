// How much a format loses on given values.

import { decode, decodeArray } from './decode.ts'
import { encodeArray, type Rounding } from './encode.ts'
import type { Format, FormatName } from './format.ts'
import { formatNames, formatOf } from './registry.ts'
import { amax, scaleFor } from './scaling.ts'

/**
 * Signal to quantisation noise ratio in dB: 10 log10(sum x^2 / sum (x - y)^2), summed in float64. Infinity where nothing differs.
 * @param reference x
 * @param approximation y, as long as x
 * @throws RangeError where the lengths differ
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
  /** Default: every format of this package. */
  formats?: readonly (FormatName | Format)[]
  /** `none` (default): values as they are. `amax`: brought to the format's maximum. `amax-power-of-two`: the same, cut to a power of two. */
  scaling?: 'none' | 'amax' | 'amax-power-of-two'
  rounding?: Rounding
  random?: () => number
}

/** One row of `compareFormats`. Fractions are of all values. */
export interface FormatComparison {
  format: string
  /** The factor used. */
  scale: number
  /** Over values whose code is finite, in dB. */
  sqnrDb: number
  /** Greatest and mean |error| in units of the format's spacing at the value, over finite values that are within range. Nearest rounding gives at most 0.5. */
  maxUlpError: number
  meanUlpError: number
  /** Non-zero values that became zero. */
  underflowFraction: number
  /** Values beyond the format's greatest finite one, infinities included. */
  saturationFraction: number
  /** Values whose code is NaN. */
  nanFraction: number
}

/**
 * Encodes and decodes `values` in each format and says what was lost.
 * @param values any shape, flattened
 * @returns one row a format, in the order asked
 * @throws RangeError for an unknown format, scaling or rounding
 */
export function compareFormats(values: Float32Array, options: CompareOptions = {}): FormatComparison[] {
  const { formats = formatNames, scaling = 'none', rounding, random } = options
  if (scaling !== 'none' && scaling !== 'amax' && scaling !== 'amax-power-of-two')
    throw new RangeError(`compareFormats: scaling must be 'none', 'amax' or 'amax-power-of-two', got '${scaling}'`)
  const greatest = amax(values)
  return formats.map((format) => {
    const f = formatOf(format)
    const scale = scaling === 'none' ? 1 : scaleFor(f, greatest, { powerOfTwo: scaling === 'amax-power-of-two' })
    return compareOne(f, values, scale, { rounding, random })
  })
}

function compareOne(
  f: Format,
  values: Float32Array,
  scale: number,
  options: { rounding?: Rounding; random?: () => number },
): FormatComparison {
  const scaled = scale === 1 ? values : values.map((v) => v * scale)
  const decoded = decodeArray(f, encodeArray(f, scaled, undefined, options))
  const limit = decode(f, f.maxFiniteCode)
  let signal = 0
  let noise = 0
  let maxUlp = 0
  let sumUlp = 0
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
    sqnrDb: noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise),
    maxUlpError: maxUlp,
    meanUlpError: counted === 0 ? 0 : sumUlp / counted,
    underflowFraction: underflow / n,
    saturationFraction: saturated / n,
    nanFraction: nan / n,
  }
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The gap between neighbours of `format` in the binade of the float32 `x`. */
function spacing(f: Format, x: number): number {
  scratch[0] = x
  const exponent = ((scratchBits[0] >>> 23) & 0xff) - 127
  return 2 ** (Math.max(exponent, 1 - f.bias) - f.mantissaBits)
}

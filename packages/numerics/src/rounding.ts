// Rounding modes and the other options of encoding.
import type { Format } from './format.ts'
import { randomBits } from './random-bits.ts'

/**
 * How a value between two adjacent values of the format is rounded. `nearest-even` is IEEE 754's default. `toward-zero`
 * truncates. `stochastic` rounds the magnitude up with a probability equal to its distance from the lower neighbour
 * divided by their gap (to within 2^-32), so that the expected result is the value itself.
 */
export type Rounding = 'nearest-even' | 'toward-zero' | 'stochastic'

export interface EncodeOptions {
  /** Default `nearest-even`. */
  rounding?: Rounding
  /**
   * true: values out of range, and infinity, become the greatest finite value. false: they become infinity, or NaN in a
   * format without infinity, or the greatest finite value in a format without either (under `toward-zero` finite values
   * become at most the greatest finite one). Default: true for the signed formats of 8 bits and fewer, false for the
   * others. NaN stays NaN if the format has one.
   */
  saturate?: boolean
  /**
   * For `stochastic`: the value at index i is rounded by `randomBits(seed, firstIndex + i)`, on the CPU and in WGSL
   * alike. An integer from 0 to 2^32 - 1.
   */
  seed?: number
  /**
   * Index of the first value, where an array is encoded in pieces. Default 0; an integer from 0 to 2^53 - 1, counted
   * modulo 2^32.
   */
  firstIndex?: number
  /**
   * Instead of `seed`: a source of uniform numbers in [0, 1). One is drawn for each value that is not exact in the
   * format. Default without `seed`: Math.random.
   */
  random?: () => number
}

/** Options of encoding, validated and with defaults. */
export interface Settings {
  rounding: Rounding
  saturate: boolean
  /** 32 uniform random bits for the value at an index. */
  draw: (index: number) => number
}

/**
 * Validates options of encoding.
 * @throws RangeError for an unknown rounding or a seed out of range; TypeError if an option is of the wrong kind
 */
export function settingsOf(f: Format, options: EncodeOptions): Settings {
  const { rounding = 'nearest-even', saturate = f.saturates, seed, firstIndex = 0, random } = options
  if (rounding !== 'nearest-even' && rounding !== 'toward-zero' && rounding !== 'stochastic')
    throw new RangeError(`rounding: '${rounding}' is unknown; use 'nearest-even', 'toward-zero' or 'stochastic'`)
  if (typeof saturate !== 'boolean') throw new TypeError(`saturate: expected true or false, got ${String(saturate)}`)
  if (random !== undefined && typeof random !== 'function')
    throw new TypeError(`random: expected a function giving numbers in [0, 1), got ${String(random)}`)
  if (!Number.isSafeInteger(firstIndex) || firstIndex < 0)
    throw new RangeError(`firstIndex: expected an integer from 0 to 2^53 - 1, got ${firstIndex}`)
  if (seed === undefined) {
    const uniform = random ?? Math.random
    return { rounding, saturate, draw: () => Math.floor(uniform() * 2 ** 32) }
  }
  if (random !== undefined) throw new TypeError('random: give either seed or random, not both')
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw new RangeError(`seed: expected an integer from 0 to 2^32 - 1, got ${seed}`)
  return { rounding, saturate, draw: (index) => randomBits(seed, firstIndex + index) }
}

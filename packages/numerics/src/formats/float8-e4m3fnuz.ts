/** float8_e4m3fnuz, by the numbers that describe it. */
import type { Format } from '../format.ts'

/**
 * float8_e4m3fnuz: greatest value 240, smallest normal 2^-7, smallest subnormal 2^-10, neither infinity nor a negative zero: 0x80 is the only NaN.
 * AMD's (MI300) and Graphcore's form of E4M3.
 * @see arXiv:2206.02915
 */
export const float8_e4m3fnuz: Format = {
  name: 'float8_e4m3fnuz',
  bits: 8,
  signed: true,
  exponentBits: 4,
  mantissaBits: 3,
  bias: 8,
  maxFiniteCode: 0x7f,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: 0x80,
  saturates: true,
  negativeZeroIsNaN: true,
}

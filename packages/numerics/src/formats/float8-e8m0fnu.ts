// The format float8_e8m0fnu.
import type { Format } from '../format.ts'

/**
 * float8_e8m0fnu: the powers of two from 2^-127 to 2^127, for the scales of blocks. No sign, no zero, no infinity; NaN
 * is 0xff. Zero, negative numbers and numbers that are too large become NaN; with `saturate`, zero becomes 2^-127 and
 * numbers too large 2^127.
 * @see OCP Microscaling Formats (MX) v1.0, section 5.4.1
 */
export const float8_e8m0fnu: Format = {
  name: 'float8_e8m0fnu',
  bits: 8,
  signed: false,
  exponentBits: 8,
  mantissaBits: 0,
  bias: 127,
  maxFiniteCode: 0xfe,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: 0xff,
  saturates: false,
}

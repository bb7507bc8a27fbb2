// The format float8_e5m2.
import type { Format } from '../format.ts'

/**
 * float8_e5m2: greatest value 57344, smallest normal 2^-14, smallest subnormal 2^-16, with infinity (0x7c) and NaN
 * (0x7d to 0x7f). Used for gradients.
 * @see arXiv:2209.05433, table 1; OCP 8-bit Floating Point Specification, section 5.3
 */
export const float8_e5m2: Format = {
  name: 'float8_e5m2',
  bits: 8,
  signed: true,
  exponentBits: 5,
  mantissaBits: 2,
  bias: 15,
  maxFiniteCode: 0x7b,
  hasInfinity: true,
  infinityCode: 0x7c,
  nanCode: 0x7e,
  saturates: true,
}

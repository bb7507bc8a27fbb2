// The format float6_e3m2fn.
import type { Format } from '../format.ts'

/**
 * float6_e3m2fn: greatest value 28, smallest normal 0.25, smallest subnormal 0.0625, neither infinity nor NaN.
 * @see OCP Microscaling Formats (MX) v1.0, section 5.3.2
 */
export const float6_e3m2fn: Format = {
  name: 'float6_e3m2fn',
  bits: 6,
  signed: true,
  exponentBits: 3,
  mantissaBits: 2,
  bias: 3,
  maxFiniteCode: 0x1f,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: -1,
  saturates: true,
}

// The format float6_e2m3fn.
import type { Format } from '../format.ts'

/**
 * float6_e2m3fn: greatest value 7.5, smallest normal 1, smallest subnormal 0.125, neither infinity nor NaN.
 * @see OCP Microscaling Formats (MX) v1.0, section 5.3.2
 */
export const float6_e2m3fn: Format = {
  name: 'float6_e2m3fn',
  bits: 6,
  signed: true,
  exponentBits: 2,
  mantissaBits: 3,
  bias: 1,
  maxFiniteCode: 0x1f,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: -1,
  saturates: true,
}

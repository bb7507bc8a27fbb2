// The format float8_e4m3fn.
import type { Format } from '../format.ts'

/**
 * float8_e4m3fn: greatest value 448, smallest normal 2^-6, smallest subnormal 2^-9, no infinity, NaN only at 0x7f and
 * 0xff. Used for weights and activations.
 * @see arXiv:2209.05433, table 1; OCP 8-bit Floating Point Specification, section 5.3
 */
export const float8_e4m3fn: Format = {
  name: 'float8_e4m3fn',
  bits: 8,
  signed: true,
  exponentBits: 4,
  mantissaBits: 3,
  bias: 7,
  maxFiniteCode: 0x7e,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: 0x7f,
  saturates: true,
}

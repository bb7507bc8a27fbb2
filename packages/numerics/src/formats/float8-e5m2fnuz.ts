// The format float8_e5m2fnuz.
import type { Format } from '../format.ts'

/**
 * float8_e5m2fnuz: greatest value 57344, smallest normal 2^-15, smallest subnormal 2^-17, neither infinity nor a
 * negative zero: 0x80 is the only NaN. The E5M2 of AMD (MI300) and Graphcore.
 * @see arXiv:2206.02915
 */
export const float8_e5m2fnuz: Format = {
  name: 'float8_e5m2fnuz',
  bits: 8,
  signed: true,
  exponentBits: 5,
  mantissaBits: 2,
  bias: 16,
  maxFiniteCode: 0x7f,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: 0x80,
  saturates: true,
  negativeZeroIsNaN: true,
}

// The format float8_e4m3fnuz.
import type { Format } from '../format.ts'

/**
 * float8_e4m3fnuz: greatest value 240, smallest normal 2^-7, smallest subnormal 2^-10, neither infinity nor a negative
 * zero: 0x80 is the only NaN. The E4M3 of AMD (MI300) and Graphcore.
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

// The format float8_e4m3b11fnuz.
import type { Format } from '../format.ts'

/**
 * float8_e4m3b11fnuz: greatest value 30, smallest normal 2^-10, smallest subnormal 2^-13, neither infinity nor a
 * negative zero: 0x80 is the only NaN.
 * @see https://github.com/jax-ml/ml_dtypes for its limits
 */
export const float8_e4m3b11fnuz: Format = {
  name: 'float8_e4m3b11fnuz',
  bits: 8,
  signed: true,
  exponentBits: 4,
  mantissaBits: 3,
  bias: 11,
  maxFiniteCode: 0x7f,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: 0x80,
  saturates: true,
  negativeZeroIsNaN: true,
}

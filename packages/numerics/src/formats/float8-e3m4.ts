// The format float8_e3m4.
import type { Format } from '../format.ts'

/**
 * float8_e3m4: greatest value 15.5, smallest normal 2^-2, smallest subnormal 2^-6, with infinity (0x70) and NaN (0x71
 * to 0x7f) as in IEEE 754.
 * @see https://github.com/jax-ml/ml_dtypes for its limits
 */
export const float8_e3m4: Format = {
  name: 'float8_e3m4',
  bits: 8,
  signed: true,
  exponentBits: 3,
  mantissaBits: 4,
  bias: 3,
  maxFiniteCode: 0x6f,
  hasInfinity: true,
  infinityCode: 0x70,
  nanCode: 0x78,
  saturates: true,
}

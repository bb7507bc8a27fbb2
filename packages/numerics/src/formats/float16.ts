// The format float16.
import type { Format } from '../format.ts'

/** float16: IEEE 754-2019 binary16. Greatest value 65504, smallest normal 2^-14, 11 significant bits. */
export const float16: Format = {
  name: 'float16',
  bits: 16,
  signed: true,
  exponentBits: 5,
  mantissaBits: 10,
  bias: 15,
  maxFiniteCode: 0x7bff,
  hasInfinity: true,
  infinityCode: 0x7c00,
  nanCode: 0x7e00,
  saturates: false,
}

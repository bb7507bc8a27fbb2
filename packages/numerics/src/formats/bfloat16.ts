// The format bfloat16.
import type { Format } from '../format.ts'

/** bfloat16: the upper half of a float32. Same range (3.39e38), 8 significant bits. */
export const bfloat16: Format = {
  name: 'bfloat16',
  bits: 16,
  signed: true,
  exponentBits: 8,
  mantissaBits: 7,
  bias: 127,
  maxFiniteCode: 0x7f7f,
  hasInfinity: true,
  infinityCode: 0x7f80,
  nanCode: 0x7fc0,
  saturates: false,
}

// The format float4_e2m1fn.
import type { Format } from '../format.ts'

/**
 * float4_e2m1fn: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives; neither infinity nor NaN.
 * @see OCP Microscaling Formats (MX) v1.0, section 5.3.3
 */
export const float4_e2m1fn: Format = {
  name: 'float4_e2m1fn',
  bits: 4,
  signed: true,
  exponentBits: 2,
  mantissaBits: 1,
  bias: 1,
  maxFiniteCode: 7,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: -1,
  saturates: true,
}

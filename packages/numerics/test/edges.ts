/** Test values around every code of a format, and random bit patterns. */
import { createHash } from 'node:crypto'
import { decode, type Format } from '../src/index.ts'

/**
 * Each finite value v >= 0, the midpoint to its successor, both float32 neighbours of these two, and all of them
 * negated: as float32 bits.
 */
export function edgeBits(f: Format): Uint32Array {
  const floats = new Float32Array(2)
  const bits = new Uint32Array(floats.buffer)
  const rows: number[] = []
  for (let code = 0; code <= f.maxFiniteCode; code++) {
    const value = decode(f, code)
    const next = code < f.maxFiniteCode ? decode(f, code + 1) : 2 * value - (f.signed ? decode(f, code - 1) : 0)
    floats[0] = value
    floats[1] = (value + next) / 2
    const [v, middle] = bits
    rows.push(Math.max(v, 1) - 1, v, v + 1, middle - 1, middle, middle + 1)
  }
  return Uint32Array.from([...rows, ...rows.map((b) => (b | 0x80000000) >>> 0)])
}

/** Bit patterns of a linear congruential generator (Numerical Recipes' constants). */
export function randomBits(count: number): Uint32Array {
  let x = 12345
  return new Uint32Array(count).map(() => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0))
}

export function sha256(array: Uint32Array | Uint16Array): string {
  return createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex')
}

export function asFloats(bits: Uint32Array): Float32Array {
  return new Float32Array(bits.buffer, bits.byteOffset, bits.length)
}

/** Bits with every NaN made 0x7fc00000. */
export function canonical(bits: Uint32Array): Uint32Array {
  return bits.map((b) => ((b & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : b))
}

/** A format that the package does not know: 5 bits, neither infinity nor NaN. */
export const float5: Format = {
  name: 'float5_e2m2fn',
  bits: 5,
  signed: true,
  exponentBits: 2,
  mantissaBits: 2,
  bias: 1,
  maxFiniteCode: 15,
  hasInfinity: false,
  infinityCode: -1,
  nanCode: -1,
  saturates: true,
}

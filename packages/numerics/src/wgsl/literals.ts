// WGSL literals, and the kinds of format that have shorter code.
import type { Format } from '../format.ts'

/** An unsigned WGSL literal. */
export function hex(n: number): string {
  return `0x${(n >>> 0).toString(16)}u`
}

/** Whether codes are the upper bits of a float32. */
export function isUpperBits(f: Format): boolean {
  return f.signed && f.exponentBits === 8 && f.bias === 127 && f.hasInfinity
}

// WGSL that tests and makes floats by their bits: NaN, infinity, order.

import type { ComputeType } from '../dtype.ts'

// NaN, infinity and the sign of zero by their bits: WGSL may assume that NaN and infinity do not occur, has no way to
// write them, and leaves open what its own functions make of them.

const quietNan = 0x7fc00000

/** `float_bits(b)`: the float32 with these bits, which may be one that WGSL cannot write. */
export const floatBitsWgsl = 'fn float_bits(bits: u32) -> f32 { return bitcast<f32>(bits); }'

/** `is_nan(v)`: which lanes are NaN. */
export const isNanWgsl = `fn is_nan(v: vec4<f32>) -> vec4<bool> { return (bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u); }
fn either_nan(a: vec4<f32>, b: vec4<f32>) -> vec4<bool> { return is_nan(a) | is_nan(b); }`

/**
 * What kernels that reduce need to keep NaN: `magnitude` is larger than `INFINITE` only for a NaN, and grows under max.
 */
export const magnitudeWgsl = `const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }`

/** NaN, in kernels that have `magnitudeWgsl`. */
export const nanScalar = 'nan_of(0u)'

/** A vec4 expression of one value: NaN, for where a function has no result. */
export const nanVector = `vec4<f32>(float_bits(${quietNan}u))`

/** `order_key(v)`: grows with v; NaN is above everything, both zeros are one. */
export function orderKeyWgsl(type: ComputeType): string {
  if (type === 'u32') return 'fn order_key(v: u32) -> u32 { return v; }'
  if (type === 'i32') return 'fn order_key(v: i32) -> u32 { return bitcast<u32>(v) ^ 0x80000000u; }'
  return `fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}`
}

const bits = new DataView(new ArrayBuffer(4))

/** The bits of a float32 that WGSL has no literal for: NaN, an infinity, -0; `undefined` for the others. */
export function bitsWithoutLiteral(x: number): number | undefined {
  const f = Math.fround(x)
  if (Number.isFinite(f) && !Object.is(f, -0)) return undefined
  bits.setFloat32(0, f)
  return bits.getUint32(0)
}

// WGSL that handles NaN, infinity and the sign of zero by their bits: WGSL may assume that NaN and infinity do not
// occur, has no literals for them, and leaves open how its own functions treat them.

import type { ComputeType } from '../dtype.ts'

const quietNan = 0x7fc00000

/** `float_bits(b)`: the float32 with these bits, which may have no WGSL literal. */
export const floatBitsWgsl = 'fn float_bits(bits: u32) -> f32 { return bitcast<f32>(bits); }'

/** `is_nan(v)`: which lanes are NaN; `either_nan(a, b)`: which are NaN in a or b. */
export const isNanWgsl = `fn is_nan(v: vec4<f32>) -> vec4<bool> { return (bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u); }
fn either_nan(a: vec4<f32>, b: vec4<f32>) -> vec4<bool> { return is_nan(a) | is_nan(b); }`

/**
 * Functions with which reductions propagate NaN: `magnitude` is above `INFINITE` only for NaN, so a maximum of them is
 * too if any element is NaN.
 */
export const magnitudeWgsl = `const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }`

/** A NaN, in kernels that include `magnitudeWgsl`. */
export const nanScalar = 'nan_of(0u)'

/** A vec4 of NaN, in kernels that include `floatBitsWgsl`. */
export const nanVector = `vec4<f32>(float_bits(${quietNan}u))`

/** `order_key(v)`: a u32 that increases with v; NaN is above everything, both zeros are equal. */
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

// Elementary functions in WGSL, loaded with the first program that uses one. They do not rely on the adapter's own
// functions where those are inaccurate or undefined: near 0, for NaN, for infinities.

import { floatBitsWgsl, isNanWgsl, nanVector } from './bits.wgsl.ts'

/** e^x; NaN stays NaN. */
export const expWgsl = [isNanWgsl, 'fn exp_f32(x: vec4<f32>) -> vec4<f32> { return select(exp(x), x, is_nan(x)); }']

/**
 * Natural logarithm: the polynomial of the CPU kernel, since WGSL guarantees only an absolute error of 2^-21 between
 * 1/2 and 2.
 */
export const logWgsl = [
  floatBitsWgsl,
  `fn log_f32(x: vec4<f32>) -> vec4<f32> {
  let bits = bitcast<vec4<u32>>(x);
  let tiny = bits < vec4<u32>(0x00800000u);
  // A subnormal number is its code times 2^-149.
  let b = select(bits, bitcast<vec4<u32>>(vec4<f32>(bits)), tiny);
  var e = vec4<f32>(vec4<i32>(b >> vec4<u32>(23u)) - select(vec4<i32>(126), vec4<i32>(275), tiny));
  var m = bitcast<vec4<f32>>((b & vec4<u32>(0x007fffffu)) | vec4<u32>(0x3f000000u));
  let low = m < vec4<f32>(0.707106781186547524);
  e -= select(vec4<f32>(0.0), vec4<f32>(1.0), low);
  m = m - 1.0 + select(vec4<f32>(0.0), m, low);
  let z = m * m;
  var p = ((((7.0376836292e-2 * m - 1.1514610310e-1) * m + 1.1676998740e-1) * m - 1.2420140846e-1) * m + 1.4249322787e-1);
  p = (((p * m - 1.6668057665e-1) * m + 2.0000714765e-1) * m - 2.4999993993e-1) * m + 3.3333331174e-1;
  let y = m + (p * m * z - e * 2.12194440e-4 - 0.5 * z) + e * 0.693359375;
  let zero = (bits & vec4<u32>(0x7fffffffu)) == vec4<u32>(0u);
  let finite = select(y, vec4<f32>(float_bits(0xff800000u)), zero);
  let positive = select(finite, x, bits == vec4<u32>(0x7f800000u));
  return select(positive, ${nanVector}, (bits > vec4<u32>(0x7f800000u)) & !zero);
}`,
]

/** tanh x: an odd polynomial below 0.625, (1 - e^-2x) / (1 + e^-2x) above. */
export const tanhWgsl = [
  isNanWgsl,
  `fn tanh_f32(x: vec4<f32>) -> vec4<f32> {
  let a = abs(x);
  let z = x * x;
  let p = (((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1;
  let e = exp(-2.0 * a);
  let big = (1.0 - e) / (1.0 + e);
  let y = select(select(big, -big, x < vec4<f32>(0.0)), p * z * x + x, a < vec4<f32>(0.625));
  return select(y, x, is_nan(x));
}`,
]

/** 1 / (1 + e^-x). The argument of the exponential is never positive, so it does not overflow. */
export const sigmoidWgsl = [
  isNanWgsl,
  `fn sigmoid_f32(x: vec4<f32>) -> vec4<f32> {
  let e = exp(-abs(x));
  let y = select(e, vec4<f32>(1.0), x >= vec4<f32>(0.0)) / (1.0 + e);
  return select(y, x, is_nan(x));
}`,
]

/**
 * Floats to integers, toward zero, saturating, NaN to 0. WGSL's own conversion saturates at the largest float below the
 * limit.
 */
export const truncateWgsl = [
  isNanWgsl,
  `fn truncate_i32(x: vec4<f32>) -> vec4<i32> {
  let inside = vec4<i32>(clamp(x, vec4<f32>(-2147483648.0), vec4<f32>(2147483520.0)));
  let above = select(inside, vec4<i32>(2147483647), x >= vec4<f32>(2147483648.0));
  return select(above, vec4<i32>(0), is_nan(x));
}
fn truncate_u32(x: vec4<f32>) -> vec4<u32> {
  let inside = vec4<u32>(clamp(x, vec4<f32>(0.0), vec4<f32>(4294967040.0)));
  let above = select(inside, vec4<u32>(4294967295u), x >= vec4<f32>(4294967296.0));
  return select(above, vec4<u32>(0u), is_nan(x));
}`,
]

// Elementary functions on four floats at a time. Polynomials from Cephes (S. Moshier, netlib); errors of 1 to 2 ulp in
// the range that float32 training uses. Special values are selected by masks, not by branches.

/** a * b + c, rounded twice: the same bits with and without relaxed SIMD. */
// @ts-ignore: decorator
@inline
function fma(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c)
}

// @ts-ignore: decorator
@inline
function k(x: f32): v128 {
  return f32x4.splat(x)
}

/**
 * Constants of `exp4` and `expRow`, in memory: V8 builds a vector constant anew at each use, by several instructions,
 * where a load is one.
 */
const expConstants = memory.data<f32>([
  -87.3, 88.72, 1.44269504088896341, 12582912, -0.693359375, 2.12194440e-4, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
  4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 88.72284, Infinity,
], 16)

// @ts-ignore: decorator
@inline
export function expConstant(index: usize): v128 {
  return v128.load32_splat(expConstants + (index << 2))
}

/** e^x without the special cases: for x of magnitude 87.3 at most. */
// @ts-ignore: decorator
@inline
function exponential(x: v128): v128 {
  // Added to 1.5 2^23 a small number is rounded to an integer, which are then the last bits.
  const magic = expConstant(3)
  const shifted = f32x4.add(f32x4.mul(x, expConstant(2)), magic)
  const n = f32x4.sub(shifted, magic)
  // x - n ln 2 in two steps, so that no bits are lost.
  let r = fma(n, expConstant(4), x)
  r = fma(n, expConstant(5), r)
  let p = expConstant(6)
  p = fma(p, r, expConstant(7))
  p = fma(p, r, expConstant(8))
  p = fma(p, r, expConstant(9))
  p = fma(p, r, expConstant(10))
  p = fma(p, r, expConstant(11))
  p = f32x4.add(fma(p, f32x4.mul(r, r), r), expConstant(12))
  // n, the low bits of `shifted`, is added to the exponent of p. The sum is an exponent: where n is 128, p is below 1,
  // and where n is -126, above.
  return i32x4.add(p, i32x4.shl(shifted, 23))
}

/** e^x. Below -87.3 the result is 0 (subnormal results are flushed), above 88.7 Infinity; NaN stays NaN. */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const low = expConstant(0)
  const y = v128.andnot(exponential(f32x4.pmin(f32x4.pmax(x, low), expConstant(1))), f32x4.lt(x, low))
  // Infinity for large x, and NaN for NaN, of which the sum of exponents may have made a number.
  return f32x4.add(v128.andnot(f32x4.mul(x, expConstant(14)), f32x4.le(x, expConstant(13))), y)
}

/** Natural logarithm. Zero gives -Infinity, negatives NaN. */
// @ts-ignore: decorator
@inline
export function log4(x: v128): v128 {
  // A subnormal number is its code times 2^-149.
  const tiny = i32x4.lt_u(x, i32x4.splat(0x00800000))
  const bits = v128.bitselect(f32x4.convert_i32x4_s(x), x, tiny)
  const bias = v128.bitselect(i32x4.splat(275), i32x4.splat(126), tiny)
  let e = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_s(bits, 23), bias))
  let m = v128.or(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f000000)) // [0.5, 1)
  const low = f32x4.lt(m, k(0.707106781186547524))
  e = f32x4.sub(e, v128.and(low, k(1)))
  m = f32x4.add(f32x4.sub(m, k(1)), v128.and(low, m))
  const z = f32x4.mul(m, m)
  let p = k(7.0376836292e-2)
  p = fma(p, m, k(-1.1514610310e-1))
  p = fma(p, m, k(1.1676998740e-1))
  p = fma(p, m, k(-1.2420140846e-1))
  p = fma(p, m, k(1.4249322787e-1))
  p = fma(p, m, k(-1.6668057665e-1))
  p = fma(p, m, k(2.0000714765e-1))
  p = fma(p, m, k(-2.4999993993e-1))
  p = fma(p, m, k(3.3333331174e-1))
  let y = f32x4.mul(f32x4.mul(p, m), z)
  y = fma(e, k(-2.12194440e-4), y)
  y = fma(z, k(-0.5), y)
  y = f32x4.add(m, y)
  y = fma(e, k(0.693359375), y)
  y = v128.bitselect(k(-Infinity), y, f32x4.eq(x, k(0)))
  y = v128.bitselect(k(NaN), y, f32x4.lt(x, k(0)))
  y = v128.bitselect(x, y, f32x4.eq(x, k(Infinity)))
  return v128.bitselect(x, y, f32x4.ne(x, x))
}

export function exp(x: v128): v128 {
  return exp4(x)
}

/** `exp` where no lane is a special case: see `shortcuts` in the generator of fused kernels, which copies it. */
export function expInRange(x: v128): v128 {
  return exponential(x)
}

export function log(x: v128): v128 {
  return log4(x)
}

export function sigmoid(x: v128): v128 {
  return f32x4.div(k(1), f32x4.add(k(1), exp4(f32x4.neg(x))))
}

/** `sigmoid` where no lane is a special case of the exponential. */
export function sigmoidInRange(x: v128): v128 {
  return f32x4.div(k(1), f32x4.add(k(1), exponential(f32x4.neg(x))))
}

/** tanh x: an odd polynomial below 0.625, (e^2x - 1) / (e^2x + 1) above. */
export function tanh(x: v128): v128 {
  const a = f32x4.abs(x)
  const z = f32x4.mul(x, x)
  let p = k(-5.70498872745e-3)
  p = fma(p, z, k(2.06390887954e-2))
  p = fma(p, z, k(-5.37397155531e-2))
  p = fma(p, z, k(1.33314422036e-1))
  p = fma(p, z, k(-3.33332819422e-1))
  const small = fma(f32x4.mul(p, z), x, x)
  const e = exp4(f32x4.mul(f32x4.pmin(a, k(20)), k(2)))
  const big = f32x4.sub(k(1), f32x4.div(k(2), f32x4.add(e, k(1))))
  const signed = v128.or(big, v128.and(x, i32x4.splat(0x80000000)))
  return v128.bitselect(x, v128.bitselect(small, signed, f32x4.lt(a, k(0.625))), f32x4.ne(x, x))
}

export function sign(x: v128): v128 {
  const one = v128.or(k(1), v128.and(x, i32x4.splat(0x80000000)))
  return v128.bitselect(x, one, v128.or(f32x4.eq(x, k(0)), f32x4.ne(x, x)))
}

// 4 / pi in binary: word 0 is the integer part.
const fourOverPi = memory.data<u32>([0x1, 0x45f306dc, 0x9c882a53, 0xf84eafa3, 0xea69bb81, 0xb6c52b32, 0x78872083, 0xfca2c757])

/**
 * x mod 2 pi in octants as 3 bits and a fraction of 61, by the 96 bits of 4 / pi that matter for the exponent of x
 * (Payne and Hanek): higher ones add multiples of 8 octants, lower ones vanish. For x of at least 1.
 */
function octants(x: i32): u64 {
  const at = (x >>> 23) - 121
  const word = fourOverPi + (<usize>(at >> 5) << 2)
  const s = <u64>(at & 31)
  const w0 = (((<u64>load<u32>(word) << 32) | <u64>load<u32>(word, 4)) << s) >> 32
  const w1 = (((<u64>load<u32>(word, 4) << 32) | <u64>load<u32>(word, 8)) << s) >> 32
  const w2 = (((<u64>load<u32>(word, 8) << 32) | <u64>load<u32>(word, 12)) << s) >> 32
  const m = <u64>((x & 0x007fffff) | 0x00800000)
  return ((m * w0) << 32) + m * w1 + ((m * w2) >> 32)
}

/**
 * Reduces one lane, |x| > 4096, for which the three-step reduction is not exact enough: the octant (even) in the upper
 * half of the result, the remainder in radians as float32 bits in the lower half.
 */
// @ts-ignore: decorator
@inline
function reduceLane(a: i32): u64 {
  const t = octants(a)
  const octant = ((t >> 61) + 1) & 6
  const left = <f32>(<f64>(<i64>(t - (octant << 61))) * 3.406121575365214e-19) // 2^-61 pi / 4
  return (octant << 32) | <u64>reinterpret<u32>(left)
}

/**
 * Sine (shift 0) or cosine (shift 2), reduced to an octant by multiples of pi / 4: in three steps, or for large
 * arguments by the bits of 4 / pi.
 */
function sincos(x: v128, shift: i32): v128 {
  const a = f32x4.abs(x)
  let j = i32x4.trunc_sat_f32x4_s(f32x4.mul(a, k(1.27323954473516)))
  j = v128.and(i32x4.add(j, i32x4.splat(1)), i32x4.splat(~1))
  const y = f32x4.convert_i32x4_s(j)
  let r = fma(y, k(-0.78515625), a)
  r = fma(y, k(-2.4187564849853515625e-4), r)
  r = fma(y, k(-3.77489497744594108e-8), r)
  const large = v128.and(f32x4.gt(a, k(4096)), f32x4.lt(a, k(Infinity)))
  if (v128.any_true(large)) {
    // Lanes that are not large are replaced by a finite number and their result is not used.
    const safe = v128.bitselect(a, k(8192), large)
    const p0 = reduceLane(i32x4.extract_lane(safe, 0))
    const p1 = reduceLane(i32x4.extract_lane(safe, 1))
    const p2 = reduceLane(i32x4.extract_lane(safe, 2))
    const p3 = reduceLane(i32x4.extract_lane(safe, 3))
    let rs = i32x4.splat(<i32>p0)
    rs = i32x4.replace_lane(rs, 1, <i32>p1)
    rs = i32x4.replace_lane(rs, 2, <i32>p2)
    rs = i32x4.replace_lane(rs, 3, <i32>p3)
    let js = i32x4.splat(<i32>(p0 >> 32))
    js = i32x4.replace_lane(js, 1, <i32>(p1 >> 32))
    js = i32x4.replace_lane(js, 2, <i32>(p2 >> 32))
    js = i32x4.replace_lane(js, 3, <i32>(p3 >> 32))
    r = v128.bitselect(rs, r, large)
    j = v128.bitselect(js, j, large)
  }
  // a - a is NaN for infinity, which has no sine, and 0 otherwise.
  r = f32x4.add(r, f32x4.sub(a, a))
  // cos x = sin(x + pi / 2): two octants later.
  const q = i32x4.add(j, i32x4.splat(shift))
  const z = f32x4.mul(r, r)
  let c = k(2.443315711809948e-5)
  c = fma(c, z, k(-1.388731625493765e-3))
  c = fma(c, z, k(4.166664568298827e-2))
  c = f32x4.add(fma(f32x4.mul(c, z), z, f32x4.mul(z, k(-0.5))), k(1))
  let s = k(-1.9515295891e-4)
  s = fma(s, z, k(8.3321608736e-3))
  s = fma(s, z, k(-1.6666654611e-1))
  s = fma(f32x4.mul(s, z), r, r)
  const useCos = i32x4.ne(v128.and(q, i32x4.splat(2)), i32x4.splat(0))
  const value = v128.bitselect(c, s, useCos)
  const flip = i32x4.shl(v128.and(q, i32x4.splat(4)), 29)
  const own = shift == 0 ? v128.and(x, i32x4.splat(0x80000000)) : i32x4.splat(0)
  return v128.xor(value, v128.xor(flip, own))
}

export function sin(x: v128): v128 {
  return sincos(x, 0)
}

export function cos(x: v128): v128 {
  return sincos(x, 2)
}

/** Float32 to bfloat16 codes in the low halves: nearest even; NaN stays NaN. */
// @ts-ignore: decorator
@inline
export function bf16(x: v128): v128 {
  const nan = f32x4.ne(x, x)
  // Of a NaN only the sign and the quiet bit are kept, which rounding does not change.
  const y = v128.or(v128.andnot(x, v128.and(nan, i32x4.splat(0x3fffff))), v128.and(nan, i32x4.splat(0x400000)))
  const lsb = v128.and(i32x4.shr_u(y, 16), i32x4.splat(1))
  return i32x4.shr_u(i32x4.add(i32x4.add(y, i32x4.splat(0x7fff)), lsb), 16)
}

export function encodeBf16(x: v128): v128 {
  return bf16(x)
}

/** `encodeBf16` where no lane is NaN. */
export function encodeBf16InRange(x: v128): v128 {
  const even = i32x4.eq(v128.and(x, i32x4.splat(0x10000)), i32x4.splat(0))
  return i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x8000)), even), 16)
}

/** float16 codes in the low halves to float32, exactly, subnormals included. */
export function decodeF16(code: v128): v128 {
  const sign = i32x4.shl(v128.and(code, i32x4.splat(0x8000)), 16)
  const magnitude = v128.and(code, i32x4.splat(0x7fff))
  const normal = i32x4.add(i32x4.shl(magnitude, 13), i32x4.splat(112 << 23))
  const special = i32x4.add(normal, i32x4.splat(112 << 23)) // infinity and NaN: exponent 31 becomes 255
  const small = f32x4.mul(f32x4.convert_i32x4_s(magnitude), k(5.9604644775390625e-8)) // 2^-24
  let y = v128.bitselect(small, normal, i32x4.lt_s(magnitude, i32x4.splat(0x400)))
  y = v128.bitselect(special, y, i32x4.ge_s(magnitude, i32x4.splat(0x7c00)))
  return v128.or(sign, y)
}

/** Float32 to float16 codes in the low halves: nearest even, overflow to infinity, canonical NaN. */
export function encodeF16(x: v128): v128 {
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000))
  const a = v128.and(x, i32x4.splat(0x7fffffff))
  const lsb = v128.and(i32x4.shr_u(a, 13), i32x4.splat(1))
  const normal = i32x4.shr_u(i32x4.sub(i32x4.add(i32x4.add(a, i32x4.splat(0xfff)), lsb), i32x4.splat(112 << 23)), 13)
  // Below 2^-14: adding 0.5 leaves the code in the mantissa, rounded to nearest even by the addition itself.
  const small = i32x4.sub(f32x4.add(a, k(0.5)), i32x4.splat(0x3f000000))
  let y = v128.bitselect(small, normal, i32x4.lt_u(a, i32x4.splat(113 << 23)))
  y = v128.bitselect(i32x4.splat(0x7c00), y, i32x4.ge_u(a, i32x4.splat(0x477ff000))) // 65520 and more
  y = v128.bitselect(i32x4.splat(0x7e00), y, i32x4.gt_u(a, i32x4.splat(0x7f800000)))
  return v128.or(sign, y)
}

/** float8 E5M2 codes in the low bytes to float32: the upper half of a float16. */
export function decodeE5M2(code: v128): v128 {
  return decodeF16(i32x4.shl(code, 8))
}

/**
 * Float32 to float8 codes in the low bytes: nearest even, overflow and infinity to the `largest` code, NaN to `nan`.
 * @param dropped how many low bits of the float32 mantissa the format does not have
 * @param normal exponent field of the format's smallest normal number as float32
 * @param magic a number whose ulp is the format's smallest subnormal: adding it rounds, and the low bits of the sum are
 * the code
 */
// @ts-ignore: decorator
@inline
function encodeFloat8(x: v128, dropped: i32, normal: i32, magic: f32, largest: i32, nan: i32): v128 {
  const sign = v128.and(i32x4.shr_u(x, 24), i32x4.splat(0x80))
  const a = v128.and(x, i32x4.splat(0x7fffffff))
  const lsb = v128.and(i32x4.shr_u(a, dropped), i32x4.splat(1))
  const half = i32x4.add(i32x4.splat((1 << (dropped - 1)) - 1), lsb)
  const above = i32x4.shr_u(i32x4.sub(i32x4.add(a, half), i32x4.splat((normal - 1) << 23)), dropped)
  const below = i32x4.sub(f32x4.add(a, k(magic)), i32x4.splat(reinterpret<i32>(magic)))
  let y = v128.bitselect(below, above, i32x4.lt_u(a, i32x4.splat(normal << 23)))
  y = i32x4.min_u(y, i32x4.splat(largest))
  y = v128.bitselect(i32x4.splat(nan), y, i32x4.gt_u(a, i32x4.splat(0x7f800000)))
  return v128.or(sign, y)
}

export function encodeE5M2(x: v128): v128 {
  return encodeFloat8(x, 21, 113, 128, 0x7b, 0x7e)
}

/** float8 E4M3 codes in the low bytes to float32, exactly; 0x7f is NaN. */
export function decodeE4M3(code: v128): v128 {
  const sign = i32x4.shl(v128.and(code, i32x4.splat(0x80)), 24)
  const magnitude = v128.and(code, i32x4.splat(0x7f))
  const normal = i32x4.add(i32x4.shl(magnitude, 20), i32x4.splat(120 << 23))
  const small = f32x4.mul(f32x4.convert_i32x4_s(magnitude), k(0.001953125)) // 2^-9
  let y = v128.bitselect(small, normal, i32x4.lt_s(magnitude, i32x4.splat(8)))
  y = v128.bitselect(i32x4.splat(0x7fc00000), y, i32x4.eq(magnitude, i32x4.splat(0x7f)))
  return v128.or(sign, y)
}

export function encodeE4M3(x: v128): v128 {
  return encodeFloat8(x, 20, 121, 16384, 0x7e, 0x7f)
}

/** Float to integer: toward zero, saturating, NaN to 0. */
export function truncateS(x: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(x)
}

export function truncateU(x: v128): v128 {
  return i32x4.trunc_sat_f32x4_u(x)
}

// @ts-ignore: decorator
@inline
export function sumLanes(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
}

// @ts-ignore: decorator
@inline
export function maxLanes(x: v128): f32 {
  return max(max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)), max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)))
}

/** e^x of one float, by the same polynomial. */
// @ts-ignore: decorator
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0)
}

// @ts-ignore: decorator
@inline
export function log1(x: f32): f32 {
  return f32x4.extract_lane(log4(f32x4.splat(x)), 0)
}

// Sine and cosine in WGSL, loaded with the first program that uses one.

import { floatBitsWgsl, nanVector } from './bits.wgsl.ts'

/**
 * Sine (shift 0) and cosine (shift 2), with an error of about 1e-7 for every finite x. WGSL allows its own functions an
 * error of 2^-11 (section 15.7.4), too much for rotary embeddings. The argument is reduced to an octant in three steps
 * or, above 4096, by as many bits of 4 / pi as its exponent requires (Payne and Hanek); then a polynomial.
 */
export const sincosWgsl = [
  floatBitsWgsl,
  `fn product_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let u = ah * bl + ((al * bl) >> 16u);
  return ah * bh + (u >> 16u) + ((al * bh + (u & 0xffffu)) >> 16u);
}
// The octant of a large x (even), and the bits of the remainder, between -pi / 4 and pi / 4.
fn reduce_large(x: f32) -> vec2<u32> {
  var table = array<u32, 8>(0x1u, 0x45f306dcu, 0x9c882a53u, 0xf84eafa3u, 0xea69bb81u, 0xb6c52b32u, 0x78872083u, 0xfca2c757u);
  let bits = bitcast<u32>(x);
  let at = clamp(bits >> 23u, 121u, 254u) - 121u;
  let word = at >> 5u;
  let s = at & 31u;
  let w0 = (table[word] << s) | ((table[word + 1u] >> 1u) >> (31u - s));
  let w1 = (table[word + 1u] << s) | ((table[word + 2u] >> 1u) >> (31u - s));
  let w2 = (table[word + 2u] << s) | ((table[word + 3u] >> 1u) >> (31u - s));
  let m = (bits & 0x007fffffu) | 0x00800000u;
  let low = m * w1 + product_high(m, w2);
  let carry = select(0u, 1u, low < m * w1);
  var high = m * w0 + product_high(m, w1) + carry;
  let octant = ((high >> 29u) + 1u) & 6u;
  high -= octant << 29u;
  let left = f32(bitcast<i32>(high)) * 1.862645149230957e-9 + f32(low) * 4.336808689942018e-19;
  return vec2<u32>(octant, bitcast<u32>(left * 0.785398163397448));
}
fn sincos(x: vec4<f32>, shift: u32) -> vec4<f32> {
  let a = abs(x);
  var j = (vec4<u32>(min(a, vec4<f32>(8192.0)) * 1.27323954473516) + vec4<u32>(1u)) & vec4<u32>(0xfffffffeu);
  let y = vec4<f32>(j);
  var r = ((a - y * 0.78515625) - y * 2.4187564849853515625e-4) - y * 3.77489497744594108e-8;
  let size = bitcast<vec4<u32>>(a);
  let large = size > vec4<u32>(0x45800000u); // 4096
  if (any(large)) {
    for (var k = 0u; k < 4u; k++) {
      let reduced = reduce_large(a[k]);
      let lane = large & (vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(k));
      j = select(j, vec4<u32>(reduced.x), lane);
      r = select(r, vec4<f32>(bitcast<f32>(reduced.y)), lane);
    }
  }
  let q = j + vec4<u32>(shift);
  let z = r * r;
  let c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
  let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
  let v = select(s, c, (q & vec4<u32>(2u)) != vec4<u32>(0u));
  var flip = (q & vec4<u32>(4u)) << vec4<u32>(29u);
  if (shift == 0u) { flip ^= bitcast<vec4<u32>>(x) & vec4<u32>(0x80000000u); }
  return select(bitcast<vec4<f32>>(bitcast<vec4<u32>>(v) ^ flip), ${nanVector}, size >= vec4<u32>(0x7f800000u));
}`,
]

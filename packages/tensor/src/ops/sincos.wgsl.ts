/**
 * Sine (shift 0) and cosine (shift 2) good to about 1e-6 for |x| up to some thousands. WGSL's own may be off by 2^-11 (section
 * 15.7.4), which would be seen in every sampled or rotated value. Reduction to an octant in three steps, then a polynomial.
 */
export const sincosWgsl = `fn sincos(x: vec4<f32>, shift: u32) -> vec4<f32> {
  let a = abs(x);
  let j = (vec4<u32>(a * 1.27323954473516) + vec4<u32>(1u)) & vec4<u32>(0xfffffffeu);
  let y = vec4<f32>(j);
  let r = ((a - y * 0.78515625) - y * 2.4187564849853515625e-4) - y * 3.77489497744594108e-8;
  let q = j + vec4<u32>(shift);
  let z = r * r;
  let c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
  let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
  let v = select(s, c, (q & vec4<u32>(2u)) != vec4<u32>(0u));
  var flip = (q & vec4<u32>(4u)) << vec4<u32>(29u);
  if (shift == 0u) { flip ^= bitcast<vec4<u32>>(x) & vec4<u32>(0x80000000u); }
  return bitcast<vec4<f32>>(bitcast<vec4<u32>>(v) ^ flip);
}`

// matmul subgroup 8x4: 16 x 32 x 1 workgroups
enable subgroups;
fn decode_float8_e4m3fn(code: u32) -> f32 {
  let sign = (code << 24u) & 0x80000000u;
  let magnitude = code & 0x7fu;
  let normal = (magnitude << 20u) + 0x3c000000u;
  let small = select(normal, bitcast<u32>(f32(magnitude) * 0.001953125f), magnitude < 0x8u);
  return bitcast<f32>(sign | select(small, 0x7fc00000u, magnitude > 0x7eu));
}

@group(0) @binding(0) var<storage, read> a_codes: array<u32, 16384>;
fn a_codes_at(i: u32) -> f32 { return decode_float8_e4m3fn((a_codes[i >> 2u] >> ((i & 3u) * 8u)) & 0xffu); }
fn a_codes_at4(i: u32) -> vec4<f32> {
  let w0 = a_codes[i >> 2u];
  return vec4<f32>(decode_float8_e4m3fn(w0 & 0xffu), decode_float8_e4m3fn((w0 >> 8u) & 0xffu), decode_float8_e4m3fn((w0 >> 16u) & 0xffu), decode_float8_e4m3fn(w0 >> 24u));
}
fn a_codes_quad(at: u32) -> vec4<f32> { return a_codes_at4(at << 2u); }

@group(0) @binding(1) var<storage, read> a_scales: array<f32>;
fn a_scales_at(i: u32) -> f32 { return a_scales[i]; }
fn a_scales_at4(i: u32) -> vec4<f32> { return vec4<f32>(a_scales[i], a_scales[i + 1u], a_scales[i + 2u], a_scales[i + 3u]); }


@group(0) @binding(2) var<storage, read> b_codes: array<u32, 16384>;
fn b_codes_at(i: u32) -> f32 { return decode_float8_e4m3fn((b_codes[i >> 2u] >> ((i & 3u) * 8u)) & 0xffu); }
fn b_codes_at4(i: u32) -> vec4<f32> {
  let w0 = b_codes[i >> 2u];
  return vec4<f32>(decode_float8_e4m3fn(w0 & 0xffu), decode_float8_e4m3fn((w0 >> 8u) & 0xffu), decode_float8_e4m3fn((w0 >> 16u) & 0xffu), decode_float8_e4m3fn(w0 >> 24u));
}
fn b_codes_quad(at: u32) -> vec4<f32> { return b_codes_at4(at << 2u); }

@group(0) @binding(3) var<storage, read> b_scales: array<f32>;
fn b_scales_at(i: u32) -> f32 { return b_scales[i]; }
fn b_scales_at4(i: u32) -> vec4<f32> { return vec4<f32>(b_scales[i], b_scales[i + 1u], b_scales[i + 2u], b_scales[i + 3u]); }


@group(0) @binding(4) var<storage, read_write> c: array<vec4<f32>, 16384>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
fn a_at(i: u32) -> f32 { return a_codes_at(i) * a_scales_at(i / 32u); }
fn a_at4(i: u32) -> vec4<f32> { return a_codes_at4(i) * a_scales_at(i / 32u); }
fn a_quad(at: u32) -> vec4<f32> { return a_at4(at << 2u); }
fn b_at(i: u32) -> f32 { return b_codes_at(i) * b_scales_at(i / 32u); }
fn b_at4(i: u32) -> vec4<f32> { return b_codes_at4(i) * b_scales_at(i / 32u); }
fn b_quad(at: u32) -> vec4<f32> { return b_at4(at << 2u); }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 252u);
  let baseA = 0u;
  let baseB = 0u;
  let baseC = 0u;
  let ix = (baseA + min(row + lane, 255u) * 256u) >> 2u;
  let iy = (baseA + min(row + lane + 4u, 255u) * 256u) >> 2u;
  let ib0 = (baseB + (colB + 0u) * 256u) >> 2u;
  let ib1 = (baseB + (colB + 1u) * 256u) >> 2u;
  let ib2 = (baseB + (colB + 2u) * 256u) >> 2u;
  let ib3 = (baseB + (colB + 3u) * 256u) >> 2u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  var c4 = vec4<f32>(0.0);
  var c5 = vec4<f32>(0.0);
  var c6 = vec4<f32>(0.0);
  var c7 = vec4<f32>(0.0);
  for (var p = 0u; p < 64u; p++) {
    let advance = p;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let u0 = b_quad(ib0 + p);
    let u1 = b_quad(ib1 + p);
    let u2 = b_quad(ib2 + p);
    let u3 = b_quad(ib3 + p);
    let b0 = vec4<f32>(u0[0], u1[0], u2[0], u3[0]);
    let b1 = vec4<f32>(u0[1], u1[1], u2[1], u3[1]);
    let b2 = vec4<f32>(u0[2], u1[2], u2[2], u3[2]);
    let b3 = vec4<f32>(u0[3], u1[3], u2[3], u3[3]);
    let a0 = subgroupBroadcast(x, 0u);
    c0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
    let a1 = subgroupBroadcast(x, 1u);
    c1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
    let a2 = subgroupBroadcast(x, 2u);
    c2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
    let a3 = subgroupBroadcast(x, 3u);
    c3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
    let a4 = subgroupBroadcast(y, 0u);
    c4 += a4.x * b0 + a4.y * b1 + a4.z * b2 + a4.w * b3;
    let a5 = subgroupBroadcast(y, 1u);
    c5 += a5.x * b0 + a5.y * b1 + a5.z * b2 + a5.w * b3;
    let a6 = subgroupBroadcast(y, 2u);
    c6 += a6.x * b0 + a6.y * b1 + a6.z * b2 + a6.w * b3;
    let a7 = subgroupBroadcast(y, 3u);
    c7 += a7.x * b0 + a7.y * b1 + a7.z * b2 + a7.w * b3;
  }
  if (col < 256u) {
    if (row + 0u < 256u) { c_set4(baseC + (row + 0u) * 256u + col, c0); }
    if (row + 1u < 256u) { c_set4(baseC + (row + 1u) * 256u + col, c1); }
    if (row + 2u < 256u) { c_set4(baseC + (row + 2u) * 256u + col, c2); }
    if (row + 3u < 256u) { c_set4(baseC + (row + 3u) * 256u + col, c3); }
    if (row + 4u < 256u) { c_set4(baseC + (row + 4u) * 256u + col, c4); }
    if (row + 5u < 256u) { c_set4(baseC + (row + 5u) * 256u + col, c5); }
    if (row + 6u < 256u) { c_set4(baseC + (row + 6u) * 256u + col, c6); }
    if (row + 7u < 256u) { c_set4(baseC + (row + 7u) * 256u + col, c7); }
  }
}

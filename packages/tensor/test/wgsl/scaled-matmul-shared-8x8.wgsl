// matmul shared 8x8: 2 x 2 x 1 workgroups
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
var<workgroup> tile_a: array<vec4<f32>, 512>;
var<workgroup> tile_b: array<vec4<f32>, 512>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tx = local % 16u;
  let ty = local / 16u;
  let rowBase = group.y * 128u;
  let columnBase = group.x * 128u;
  let baseA = 0u;
  let baseB = 0u;
  let baseC = 0u;
  let a_line = local / 8u;
  let a_step = local % 8u;
  let a_first = rowBase + a_line * 4u;
  let a_from = baseA + a_first * 256u + a_step * 1u;
  let a_slot = a_step * 32u + a_line;
  let b_line = local / 8u;
  let b_step = local % 8u;
  let b_first = columnBase + b_line * 4u;
  let b_from = baseB + b_first * 256u + b_step * 1u;
  let b_slot = b_step * 32u + b_line;
  var c0_0 = vec4<f32>(0.0); var c0_1 = vec4<f32>(0.0);
  var c1_0 = vec4<f32>(0.0); var c1_1 = vec4<f32>(0.0);
  var c2_0 = vec4<f32>(0.0); var c2_1 = vec4<f32>(0.0);
  var c3_0 = vec4<f32>(0.0); var c3_1 = vec4<f32>(0.0);
  var c4_0 = vec4<f32>(0.0); var c4_1 = vec4<f32>(0.0);
  var c5_0 = vec4<f32>(0.0); var c5_1 = vec4<f32>(0.0);
  var c6_0 = vec4<f32>(0.0); var c6_1 = vec4<f32>(0.0);
  var c7_0 = vec4<f32>(0.0); var c7_1 = vec4<f32>(0.0);
  var a_next = vec4<f32>(0.0);
  var b_next = vec4<f32>(0.0);
  {
    let p = 0u;
    a_next = vec4<f32>(0.0);
    if (p + a_step < 256u) { if (a_first + 0u < 256u) { a_next[0] = a_at(a_from + p * 1u + 0u); } if (a_first + 1u < 256u) { a_next[1] = a_at(a_from + p * 1u + 256u); } if (a_first + 2u < 256u) { a_next[2] = a_at(a_from + p * 1u + 512u); } if (a_first + 3u < 256u) { a_next[3] = a_at(a_from + p * 1u + 768u); } }
    b_next = vec4<f32>(0.0);
    if (p + b_step < 256u) { if (b_first + 0u < 256u) { b_next[0] = b_at(b_from + p * 1u + 0u); } if (b_first + 1u < 256u) { b_next[1] = b_at(b_from + p * 1u + 256u); } if (b_first + 2u < 256u) { b_next[2] = b_at(b_from + p * 1u + 512u); } if (b_first + 3u < 256u) { b_next[3] = b_at(b_from + p * 1u + 768u); } }
  }
  tile_a[a_slot] = a_next;
  tile_b[b_slot] = b_next;
  var here = 0u;
  for (var tile = 0u; tile < 32u; tile++) {
    workgroupBarrier();
    let p = (tile + 1u) * 8u;
    a_next = vec4<f32>(0.0);
    if (p + a_step < 256u) { if (a_first + 0u < 256u) { a_next[0] = a_at(a_from + p * 1u + 0u); } if (a_first + 1u < 256u) { a_next[1] = a_at(a_from + p * 1u + 256u); } if (a_first + 2u < 256u) { a_next[2] = a_at(a_from + p * 1u + 512u); } if (a_first + 3u < 256u) { a_next[3] = a_at(a_from + p * 1u + 768u); } }
    b_next = vec4<f32>(0.0);
    if (p + b_step < 256u) { if (b_first + 0u < 256u) { b_next[0] = b_at(b_from + p * 1u + 0u); } if (b_first + 1u < 256u) { b_next[1] = b_at(b_from + p * 1u + 256u); } if (b_first + 2u < 256u) { b_next[2] = b_at(b_from + p * 1u + 512u); } if (b_first + 3u < 256u) { b_next[3] = b_at(b_from + p * 1u + 768u); } }
    {
      let a0 = tile_a[here + 0u + ty];
      let a1 = tile_a[here + 16u + ty];
      let b0 = tile_b[here + 0u + tx];
      let b1 = tile_b[here + 16u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    {
      let a0 = tile_a[here + 32u + ty];
      let a1 = tile_a[here + 48u + ty];
      let b0 = tile_b[here + 32u + tx];
      let b1 = tile_b[here + 48u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    {
      let a0 = tile_a[here + 64u + ty];
      let a1 = tile_a[here + 80u + ty];
      let b0 = tile_b[here + 64u + tx];
      let b1 = tile_b[here + 80u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    {
      let a0 = tile_a[here + 96u + ty];
      let a1 = tile_a[here + 112u + ty];
      let b0 = tile_b[here + 96u + tx];
      let b1 = tile_b[here + 112u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    {
      let a0 = tile_a[here + 128u + ty];
      let a1 = tile_a[here + 144u + ty];
      let b0 = tile_b[here + 128u + tx];
      let b1 = tile_b[here + 144u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    {
      let a0 = tile_a[here + 160u + ty];
      let a1 = tile_a[here + 176u + ty];
      let b0 = tile_b[here + 160u + tx];
      let b1 = tile_b[here + 176u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    {
      let a0 = tile_a[here + 192u + ty];
      let a1 = tile_a[here + 208u + ty];
      let b0 = tile_b[here + 192u + tx];
      let b1 = tile_b[here + 208u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    {
      let a0 = tile_a[here + 224u + ty];
      let a1 = tile_a[here + 240u + ty];
      let b0 = tile_b[here + 224u + tx];
      let b1 = tile_b[here + 240u + tx];
      c0_0 += a0[0] * b0; c0_1 += a0[0] * b1;
      c1_0 += a0[1] * b0; c1_1 += a0[1] * b1;
      c2_0 += a0[2] * b0; c2_1 += a0[2] * b1;
      c3_0 += a0[3] * b0; c3_1 += a0[3] * b1;
      c4_0 += a1[0] * b0; c4_1 += a1[0] * b1;
      c5_0 += a1[1] * b0; c5_1 += a1[1] * b1;
      c6_0 += a1[2] * b0; c6_1 += a1[2] * b1;
      c7_0 += a1[3] * b0; c7_1 += a1[3] * b1;
    }
    // The other half was last read before the barrier above.
    tile_a[(here ^ 256u) + a_slot] = a_next;
    tile_b[(here ^ 256u) + b_slot] = b_next;
    here ^= 256u;
  }
  if (rowBase + ty * 4u + 0u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 0u) * 256u + columnBase + tx * 4u + 0u, c0_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 0u) * 256u + columnBase + tx * 4u + 64u, c0_1); }
  }
  if (rowBase + ty * 4u + 1u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 1u) * 256u + columnBase + tx * 4u + 0u, c1_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 1u) * 256u + columnBase + tx * 4u + 64u, c1_1); }
  }
  if (rowBase + ty * 4u + 2u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 2u) * 256u + columnBase + tx * 4u + 0u, c2_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 2u) * 256u + columnBase + tx * 4u + 64u, c2_1); }
  }
  if (rowBase + ty * 4u + 3u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 3u) * 256u + columnBase + tx * 4u + 0u, c3_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 3u) * 256u + columnBase + tx * 4u + 64u, c3_1); }
  }
  if (rowBase + ty * 4u + 64u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 64u) * 256u + columnBase + tx * 4u + 0u, c4_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 64u) * 256u + columnBase + tx * 4u + 64u, c4_1); }
  }
  if (rowBase + ty * 4u + 65u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 65u) * 256u + columnBase + tx * 4u + 0u, c5_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 65u) * 256u + columnBase + tx * 4u + 64u, c5_1); }
  }
  if (rowBase + ty * 4u + 66u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 66u) * 256u + columnBase + tx * 4u + 0u, c6_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 66u) * 256u + columnBase + tx * 4u + 64u, c6_1); }
  }
  if (rowBase + ty * 4u + 67u < 256u) {
    if (columnBase + tx * 4u + 0u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 67u) * 256u + columnBase + tx * 4u + 0u, c7_0); }
    if (columnBase + tx * 4u + 64u < 256u) { c_set4(baseC + (rowBase + ty * 4u + 67u) * 256u + columnBase + tx * 4u + 64u, c7_1); }
  }
}

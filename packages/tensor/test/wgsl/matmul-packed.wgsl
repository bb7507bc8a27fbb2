// matmul pack a: 512 x 1 x 1 workgroups
fn decode_bfloat16(code: u32) -> f32 {
  return bitcast<f32>(code << 16u);
}

@group(0) @binding(0) var<storage, read> x: array<u32, 16384>;
fn x_at(i: u32) -> f32 { return decode_bfloat16((x[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu); }
fn x_at4(i: u32) -> vec4<f32> {
  let w0 = x[i >> 1u]; let w1 = x[(i >> 1u) + 1u];
  return vec4<f32>(decode_bfloat16(w0 & 0xffffu), decode_bfloat16(w0 >> 16u), decode_bfloat16(w1 & 0xffffu), decode_bfloat16(w1 >> 16u));
}
fn x_quad(at: u32) -> vec4<f32> { return x_at4(at << 2u); }

@group(0) @binding(1) var<storage, read_write> laid: array<vec4<f32>, 8192>;
fn laid_at4(i: u32) -> vec4<f32> { return laid[i >> 2u]; }
fn laid_quad(at: u32) -> vec4<f32> { return laid[at]; }
fn laid_set4(i: u32, v: vec4<f32>) { laid[i >> 2u] = v; }
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  if (id >= 8192u) { return; }
  let z = id / 8192u;
  let block = id % 8192u;
  let row = (block / 64u) * 1u;
  let col = (block % 64u) * 4u;
  let baseX = 0u;
  let baseLaid = 0u;
  laid_set4(baseLaid + row * 256u + col, x_at4(baseX + row * 256u + col));
}

// matmul pack b: 512 x 1 x 1 workgroups
fn decode_bfloat16(code: u32) -> f32 {
  return bitcast<f32>(code << 16u);
}

@group(0) @binding(0) var<storage, read> x: array<u32, 16384>;
fn x_at(i: u32) -> f32 { return decode_bfloat16((x[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu); }
fn x_at4(i: u32) -> vec4<f32> {
  let w0 = x[i >> 1u]; let w1 = x[(i >> 1u) + 1u];
  return vec4<f32>(decode_bfloat16(w0 & 0xffffu), decode_bfloat16(w0 >> 16u), decode_bfloat16(w1 & 0xffffu), decode_bfloat16(w1 >> 16u));
}
fn x_quad(at: u32) -> vec4<f32> { return x_at4(at << 2u); }

@group(0) @binding(1) var<storage, read_write> laid: array<vec4<f32>, 8192>;
fn laid_at4(i: u32) -> vec4<f32> { return laid[i >> 2u]; }
fn laid_quad(at: u32) -> vec4<f32> { return laid[at]; }
fn laid_set4(i: u32, v: vec4<f32>) { laid[i >> 2u] = v; }
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  if (id >= 8192u) { return; }
  let z = id / 8192u;
  let block = id % 8192u;
  let row = (block / 32u) * 1u;
  let col = (block % 32u) * 4u;
  let baseX = 0u;
  let baseLaid = 0u;
  laid_set4(baseLaid + row * 128u + col, x_at4(baseX + row * 128u + col));
}

// matmul subgroup 8x4: 8 x 16 x 1 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 8192>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 8192>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>, 4096>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 124u);
  let baseA = 0u;
  let baseB = 0u;
  let baseC = 0u;
  let ix = (baseA + min(row + lane, 127u) * 256u) >> 2u;
  let iy = (baseA + min(row + lane + 4u, 127u) * 256u) >> 2u;
  let ib = (baseB + colB) >> 2u;
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
    let qb = ib + p * 128u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 32u);
    let b2 = b_quad(qb + 64u);
    let b3 = b_quad(qb + 96u);
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
  if (col < 128u) {
    if (row + 0u < 128u) { c_set4(baseC + (row + 0u) * 128u + col, c0); }
    if (row + 1u < 128u) { c_set4(baseC + (row + 1u) * 128u + col, c1); }
    if (row + 2u < 128u) { c_set4(baseC + (row + 2u) * 128u + col, c2); }
    if (row + 3u < 128u) { c_set4(baseC + (row + 3u) * 128u + col, c3); }
    if (row + 4u < 128u) { c_set4(baseC + (row + 4u) * 128u + col, c4); }
    if (row + 5u < 128u) { c_set4(baseC + (row + 5u) * 128u + col, c5); }
    if (row + 6u < 128u) { c_set4(baseC + (row + 6u) * 128u + col, c6); }
    if (row + 7u < 128u) { c_set4(baseC + (row + 7u) * 128u + col, c7); }
  }
}

// attention scores subgroup 8x4: 4 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 4096>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 2048>;
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
  let colB = min(col, 60u);
  let baseA = 0u + (group.z % 2u) * 64u + (group.z / 2u) * 128u;
  let baseB = 0u + (group.z / 2u) * 64u;
  let baseC = 0u + (group.z % 2u) * 4096u + (group.z / 2u) * 8192u;
  let ix = (baseA + min(row + lane, 63u) * 256u) >> 2u;
  let iy = (baseA + min(row + lane + 4u, 63u) * 256u) >> 2u;
  let ib0 = (baseB + (colB + 0u) * 128u) >> 2u;
  let ib1 = (baseB + (colB + 1u) * 128u) >> 2u;
  let ib2 = (baseB + (colB + 2u) * 128u) >> 2u;
  let ib3 = (baseB + (colB + 3u) * 128u) >> 2u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  var c4 = vec4<f32>(0.0);
  var c5 = vec4<f32>(0.0);
  var c6 = vec4<f32>(0.0);
  var c7 = vec4<f32>(0.0);
  for (var p = 0u; p < 16u; p++) {
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
  if (col < 64u) {
    if (row + 0u < 64u) { c_set4(baseC + (row + 0u) * 64u + col, c0); }
    if (row + 1u < 64u) { c_set4(baseC + (row + 1u) * 64u + col, c1); }
    if (row + 2u < 64u) { c_set4(baseC + (row + 2u) * 64u + col, c2); }
    if (row + 3u < 64u) { c_set4(baseC + (row + 3u) * 64u + col, c3); }
    if (row + 4u < 64u) { c_set4(baseC + (row + 4u) * 64u + col, c4); }
    if (row + 5u < 64u) { c_set4(baseC + (row + 5u) * 64u + col, c5); }
    if (row + 6u < 64u) { c_set4(baseC + (row + 6u) * 64u + col, c6); }
    if (row + 7u < 64u) { c_set4(baseC + (row + 7u) * 64u + col, c7); }
  }
}

// attention softmax: 16 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read_write> p: array<vec4<f32>, 4096>;
fn p_at4(i: u32) -> vec4<f32> { return p[i >> 2u]; }
fn p_quad(at: u32) -> vec4<f32> { return p[at]; }
fn p_set4(i: u32, v: vec4<f32>) { p[i >> 2u] = v; }
@group(0) @binding(1) var<storage, read_write> lse: array<f32>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }
fn lse_set(i: u32, v: f32) { lse[i] = v; }
fn lse_set4(i: u32, v: vec4<f32>) { lse[i] = v.x; lse[i + 1u] = v.y; lse[i + 2u] = v.z; lse[i + 3u] = v.w; }
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
fn norm_at(i: u32) -> f32 { return norm[i]; }
fn norm_at4(i: u32) -> vec4<f32> { return vec4<f32>(norm[i], norm[i + 1u], norm[i + 2u], norm[i + 3u]); }
fn norm_set(i: u32, v: f32) { norm[i] = v; }
fn norm_set4(i: u32, v: vec4<f32>) { norm[i] = v.x; norm[i + 1u] = v.y; norm[i + 2u] = v.z; norm[i + 3u] = v.w; }
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
fn seen(z: u32, r: u32, col: u32) -> vec4<bool> { return (vec4<u32>(col, col + 1u, col + 2u, col + 3u) <= vec4<u32>(0u + r)); }
fn score(x: vec4<f32>) -> vec4<f32> { return x * 0.125; }
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  if (id >= 256u) { return; }
  let r = id % 64u;
  let z = id / 64u;
  let base = id * 64u;
  let whole = (r + 1u) & ~3u;
  var top4 = vec4<f32>(-1.0e30);
  var size4 = vec4<u32>(0u);
  for (var col = 0u; col < whole; col += 4u) {
    let s = p_at4(base + col);
    top4 = max(top4, s);
    size4 = max(size4, magnitude4(s));
  }
  for (var col = whole; col < 64u; col += 4u) {
    let s = select(vec4<f32>(-1.0e30), p_at4(base + col), seen(z, r, col));
    top4 = max(top4, s);
    size4 = max(size4, magnitude4(s));
  }
  let top = score(vec4<f32>(max(max(top4.x, top4.y), max(top4.z, top4.w)))).x;
  var sum4 = vec4<f32>(0.0);
  for (var col = 0u; col < whole; col += 4u) {
    let e = exp(score(p_at4(base + col)) - top);
    p_set4(base + col, e);
    sum4 += e;
  }
  for (var col = whole; col < 64u; col += 4u) {
    let e = select(vec4<f32>(0.0), exp(min(score(p_at4(base + col)) - top, vec4<f32>(0.0))), seen(z, r, col));
    p_set4(base + col, e);
    sum4 += e;
  }
  var total = sum4.x + sum4.y + sum4.z + sum4.w;
  if (largest4(size4) > INFINITE || magnitude(top) >= INFINITE) { total = nan_of(0u); }
  let stat = z * 128u + 0u + r;
  lse_set(stat, top + log(total));
  norm_set(stat, 1.0 / total);
}

// attention values subgroup 8x4 + normalize: 4 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 4096>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 2048>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> o: array<vec4<f32>>;
fn o_at4(i: u32) -> vec4<f32> { return o[i >> 2u]; }
fn o_quad(at: u32) -> vec4<f32> { return o[at]; }
fn o_set4(i: u32, v: vec4<f32>) { o[i >> 2u] = v; }
@group(0) @binding(3) var<storage, read> norm: array<f32>;
fn norm_at(i: u32) -> f32 { return norm[i]; }
fn norm_at4(i: u32) -> vec4<f32> { return vec4<f32>(norm[i], norm[i + 1u], norm[i + 2u], norm[i + 3u]); }


fn finish(i: u32, v: vec4<f32>) {
  let at = i / 64u;
  o_set4(i, v * norm_at(((at / 512u) * 4u + at % 4u) * 128u + (at / 4u) % 128u));
}
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 0u + (group.z % 2u) * 4096u + (group.z / 2u) * 8192u;
  let baseB = 0u + (group.z / 2u) * 64u;
  let baseC = 0u + (group.z % 2u) * 64u + (group.z / 2u) * 128u;
  let ix = (baseA + min(row + lane, 63u) * 64u) >> 2u;
  let iy = (baseA + min(row + lane + 4u, 63u) * 64u) >> 2u;
  let ib = (baseB + colB) >> 2u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  var c4 = vec4<f32>(0.0);
  var c5 = vec4<f32>(0.0);
  var c6 = vec4<f32>(0.0);
  var c7 = vec4<f32>(0.0);
  for (var p = 0u; p < 16u; p++) {
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
  if (col < 64u) {
    if (row + 0u < 64u) { finish(baseC + (row + 0u) * 256u + col, c0); }
    if (row + 1u < 64u) { finish(baseC + (row + 1u) * 256u + col, c1); }
    if (row + 2u < 64u) { finish(baseC + (row + 2u) * 256u + col, c2); }
    if (row + 3u < 64u) { finish(baseC + (row + 3u) * 256u + col, c3); }
    if (row + 4u < 64u) { finish(baseC + (row + 4u) * 256u + col, c4); }
    if (row + 5u < 64u) { finish(baseC + (row + 5u) * 256u + col, c5); }
    if (row + 6u < 64u) { finish(baseC + (row + 6u) * 256u + col, c6); }
    if (row + 7u < 64u) { finish(baseC + (row + 7u) * 256u + col, c7); }
  }
}

// attention scores subgroup 8x4: 8 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 8192>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4096>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>, 8192>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 124u);
  let baseA = 16384u + (group.z % 2u) * 64u + (group.z / 2u) * 128u;
  let baseB = 0u + (group.z / 2u) * 64u;
  let baseC = 0u + (group.z % 2u) * 8192u + (group.z / 2u) * 16384u;
  let ix = (baseA + min(row + lane, 63u) * 256u) >> 2u;
  let iy = (baseA + min(row + lane + 4u, 63u) * 256u) >> 2u;
  let ib0 = (baseB + (colB + 0u) * 128u) >> 2u;
  let ib1 = (baseB + (colB + 1u) * 128u) >> 2u;
  let ib2 = (baseB + (colB + 2u) * 128u) >> 2u;
  let ib3 = (baseB + (colB + 3u) * 128u) >> 2u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  var c4 = vec4<f32>(0.0);
  var c5 = vec4<f32>(0.0);
  var c6 = vec4<f32>(0.0);
  var c7 = vec4<f32>(0.0);
  for (var p = 0u; p < 16u; p++) {
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
  if (col < 128u) {
    if (row + 0u < 64u) { c_set4(baseC + (row + 0u) * 128u + col, c0); }
    if (row + 1u < 64u) { c_set4(baseC + (row + 1u) * 128u + col, c1); }
    if (row + 2u < 64u) { c_set4(baseC + (row + 2u) * 128u + col, c2); }
    if (row + 3u < 64u) { c_set4(baseC + (row + 3u) * 128u + col, c3); }
    if (row + 4u < 64u) { c_set4(baseC + (row + 4u) * 128u + col, c4); }
    if (row + 5u < 64u) { c_set4(baseC + (row + 5u) * 128u + col, c5); }
    if (row + 6u < 64u) { c_set4(baseC + (row + 6u) * 128u + col, c6); }
    if (row + 7u < 64u) { c_set4(baseC + (row + 7u) * 128u + col, c7); }
  }
}

// attention softmax: 16 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read_write> p: array<vec4<f32>, 8192>;
fn p_at4(i: u32) -> vec4<f32> { return p[i >> 2u]; }
fn p_quad(at: u32) -> vec4<f32> { return p[at]; }
fn p_set4(i: u32, v: vec4<f32>) { p[i >> 2u] = v; }
@group(0) @binding(1) var<storage, read_write> lse: array<f32>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }
fn lse_set(i: u32, v: f32) { lse[i] = v; }
fn lse_set4(i: u32, v: vec4<f32>) { lse[i] = v.x; lse[i + 1u] = v.y; lse[i + 2u] = v.z; lse[i + 3u] = v.w; }
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
fn norm_at(i: u32) -> f32 { return norm[i]; }
fn norm_at4(i: u32) -> vec4<f32> { return vec4<f32>(norm[i], norm[i + 1u], norm[i + 2u], norm[i + 3u]); }
fn norm_set(i: u32, v: f32) { norm[i] = v; }
fn norm_set4(i: u32, v: vec4<f32>) { norm[i] = v.x; norm[i + 1u] = v.y; norm[i + 2u] = v.z; norm[i + 3u] = v.w; }
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
fn seen(z: u32, r: u32, col: u32) -> vec4<bool> { return (vec4<u32>(col, col + 1u, col + 2u, col + 3u) <= vec4<u32>(64u + r)); }
fn score(x: vec4<f32>) -> vec4<f32> { return x * 0.125; }
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  if (id >= 256u) { return; }
  let r = id % 64u;
  let z = id / 64u;
  let base = id * 128u;
  let whole = (r + 65u) & ~3u;
  var top4 = vec4<f32>(-1.0e30);
  var size4 = vec4<u32>(0u);
  for (var col = 0u; col < whole; col += 4u) {
    let s = p_at4(base + col);
    top4 = max(top4, s);
    size4 = max(size4, magnitude4(s));
  }
  for (var col = whole; col < 128u; col += 4u) {
    let s = select(vec4<f32>(-1.0e30), p_at4(base + col), seen(z, r, col));
    top4 = max(top4, s);
    size4 = max(size4, magnitude4(s));
  }
  let top = score(vec4<f32>(max(max(top4.x, top4.y), max(top4.z, top4.w)))).x;
  var sum4 = vec4<f32>(0.0);
  for (var col = 0u; col < whole; col += 4u) {
    let e = exp(score(p_at4(base + col)) - top);
    p_set4(base + col, e);
    sum4 += e;
  }
  for (var col = whole; col < 128u; col += 4u) {
    let e = select(vec4<f32>(0.0), exp(min(score(p_at4(base + col)) - top, vec4<f32>(0.0))), seen(z, r, col));
    p_set4(base + col, e);
    sum4 += e;
  }
  var total = sum4.x + sum4.y + sum4.z + sum4.w;
  if (largest4(size4) > INFINITE || magnitude(top) >= INFINITE) { total = nan_of(0u); }
  let stat = z * 128u + 64u + r;
  lse_set(stat, top + log(total));
  norm_set(stat, 1.0 / total);
}

// attention values subgroup 8x4 + normalize: 4 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 8192>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4096>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> o: array<vec4<f32>>;
fn o_at4(i: u32) -> vec4<f32> { return o[i >> 2u]; }
fn o_quad(at: u32) -> vec4<f32> { return o[at]; }
fn o_set4(i: u32, v: vec4<f32>) { o[i >> 2u] = v; }
@group(0) @binding(3) var<storage, read> norm: array<f32>;
fn norm_at(i: u32) -> f32 { return norm[i]; }
fn norm_at4(i: u32) -> vec4<f32> { return vec4<f32>(norm[i], norm[i + 1u], norm[i + 2u], norm[i + 3u]); }


fn finish(i: u32, v: vec4<f32>) {
  let at = i / 64u;
  o_set4(i, v * norm_at(((at / 512u) * 4u + at % 4u) * 128u + (at / 4u) % 128u));
}
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 0u + (group.z % 2u) * 8192u + (group.z / 2u) * 16384u;
  let baseB = 0u + (group.z / 2u) * 64u;
  let baseC = 16384u + (group.z % 2u) * 64u + (group.z / 2u) * 128u;
  let ix = (baseA + min(row + lane, 63u) * 128u) >> 2u;
  let iy = (baseA + min(row + lane + 4u, 63u) * 128u) >> 2u;
  let ib = (baseB + colB) >> 2u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  var c4 = vec4<f32>(0.0);
  var c5 = vec4<f32>(0.0);
  var c6 = vec4<f32>(0.0);
  var c7 = vec4<f32>(0.0);
  for (var p = 0u; p < 32u; p++) {
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
  if (col < 64u) {
    if (row + 0u < 64u) { finish(baseC + (row + 0u) * 256u + col, c0); }
    if (row + 1u < 64u) { finish(baseC + (row + 1u) * 256u + col, c1); }
    if (row + 2u < 64u) { finish(baseC + (row + 2u) * 256u + col, c2); }
    if (row + 3u < 64u) { finish(baseC + (row + 3u) * 256u + col, c3); }
    if (row + 4u < 64u) { finish(baseC + (row + 4u) * 256u + col, c4); }
    if (row + 5u < 64u) { finish(baseC + (row + 5u) * 256u + col, c5); }
    if (row + 6u < 64u) { finish(baseC + (row + 6u) * 256u + col, c6); }
    if (row + 7u < 64u) { finish(baseC + (row + 7u) * 256u + col, c7); }
  }
}

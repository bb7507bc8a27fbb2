// attention delta: 32 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> o: array<vec4<f32>>;
fn o_at4(i: u32) -> vec4<f32> { return o[i >> 2u]; }
fn o_quad(at: u32) -> vec4<f32> { return o[at]; }

@group(0) @binding(1) var<storage, read> g: array<vec4<f32>>;
fn g_at4(i: u32) -> vec4<f32> { return g[i >> 2u]; }
fn g_quad(at: u32) -> vec4<f32> { return g[at]; }

@group(0) @binding(2) var<storage, read_write> delta: array<f32>;
fn delta_at(i: u32) -> f32 { return delta[i]; }
fn delta_at4(i: u32) -> vec4<f32> { return vec4<f32>(delta[i], delta[i + 1u], delta[i + 2u], delta[i + 3u]); }
fn delta_set(i: u32, v: f32) { delta[i] = v; }
fn delta_set4(i: u32, v: vec4<f32>) { delta[i] = v.x; delta[i + 1u] = v.y; delta[i + 2u] = v.z; delta[i + 3u] = v.w; }
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  if (id >= 512u) { return; }
  let i = id % 128u;
  let head = (id / 128u) % 4u;
  let row = (((id / 512u) * 128u + i) * 4u + head) * 64u;
  var sum = vec4<f32>(0.0);
  for (var e = 0u; e < 64u; e += 4u) { sum += o_at4(row + e) * g_at4(row + e); }
  delta_set(id, sum.x + sum.y + sum.z + sum.w);
}

// attention scores subgroup 8x4 + exp: 8 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 8192>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4096>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> p: array<vec4<f32>, 8192>;
fn p_at4(i: u32) -> vec4<f32> { return p[i >> 2u]; }
fn p_quad(at: u32) -> vec4<f32> { return p[at]; }
fn p_set4(i: u32, v: vec4<f32>) { p[i >> 2u] = v; }
@group(0) @binding(3) var<storage, read> lse: array<f32>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }


fn seen(z: u32, r: u32, col: u32) -> vec4<bool> { return (vec4<u32>(col, col + 1u, col + 2u, col + 3u) <= vec4<u32>(64u + r)); }
fn score(x: vec4<f32>) -> vec4<f32> { return x * 0.125; }
fn finish(i: u32, v: vec4<f32>) {
  let col = i % 128u; let row = i / 128u; let r = row % 64u; let z = row / 64u;
  p_set4(i, select(vec4<f32>(0.0), exp(min(score(v) - lse_at(z * 128u + 64u + r), vec4<f32>(80.0))), seen(z, r, col)));
}
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
    if (row + 0u < 64u) { finish(baseC + (row + 0u) * 128u + col, c0); }
    if (row + 1u < 64u) { finish(baseC + (row + 1u) * 128u + col, c1); }
    if (row + 2u < 64u) { finish(baseC + (row + 2u) * 128u + col, c2); }
    if (row + 3u < 64u) { finish(baseC + (row + 3u) * 128u + col, c3); }
    if (row + 4u < 64u) { finish(baseC + (row + 4u) * 128u + col, c4); }
    if (row + 5u < 64u) { finish(baseC + (row + 5u) * 128u + col, c5); }
    if (row + 6u < 64u) { finish(baseC + (row + 6u) * 128u + col, c6); }
    if (row + 7u < 64u) { finish(baseC + (row + 7u) * 128u + col, c7); }
  }
}

// attention score gradients subgroup 8x4: 8 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 8192>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4096>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read> p: array<vec4<f32>, 8192>;
fn p_at4(i: u32) -> vec4<f32> { return p[i >> 2u]; }
fn p_quad(at: u32) -> vec4<f32> { return p[at]; }

@group(0) @binding(3) var<storage, read> delta: array<f32>;
fn delta_at(i: u32) -> f32 { return delta[i]; }
fn delta_at4(i: u32) -> vec4<f32> { return vec4<f32>(delta[i], delta[i + 1u], delta[i + 2u], delta[i + 3u]); }


@group(0) @binding(4) var<storage, read_write> ds: array<vec4<f32>, 8192>;
fn ds_at4(i: u32) -> vec4<f32> { return ds[i >> 2u]; }
fn ds_quad(at: u32) -> vec4<f32> { return ds[at]; }
fn ds_set4(i: u32, v: vec4<f32>) { ds[i >> 2u] = v; }
fn finish(i: u32, v: vec4<f32>) {
  let col = i % 128u; let row = i / 128u; let r = row % 64u; let z = row / 64u;
  ds_set4(i, p_at4(i) * (v - delta_at(z * 128u + 64u + r)) * 0.125);
}
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
    if (row + 0u < 64u) { finish(baseC + (row + 0u) * 128u + col, c0); }
    if (row + 1u < 64u) { finish(baseC + (row + 1u) * 128u + col, c1); }
    if (row + 2u < 64u) { finish(baseC + (row + 2u) * 128u + col, c2); }
    if (row + 3u < 64u) { finish(baseC + (row + 3u) * 128u + col, c3); }
    if (row + 4u < 64u) { finish(baseC + (row + 4u) * 128u + col, c4); }
    if (row + 5u < 64u) { finish(baseC + (row + 5u) * 128u + col, c5); }
    if (row + 6u < 64u) { finish(baseC + (row + 6u) * 128u + col, c6); }
    if (row + 7u < 64u) { finish(baseC + (row + 7u) * 128u + col, c7); }
  }
}

// attention dq subgroup 8x4: 4 x 8 x 4 workgroups
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
    if (row + 0u < 64u) { c_set4(baseC + (row + 0u) * 256u + col, c0); }
    if (row + 1u < 64u) { c_set4(baseC + (row + 1u) * 256u + col, c1); }
    if (row + 2u < 64u) { c_set4(baseC + (row + 2u) * 256u + col, c2); }
    if (row + 3u < 64u) { c_set4(baseC + (row + 3u) * 256u + col, c3); }
    if (row + 4u < 64u) { c_set4(baseC + (row + 4u) * 256u + col, c4); }
    if (row + 5u < 64u) { c_set4(baseC + (row + 5u) * 256u + col, c5); }
    if (row + 6u < 64u) { c_set4(baseC + (row + 6u) * 256u + col, c6); }
    if (row + 7u < 64u) { c_set4(baseC + (row + 7u) * 256u + col, c7); }
  }
}

// attention dk subgroup 8x4: 4 x 16 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 6144>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 8176>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 0u + group.z * 16384u;
  let baseB = 16384u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 128u) >> 2u;
  let iy = (baseA + min(row + 4u, 124u) + lane * 128u) >> 2u;
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
    let advance = p * 128u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
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

// attention dv subgroup 8x4: 4 x 16 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 6144>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 8176>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 0u + group.z * 16384u;
  let baseB = 16384u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 128u) >> 2u;
  let iy = (baseA + min(row + 4u, 124u) + lane * 128u) >> 2u;
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
    let advance = p * 128u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
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

// attention dk subgroup 8x4: 4 x 16 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 8192>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 8192>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 8192u + group.z * 16384u;
  let baseB = 16448u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 128u) >> 2u;
  let iy = (baseA + min(row + 4u, 124u) + lane * 128u) >> 2u;
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
    let advance = p * 128u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
    if (row + 0u < 128u) { { let at = baseC + (row + 0u) * 128u + col; c_set4(at, c_at4(at) + c0); } }
    if (row + 1u < 128u) { { let at = baseC + (row + 1u) * 128u + col; c_set4(at, c_at4(at) + c1); } }
    if (row + 2u < 128u) { { let at = baseC + (row + 2u) * 128u + col; c_set4(at, c_at4(at) + c2); } }
    if (row + 3u < 128u) { { let at = baseC + (row + 3u) * 128u + col; c_set4(at, c_at4(at) + c3); } }
    if (row + 4u < 128u) { { let at = baseC + (row + 4u) * 128u + col; c_set4(at, c_at4(at) + c4); } }
    if (row + 5u < 128u) { { let at = baseC + (row + 5u) * 128u + col; c_set4(at, c_at4(at) + c5); } }
    if (row + 6u < 128u) { { let at = baseC + (row + 6u) * 128u + col; c_set4(at, c_at4(at) + c6); } }
    if (row + 7u < 128u) { { let at = baseC + (row + 7u) * 128u + col; c_set4(at, c_at4(at) + c7); } }
  }
}

// attention dv subgroup 8x4: 4 x 16 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 8192>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 8192>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 8192u + group.z * 16384u;
  let baseB = 16448u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 128u) >> 2u;
  let iy = (baseA + min(row + 4u, 124u) + lane * 128u) >> 2u;
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
    let advance = p * 128u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
    if (row + 0u < 128u) { { let at = baseC + (row + 0u) * 128u + col; c_set4(at, c_at4(at) + c0); } }
    if (row + 1u < 128u) { { let at = baseC + (row + 1u) * 128u + col; c_set4(at, c_at4(at) + c1); } }
    if (row + 2u < 128u) { { let at = baseC + (row + 2u) * 128u + col; c_set4(at, c_at4(at) + c2); } }
    if (row + 3u < 128u) { { let at = baseC + (row + 3u) * 128u + col; c_set4(at, c_at4(at) + c3); } }
    if (row + 4u < 128u) { { let at = baseC + (row + 4u) * 128u + col; c_set4(at, c_at4(at) + c4); } }
    if (row + 5u < 128u) { { let at = baseC + (row + 5u) * 128u + col; c_set4(at, c_at4(at) + c5); } }
    if (row + 6u < 128u) { { let at = baseC + (row + 6u) * 128u + col; c_set4(at, c_at4(at) + c6); } }
    if (row + 7u < 128u) { { let at = baseC + (row + 7u) * 128u + col; c_set4(at, c_at4(at) + c7); } }
  }
}

// attention scores subgroup 8x4 + exp: 4 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 4096>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 2048>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> p: array<vec4<f32>, 4096>;
fn p_at4(i: u32) -> vec4<f32> { return p[i >> 2u]; }
fn p_quad(at: u32) -> vec4<f32> { return p[at]; }
fn p_set4(i: u32, v: vec4<f32>) { p[i >> 2u] = v; }
@group(0) @binding(3) var<storage, read> lse: array<f32>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }


fn seen(z: u32, r: u32, col: u32) -> vec4<bool> { return (vec4<u32>(col, col + 1u, col + 2u, col + 3u) <= vec4<u32>(0u + r)); }
fn score(x: vec4<f32>) -> vec4<f32> { return x * 0.125; }
fn finish(i: u32, v: vec4<f32>) {
  let col = i % 64u; let row = i / 64u; let r = row % 64u; let z = row / 64u;
  p_set4(i, select(vec4<f32>(0.0), exp(min(score(v) - lse_at(z * 128u + 0u + r), vec4<f32>(80.0))), seen(z, r, col)));
}
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
    if (row + 0u < 64u) { finish(baseC + (row + 0u) * 64u + col, c0); }
    if (row + 1u < 64u) { finish(baseC + (row + 1u) * 64u + col, c1); }
    if (row + 2u < 64u) { finish(baseC + (row + 2u) * 64u + col, c2); }
    if (row + 3u < 64u) { finish(baseC + (row + 3u) * 64u + col, c3); }
    if (row + 4u < 64u) { finish(baseC + (row + 4u) * 64u + col, c4); }
    if (row + 5u < 64u) { finish(baseC + (row + 5u) * 64u + col, c5); }
    if (row + 6u < 64u) { finish(baseC + (row + 6u) * 64u + col, c6); }
    if (row + 7u < 64u) { finish(baseC + (row + 7u) * 64u + col, c7); }
  }
}

// attention score gradients subgroup 8x4: 4 x 8 x 4 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 4096>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 2048>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read> p: array<vec4<f32>, 4096>;
fn p_at4(i: u32) -> vec4<f32> { return p[i >> 2u]; }
fn p_quad(at: u32) -> vec4<f32> { return p[at]; }

@group(0) @binding(3) var<storage, read> delta: array<f32>;
fn delta_at(i: u32) -> f32 { return delta[i]; }
fn delta_at4(i: u32) -> vec4<f32> { return vec4<f32>(delta[i], delta[i + 1u], delta[i + 2u], delta[i + 3u]); }


@group(0) @binding(4) var<storage, read_write> ds: array<vec4<f32>, 4096>;
fn ds_at4(i: u32) -> vec4<f32> { return ds[i >> 2u]; }
fn ds_quad(at: u32) -> vec4<f32> { return ds[at]; }
fn ds_set4(i: u32, v: vec4<f32>) { ds[i >> 2u] = v; }
fn finish(i: u32, v: vec4<f32>) {
  let col = i % 64u; let row = i / 64u; let r = row % 64u; let z = row / 64u;
  ds_set4(i, p_at4(i) * (v - delta_at(z * 128u + 0u + r)) * 0.125);
}
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
    if (row + 0u < 64u) { finish(baseC + (row + 0u) * 64u + col, c0); }
    if (row + 1u < 64u) { finish(baseC + (row + 1u) * 64u + col, c1); }
    if (row + 2u < 64u) { finish(baseC + (row + 2u) * 64u + col, c2); }
    if (row + 3u < 64u) { finish(baseC + (row + 3u) * 64u + col, c3); }
    if (row + 4u < 64u) { finish(baseC + (row + 4u) * 64u + col, c4); }
    if (row + 5u < 64u) { finish(baseC + (row + 5u) * 64u + col, c5); }
    if (row + 6u < 64u) { finish(baseC + (row + 6u) * 64u + col, c6); }
    if (row + 7u < 64u) { finish(baseC + (row + 7u) * 64u + col, c7); }
  }
}

// attention dq subgroup 8x4: 4 x 8 x 4 workgroups
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
    if (row + 0u < 64u) { c_set4(baseC + (row + 0u) * 256u + col, c0); }
    if (row + 1u < 64u) { c_set4(baseC + (row + 1u) * 256u + col, c1); }
    if (row + 2u < 64u) { c_set4(baseC + (row + 2u) * 256u + col, c2); }
    if (row + 3u < 64u) { c_set4(baseC + (row + 3u) * 256u + col, c3); }
    if (row + 4u < 64u) { c_set4(baseC + (row + 4u) * 256u + col, c4); }
    if (row + 5u < 64u) { c_set4(baseC + (row + 5u) * 256u + col, c5); }
    if (row + 6u < 64u) { c_set4(baseC + (row + 6u) * 256u + col, c6); }
    if (row + 7u < 64u) { c_set4(baseC + (row + 7u) * 256u + col, c7); }
  }
}

// attention dk subgroup 8x4: 4 x 8 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 3072>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4080>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 0u + group.z * 8192u;
  let baseB = 0u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 64u) >> 2u;
  let iy = (baseA + min(row + 4u, 60u) + lane * 64u) >> 2u;
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
    let advance = p * 64u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
    if (row + 0u < 64u) { { let at = baseC + (row + 0u) * 128u + col; c_set4(at, c_at4(at) + c0); } }
    if (row + 1u < 64u) { { let at = baseC + (row + 1u) * 128u + col; c_set4(at, c_at4(at) + c1); } }
    if (row + 2u < 64u) { { let at = baseC + (row + 2u) * 128u + col; c_set4(at, c_at4(at) + c2); } }
    if (row + 3u < 64u) { { let at = baseC + (row + 3u) * 128u + col; c_set4(at, c_at4(at) + c3); } }
    if (row + 4u < 64u) { { let at = baseC + (row + 4u) * 128u + col; c_set4(at, c_at4(at) + c4); } }
    if (row + 5u < 64u) { { let at = baseC + (row + 5u) * 128u + col; c_set4(at, c_at4(at) + c5); } }
    if (row + 6u < 64u) { { let at = baseC + (row + 6u) * 128u + col; c_set4(at, c_at4(at) + c6); } }
    if (row + 7u < 64u) { { let at = baseC + (row + 7u) * 128u + col; c_set4(at, c_at4(at) + c7); } }
  }
}

// attention dv subgroup 8x4: 4 x 8 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 3072>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4080>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 0u + group.z * 8192u;
  let baseB = 0u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 64u) >> 2u;
  let iy = (baseA + min(row + 4u, 60u) + lane * 64u) >> 2u;
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
    let advance = p * 64u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
    if (row + 0u < 64u) { { let at = baseC + (row + 0u) * 128u + col; c_set4(at, c_at4(at) + c0); } }
    if (row + 1u < 64u) { { let at = baseC + (row + 1u) * 128u + col; c_set4(at, c_at4(at) + c1); } }
    if (row + 2u < 64u) { { let at = baseC + (row + 2u) * 128u + col; c_set4(at, c_at4(at) + c2); } }
    if (row + 3u < 64u) { { let at = baseC + (row + 3u) * 128u + col; c_set4(at, c_at4(at) + c3); } }
    if (row + 4u < 64u) { { let at = baseC + (row + 4u) * 128u + col; c_set4(at, c_at4(at) + c4); } }
    if (row + 5u < 64u) { { let at = baseC + (row + 5u) * 128u + col; c_set4(at, c_at4(at) + c5); } }
    if (row + 6u < 64u) { { let at = baseC + (row + 6u) * 128u + col; c_set4(at, c_at4(at) + c6); } }
    if (row + 7u < 64u) { { let at = baseC + (row + 7u) * 128u + col; c_set4(at, c_at4(at) + c7); } }
  }
}

// attention dk subgroup 8x4: 4 x 8 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 4096>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4096>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 4096u + group.z * 8192u;
  let baseB = 64u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 64u) >> 2u;
  let iy = (baseA + min(row + 4u, 60u) + lane * 64u) >> 2u;
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
    let advance = p * 64u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
    if (row + 0u < 64u) { { let at = baseC + (row + 0u) * 128u + col; c_set4(at, c_at4(at) + c0); } }
    if (row + 1u < 64u) { { let at = baseC + (row + 1u) * 128u + col; c_set4(at, c_at4(at) + c1); } }
    if (row + 2u < 64u) { { let at = baseC + (row + 2u) * 128u + col; c_set4(at, c_at4(at) + c2); } }
    if (row + 3u < 64u) { { let at = baseC + (row + 3u) * 128u + col; c_set4(at, c_at4(at) + c3); } }
    if (row + 4u < 64u) { { let at = baseC + (row + 4u) * 128u + col; c_set4(at, c_at4(at) + c4); } }
    if (row + 5u < 64u) { { let at = baseC + (row + 5u) * 128u + col; c_set4(at, c_at4(at) + c5); } }
    if (row + 6u < 64u) { { let at = baseC + (row + 6u) * 128u + col; c_set4(at, c_at4(at) + c6); } }
    if (row + 7u < 64u) { { let at = baseC + (row + 7u) * 128u + col; c_set4(at, c_at4(at) + c7); } }
  }
}

// attention dv subgroup 8x4: 4 x 8 x 2 workgroups
enable subgroups;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 4096>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 4096>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, 60u);
  let baseA = 4096u + group.z * 8192u;
  let baseB = 64u + group.z * 128u;
  let baseC = 0u + group.z * 64u;
  let ix = (baseA + row + lane * 64u) >> 2u;
  let iy = (baseA + min(row + 4u, 60u) + lane * 64u) >> 2u;
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
    let advance = p * 64u;
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    let x0 = subgroupBroadcast(x, 0u);
    let y0 = subgroupBroadcast(y, 0u);
    c0 += x0[0] * b0;
    c1 += x0[1] * b0;
    c2 += x0[2] * b0;
    c3 += x0[3] * b0;
    c4 += y0[0] * b0;
    c5 += y0[1] * b0;
    c6 += y0[2] * b0;
    c7 += y0[3] * b0;
    let x1 = subgroupBroadcast(x, 1u);
    let y1 = subgroupBroadcast(y, 1u);
    c0 += x1[0] * b1;
    c1 += x1[1] * b1;
    c2 += x1[2] * b1;
    c3 += x1[3] * b1;
    c4 += y1[0] * b1;
    c5 += y1[1] * b1;
    c6 += y1[2] * b1;
    c7 += y1[3] * b1;
    let x2 = subgroupBroadcast(x, 2u);
    let y2 = subgroupBroadcast(y, 2u);
    c0 += x2[0] * b2;
    c1 += x2[1] * b2;
    c2 += x2[2] * b2;
    c3 += x2[3] * b2;
    c4 += y2[0] * b2;
    c5 += y2[1] * b2;
    c6 += y2[2] * b2;
    c7 += y2[3] * b2;
    let x3 = subgroupBroadcast(x, 3u);
    let y3 = subgroupBroadcast(y, 3u);
    c0 += x3[0] * b3;
    c1 += x3[1] * b3;
    c2 += x3[2] * b3;
    c3 += x3[3] * b3;
    c4 += y3[0] * b3;
    c5 += y3[1] * b3;
    c6 += y3[2] * b3;
    c7 += y3[3] * b3;
  }
  if (col < 64u) {
    if (row + 0u < 64u) { { let at = baseC + (row + 0u) * 128u + col; c_set4(at, c_at4(at) + c0); } }
    if (row + 1u < 64u) { { let at = baseC + (row + 1u) * 128u + col; c_set4(at, c_at4(at) + c1); } }
    if (row + 2u < 64u) { { let at = baseC + (row + 2u) * 128u + col; c_set4(at, c_at4(at) + c2); } }
    if (row + 3u < 64u) { { let at = baseC + (row + 3u) * 128u + col; c_set4(at, c_at4(at) + c3); } }
    if (row + 4u < 64u) { { let at = baseC + (row + 4u) * 128u + col; c_set4(at, c_at4(at) + c4); } }
    if (row + 5u < 64u) { { let at = baseC + (row + 5u) * 128u + col; c_set4(at, c_at4(at) + c5); } }
    if (row + 6u < 64u) { { let at = baseC + (row + 6u) * 128u + col; c_set4(at, c_at4(at) + c6); } }
    if (row + 7u < 64u) { { let at = baseC + (row + 7u) * 128u + col; c_set4(at, c_at4(at) + c7); } }
  }
}

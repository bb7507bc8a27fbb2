// matmul direct 4x4 vec4: 1 x 1 x 4 workgroups
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 16384>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 16384>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>, 256>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= 16u || col >= 16u) { return; }
  let colB = col;
  let baseA = 0u + id.z * 1024u;
  let baseB = 0u + id.z * 16384u;
  let baseC = 0u + id.z * 256u;
  let ia0 = (baseA + min(row + 0u, 15u) * 4096u) >> 2u;
  let ia1 = (baseA + min(row + 1u, 15u) * 4096u) >> 2u;
  let ia2 = (baseA + min(row + 2u, 15u) * 4096u) >> 2u;
  let ia3 = (baseA + min(row + 3u, 15u) * 4096u) >> 2u;
  let ib = (baseB + colB) >> 2u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  for (var p = 0u; p < 256u; p++) {
    let a0 = a_quad(ia0 + p);
    let a1 = a_quad(ia1 + p);
    let a2 = a_quad(ia2 + p);
    let a3 = a_quad(ia3 + p);
    let qb = ib + p * 16u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 4u);
    let b2 = b_quad(qb + 8u);
    let b3 = b_quad(qb + 12u);
    c0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
    c1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
    c2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
    c3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
  }
  if (row + 0u < 16u) { c_set4(baseC + (row + 0u) * 16u + col, c0); }
  if (row + 1u < 16u) { c_set4(baseC + (row + 1u) * 16u + col, c1); }
  if (row + 2u < 16u) { c_set4(baseC + (row + 2u) * 16u + col, c2); }
  if (row + 3u < 16u) { c_set4(baseC + (row + 3u) * 16u + col, c3); }
}

// matmul pieces: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> parts: array<vec4<f32>, 256>;
fn parts_at4(i: u32) -> vec4<f32> { return parts[i >> 2u]; }
fn parts_quad(at: u32) -> vec4<f32> { return parts[at]; }

@group(0) @binding(1) var<storage, read_write> c: array<vec4<f32>, 64>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  let i = id * 4u;
  if (i >= 256u) { return; }
  var v = vec4<f32>(0.0);
  for (var s = 0u; s < 4u; s++) { v += parts_at4(s * 256u + i); }
  c_set4(i, v);
}

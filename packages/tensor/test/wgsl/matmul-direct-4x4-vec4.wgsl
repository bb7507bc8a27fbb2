// matmul direct 4x4 vec4: 8 x 8 x 1 workgroups
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>, 16384>;
fn a_at4(i: u32) -> vec4<f32> { return a[i >> 2u]; }
fn a_quad(at: u32) -> vec4<f32> { return a[at]; }

@group(0) @binding(1) var<storage, read> b: array<vec4<f32>, 16384>;
fn b_at4(i: u32) -> vec4<f32> { return b[i >> 2u]; }
fn b_quad(at: u32) -> vec4<f32> { return b[at]; }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>, 16384>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= 256u || col >= 256u) { return; }
  let colB = col;
  let baseA = 0u;
  let baseB = 0u;
  let baseC = 0u;
  let ia0 = (baseA + min(row + 0u, 255u) * 256u) >> 2u;
  let ia1 = (baseA + min(row + 1u, 255u) * 256u) >> 2u;
  let ia2 = (baseA + min(row + 2u, 255u) * 256u) >> 2u;
  let ia3 = (baseA + min(row + 3u, 255u) * 256u) >> 2u;
  let ib = (baseB + colB) >> 2u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  for (var p = 0u; p < 64u; p++) {
    let a0 = a_quad(ia0 + p);
    let a1 = a_quad(ia1 + p);
    let a2 = a_quad(ia2 + p);
    let a3 = a_quad(ia3 + p);
    let qb = ib + p * 256u;
    let b0 = b_quad(qb + 0u);
    let b1 = b_quad(qb + 64u);
    let b2 = b_quad(qb + 128u);
    let b3 = b_quad(qb + 192u);
    c0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
    c1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
    c2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
    c3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
  }
  if (row + 0u < 256u) { c_set4(baseC + (row + 0u) * 256u + col, c0); }
  if (row + 1u < 256u) { c_set4(baseC + (row + 1u) * 256u + col, c1); }
  if (row + 2u < 256u) { c_set4(baseC + (row + 2u) * 256u + col, c2); }
  if (row + 3u < 256u) { c_set4(baseC + (row + 3u) * 256u + col, c3); }
}

// matmul direct 4x4: 8 x 8 x 1 workgroups
@group(0) @binding(0) var<storage, read> a: array<f32, 65536>;
fn a_at(i: u32) -> f32 { return a[i]; }
fn a_at4(i: u32) -> vec4<f32> { return vec4<f32>(a[i], a[i + 1u], a[i + 2u], a[i + 3u]); }


@group(0) @binding(1) var<storage, read> b: array<f32, 65536>;
fn b_at(i: u32) -> f32 { return b[i]; }
fn b_at4(i: u32) -> vec4<f32> { return vec4<f32>(b[i], b[i + 1u], b[i + 2u], b[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>, 16384>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= 256u || col >= 256u) { return; }
  let baseA = 0u;
  let baseB = 0u;
  let baseC = 0u;
  let r0 = baseA + min(row + 0u, 255u) * 256u;
  let q0 = baseB + min(col + 0u, 255u) * 1u;
  var c0 = vec4<f32>(0.0);
  let r1 = baseA + min(row + 1u, 255u) * 256u;
  let q1 = baseB + min(col + 1u, 255u) * 1u;
  var c1 = vec4<f32>(0.0);
  let r2 = baseA + min(row + 2u, 255u) * 256u;
  let q2 = baseB + min(col + 2u, 255u) * 1u;
  var c2 = vec4<f32>(0.0);
  let r3 = baseA + min(row + 3u, 255u) * 256u;
  let q3 = baseB + min(col + 3u, 255u) * 1u;
  var c3 = vec4<f32>(0.0);
  for (var p = 0u; p < 256u; p++) {
    let bp = vec4<f32>(b_at(q0 + p * 256u), b_at(q1 + p * 256u), b_at(q2 + p * 256u), b_at(q3 + p * 256u));
    c0 += a_at(r0 + p * 1u) * bp;
    c1 += a_at(r1 + p * 1u) * bp;
    c2 += a_at(r2 + p * 1u) * bp;
    c3 += a_at(r3 + p * 1u) * bp;
  }
  if (row + 0u < 256u) { c_set4(baseC + (row + 0u) * 256u + col, c0); }
  if (row + 1u < 256u) { c_set4(baseC + (row + 1u) * 256u + col, c1); }
  if (row + 2u < 256u) { c_set4(baseC + (row + 2u) * 256u + col, c2); }
  if (row + 3u < 256u) { c_set4(baseC + (row + 3u) * 256u + col, c3); }
}

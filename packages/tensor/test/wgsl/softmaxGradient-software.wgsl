// softmaxGradient: 4 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> y: array<vec4<f32>, 8192>;
fn y_at4(i: u32) -> vec4<f32> { return y[i >> 2u]; }
fn y_quad(at: u32) -> vec4<f32> { return y[at]; }

@group(0) @binding(1) var<storage, read> g: array<vec4<f32>, 8192>;
fn g_at4(i: u32) -> vec4<f32> { return g[i >> 2u]; }
fn g_quad(at: u32) -> vec4<f32> { return g[at]; }

@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>, 8192>;
fn dx_at4(i: u32) -> vec4<f32> { return dx[i >> 2u]; }
fn dx_quad(at: u32) -> vec4<f32> { return dx[at]; }
fn dx_set4(i: u32, v: vec4<f32>) { dx[i >> 2u] = v; }
const N = 512u;
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  let row = id;
  if (row >= 64u) { return; }
  let base = row * N;

  var dot_v = vec4<f32>(0.0);
  for (var k = 0u; k < N; k += 4u) { dot_v += y_at4(base + k) * g_at4(base + k); }
  let dot_row = (dot_v.x + dot_v.y + dot_v.z + dot_v.w);
  for (var k = 0u; k < N; k += 4u) { dx_set4(base + k, y_at4(base + k) * (g_at4(base + k) - dot_row)); }
}

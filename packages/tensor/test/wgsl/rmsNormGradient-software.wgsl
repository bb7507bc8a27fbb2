// rmsNormGradient: 4 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 8192>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>, 128>;
fn weight_at4(i: u32) -> vec4<f32> { return weight[i >> 2u]; }
fn weight_quad(at: u32) -> vec4<f32> { return weight[at]; }

@group(0) @binding(2) var<storage, read> scale: array<f32, 64>;
fn scale_at(i: u32) -> f32 { return scale[i]; }
fn scale_at4(i: u32) -> vec4<f32> { return vec4<f32>(scale[i], scale[i + 1u], scale[i + 2u], scale[i + 3u]); }


@group(0) @binding(3) var<storage, read> g: array<vec4<f32>, 8192>;
fn g_at4(i: u32) -> vec4<f32> { return g[i >> 2u]; }
fn g_quad(at: u32) -> vec4<f32> { return g[at]; }

@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>, 8192>;
fn y_at4(i: u32) -> vec4<f32> { return y[i >> 2u]; }
fn y_quad(at: u32) -> vec4<f32> { return y[at]; }
fn y_set4(i: u32, v: vec4<f32>) { y[i >> 2u] = v; }
const N = 512u;
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  let row = id;
  if (row >= 64u) { return; }
  let base = row * N;

  let s = scale_at(row);
  var total_v = vec4<f32>(0.0);
  for (var k = 0u; k < N; k += 4u) { total_v += g_at4(base + k) * weight_at4(k) * x_at4(base + k); }
  let c = (total_v.x + total_v.y + total_v.z + total_v.w) / f32(N) * s * s;
  for (var k = 0u; k < N; k += 4u) { y_set4(base + k, s * (g_at4(base + k) * weight_at4(k) - x_at4(base + k) * c)); }
}

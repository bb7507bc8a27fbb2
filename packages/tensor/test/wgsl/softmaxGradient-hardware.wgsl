// softmaxGradient: 64 x 1 x 1 workgroups
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
var<workgroup> partial: array<f32, 64>;
fn reduce_max(v: f32, lane: u32) -> f32 {
  partial[lane] = v;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
    workgroupBarrier();
  }
  let result = partial[0];
  workgroupBarrier();
  return result;
}
fn reduce_sum(v: f32, lane: u32) -> f32 {
  partial[lane] = v;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
    workgroupBarrier();
  }
  let result = partial[0];
  workgroupBarrier();
  return result;
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * 65535u;
  if (row >= 64u) { return; }
  let base = row * N;
  let y_r0 = y_at4(base + lane * 4u + 0u);
  let y_r1 = y_at4(base + lane * 4u + 256u);
  let g_r0 = g_at4(base + lane * 4u + 0u);
  let g_r1 = g_at4(base + lane * 4u + 256u);

  var dot_v = vec4<f32>(0.0);
  dot_v += y_r0 * g_r0;
  dot_v += y_r1 * g_r1;
  let dot_row = reduce_sum((dot_v.x + dot_v.y + dot_v.z + dot_v.w), lane);
  dx_set4(base + lane * 4u + 0u, y_r0 * (g_r0 - dot_row));
  dx_set4(base + lane * 4u + 256u, y_r1 * (g_r1 - dot_row));
}

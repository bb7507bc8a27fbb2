// rmsNorm: 64 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 8192>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>, 128>;
fn weight_at4(i: u32) -> vec4<f32> { return weight[i >> 2u]; }
fn weight_quad(at: u32) -> vec4<f32> { return weight[at]; }

@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>, 8192>;
fn y_at4(i: u32) -> vec4<f32> { return y[i >> 2u]; }
fn y_quad(at: u32) -> vec4<f32> { return y[at]; }
fn y_set4(i: u32, v: vec4<f32>) { y[i >> 2u] = v; }
@group(0) @binding(3) var<storage, read_write> scale: array<f32, 64>;
fn scale_at(i: u32) -> f32 { return scale[i]; }
fn scale_at4(i: u32) -> vec4<f32> { return vec4<f32>(scale[i], scale[i + 1u], scale[i + 2u], scale[i + 3u]); }
fn scale_set(i: u32, v: f32) { scale[i] = v; }
fn scale_set4(i: u32, v: vec4<f32>) { scale[i] = v.x; scale[i + 1u] = v.y; scale[i + 2u] = v.z; scale[i + 3u] = v.w; }
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
  let x_r0 = x_at4(base + lane * 4u + 0u);
  let x_r1 = x_at4(base + lane * 4u + 256u);

  var total_v = vec4<f32>(0.0);
  { let v = x_r0; total_v += v * v; }
  { let v = x_r1; total_v += v * v; }
  let s = inverseSqrt(reduce_sum((total_v.x + total_v.y + total_v.z + total_v.w), lane) / f32(N) + 0.000009999999747378752);
  y_set4(base + lane * 4u + 0u, x_r0 * s * weight_at4(lane * 4u + 0u));
  y_set4(base + lane * 4u + 256u, x_r1 * s * weight_at4(lane * 4u + 256u));
  if (lane == 0u) { scale_set(row, s); }
}

// softmax: 64 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 8192>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>, 8192>;
fn y_at4(i: u32) -> vec4<f32> { return y[i >> 2u]; }
fn y_quad(at: u32) -> vec4<f32> { return y[at]; }
fn y_set4(i: u32, v: vec4<f32>) { y[i >> 2u] = v; }
const N = 512u;
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
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

  var top_v = vec4<f32>(-3.4028234e38);
  var size_v = vec4<u32>(0u);
  { let v = x_r0; top_v = max(top_v, v); size_v = max(size_v, magnitude4(v)); }
  { let v = x_r1; top_v = max(top_v, v); size_v = max(size_v, magnitude4(v)); }
  var top = reduce_max(max(max(top_v.x, top_v.y), max(top_v.z, top_v.w)), lane);
  if (magnitude(top) == INFINITE) { top = 0.0; }
  var total_v = vec4<f32>(0.0);
  let kept0 = exp(x_r0 - top); total_v += kept0;
  let kept1 = exp(x_r1 - top); total_v += kept1;

  if (largest4(size_v) > INFINITE) { total_v = vec4<f32>(nan_of(0u)); }
  let total = reduce_sum((total_v.x + total_v.y + total_v.z + total_v.w), lane);
  let norm = select(1.0 / total, nan_of(0u), total == 0.0 || magnitude(total) >= INFINITE);
  y_set4(base + lane * 4u + 0u, kept0 * norm);
  y_set4(base + lane * 4u + 256u, kept1 * norm);
}

// crossEntropy: 64 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32, 32768>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> targets: array<i32, 64>;
fn targets_at(i: u32) -> i32 { return targets[i]; }
fn targets_at4(i: u32) -> vec4<i32> { return vec4<i32>(targets[i], targets[i + 1u], targets[i + 2u], targets[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> loss: array<f32, 64>;
fn loss_at(i: u32) -> f32 { return loss[i]; }
fn loss_at4(i: u32) -> vec4<f32> { return vec4<f32>(loss[i], loss[i + 1u], loss[i + 2u], loss[i + 3u]); }
fn loss_set(i: u32, v: f32) { loss[i] = v; }
fn loss_set4(i: u32, v: vec4<f32>) { loss[i] = v.x; loss[i + 1u] = v.y; loss[i + 2u] = v.z; loss[i + 3u] = v.w; }
@group(0) @binding(3) var<storage, read_write> lse: array<f32, 64>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }
fn lse_set(i: u32, v: f32) { lse[i] = v; }
fn lse_set4(i: u32, v: vec4<f32>) { lse[i] = v.x; lse[i + 1u] = v.y; lse[i + 2u] = v.z; lse[i + 3u] = v.w; }
const N = 512u;
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
fn log_of_sum(top: f32, total: f32) -> f32 {
  let bits = bitcast<u32>(total);
  if (bits == 0u) { return bitcast<f32>(bits | 0xff800000u); }
  if (bits >= INFINITE) { return total; }
  return top + log(total);
}
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
  total_v += exp(x_r0 - top);
  total_v += exp(x_r1 - top);

  if (largest4(size_v) > INFINITE) { total_v = vec4<f32>(nan_of(0u)); }
  let total = reduce_sum((total_v.x + total_v.y + total_v.z + total_v.w), lane);
  let lse = log_of_sum(top, total);
  if (lane == 0u) { {
    let id = targets_at(row);
    // A target outside the vocabulary is an error of the caller: the loss and its gradient are NaN.
    let l = select(lse, nan_of(0u), id >= i32(N));
    var picked = 0.0;
    if (id >= 0 && u32(id) < N) { picked = x_at(base + u32(id)); }
    lse_set(row, l);
    loss_set(row, select(l - picked + 0.00009999999747378752 * l * l, 0.0, id < 0));
  } }
}

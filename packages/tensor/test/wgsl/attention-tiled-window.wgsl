// attention tiled: 4 x 4 x 1 workgroups
@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;
fn q_at4(i: u32) -> vec4<f32> { return q[i >> 2u]; }
fn q_quad(at: u32) -> vec4<f32> { return q[at]; }

@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>;
fn k_at4(i: u32) -> vec4<f32> { return k[i >> 2u]; }
fn k_quad(at: u32) -> vec4<f32> { return k[at]; }

@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
fn v_at4(i: u32) -> vec4<f32> { return v[i >> 2u]; }
fn v_quad(at: u32) -> vec4<f32> { return v[at]; }

@group(0) @binding(3) var<storage, read_write> o: array<vec4<f32>>;
fn o_at4(i: u32) -> vec4<f32> { return o[i >> 2u]; }
fn o_quad(at: u32) -> vec4<f32> { return o[at]; }
fn o_set4(i: u32, v: vec4<f32>) { o[i >> 2u] = v; }
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }
fn lse_set(i: u32, v: f32) { lse[i] = v; }
fn lse_set4(i: u32, v: vec4<f32>) { lse[i] = v.x; lse[i + 1u] = v.y; lse[i + 2u] = v.z; lse[i + 3u] = v.w; }
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
const T = 128u; const S = 128u; const H = 4u; const KV = 2u; const GROUP = 2u; const D = 64u;
const SCALE = 0.125; const WINDOW = 40u;
const CAP = 30.0;
fn capped(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let y = CAP * tanh(clamp(x / CAP, -15.0, 15.0));
  return select(y, bitcast<f32>(bits), (bits & 0x7fffffffu) > 0x7f800000u);
}
fn slope(s: f32) -> f32 { let u = s / CAP; return 1.0 - u * u; }
var<workgroup> tile_a: array<vec4<f32>, 128>;
var<workgroup> tile_b: array<vec4<f32>, 128>;
var<workgroup> weights: array<f32, 1056>;
fn seen(batch: u32, i: u32, j: u32) -> bool {
  if (!(i < T && j < S)) { return false; }
  return j <= i + 0u && j + WINDOW > i + 0u;
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let line = local / 4u;
  let lane = local % 4u;

  let first = at.x * 32u;
  let head = at.y;
  let batch = at.z;
  let kvHead = head / GROUP;
  let i = first + line;
  var acc0 = vec4<f32>(0.0);
  var acc1 = vec4<f32>(0.0);
  var acc2 = vec4<f32>(0.0);
  var acc3 = vec4<f32>(0.0);
  var top = -1.0e30;
  var size = 0u;
  var total = 0.0;
  let keys = min(S, first + 32u);
  for (var from_key = ((max(first + 1u, WINDOW) - WINDOW) / 32u) * 32u; from_key < keys; from_key += 32u) {
  var s0 = 0.0;
  var s1 = 0.0;
  var s2 = 0.0;
  var s3 = 0.0;
  var s4 = 0.0;
  var s5 = 0.0;
  var s6 = 0.0;
  var s7 = 0.0;
  for (var c = 0u; c < 4u; c++) {
    tile_a[local] = vec4<f32>(0.0);
    if (first + line < T) { tile_a[local] = q_at4(((batch * T + first + line) * H + head) * D + c * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = k_at4(((batch * S + from_key + line) * KV + kvHead) * D + c * 16u + lane * 4u); }
    workgroupBarrier();
    for (var e = 0u; e < 4u; e++) {
      let x = tile_a[line * 4u + e];
      s0 += dot(x, tile_b[(lane + 0u) * 4u + e]);
      s1 += dot(x, tile_b[(lane + 4u) * 4u + e]);
      s2 += dot(x, tile_b[(lane + 8u) * 4u + e]);
      s3 += dot(x, tile_b[(lane + 12u) * 4u + e]);
      s4 += dot(x, tile_b[(lane + 16u) * 4u + e]);
      s5 += dot(x, tile_b[(lane + 20u) * 4u + e]);
      s6 += dot(x, tile_b[(lane + 24u) * 4u + e]);
      s7 += dot(x, tile_b[(lane + 28u) * 4u + e]);
    }
    workgroupBarrier();
  }
    weights[line * 33u + lane + 0u] = select(-1.0e30, capped(s0 * SCALE), seen(batch, i, from_key + lane + 0u));
    weights[line * 33u + lane + 4u] = select(-1.0e30, capped(s1 * SCALE), seen(batch, i, from_key + lane + 4u));
    weights[line * 33u + lane + 8u] = select(-1.0e30, capped(s2 * SCALE), seen(batch, i, from_key + lane + 8u));
    weights[line * 33u + lane + 12u] = select(-1.0e30, capped(s3 * SCALE), seen(batch, i, from_key + lane + 12u));
    weights[line * 33u + lane + 16u] = select(-1.0e30, capped(s4 * SCALE), seen(batch, i, from_key + lane + 16u));
    weights[line * 33u + lane + 20u] = select(-1.0e30, capped(s5 * SCALE), seen(batch, i, from_key + lane + 20u));
    weights[line * 33u + lane + 24u] = select(-1.0e30, capped(s6 * SCALE), seen(batch, i, from_key + lane + 24u));
    weights[line * 33u + lane + 28u] = select(-1.0e30, capped(s7 * SCALE), seen(batch, i, from_key + lane + 28u));
    workgroupBarrier();
    var best = top;
    for (var j = 0u; j < 32u; j++) {
      let w = weights[line * 33u + j];
      best = max(best, w);
      size = max(size, magnitude(w));
    }
    workgroupBarrier();
    let keep = exp(top - best);
    top = best;
    weights[line * 33u + lane + 0u] = select(0.0, exp(weights[line * 33u + lane + 0u] - best), weights[line * 33u + lane + 0u] > -0.5e30);
    weights[line * 33u + lane + 4u] = select(0.0, exp(weights[line * 33u + lane + 4u] - best), weights[line * 33u + lane + 4u] > -0.5e30);
    weights[line * 33u + lane + 8u] = select(0.0, exp(weights[line * 33u + lane + 8u] - best), weights[line * 33u + lane + 8u] > -0.5e30);
    weights[line * 33u + lane + 12u] = select(0.0, exp(weights[line * 33u + lane + 12u] - best), weights[line * 33u + lane + 12u] > -0.5e30);
    weights[line * 33u + lane + 16u] = select(0.0, exp(weights[line * 33u + lane + 16u] - best), weights[line * 33u + lane + 16u] > -0.5e30);
    weights[line * 33u + lane + 20u] = select(0.0, exp(weights[line * 33u + lane + 20u] - best), weights[line * 33u + lane + 20u] > -0.5e30);
    weights[line * 33u + lane + 24u] = select(0.0, exp(weights[line * 33u + lane + 24u] - best), weights[line * 33u + lane + 24u] > -0.5e30);
    weights[line * 33u + lane + 28u] = select(0.0, exp(weights[line * 33u + lane + 28u] - best), weights[line * 33u + lane + 28u] > -0.5e30);
    workgroupBarrier();
    total *= keep;
    for (var j = 0u; j < 32u; j++) { total += weights[line * 33u + j]; }
    acc0 *= keep;
    acc1 *= keep;
    acc2 *= keep;
    acc3 *= keep;
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = v_at4(((batch * S + from_key + line) * KV + kvHead) * D + 0u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc0 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = v_at4(((batch * S + from_key + line) * KV + kvHead) * D + 1u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc1 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = v_at4(((batch * S + from_key + line) * KV + kvHead) * D + 2u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc2 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = v_at4(((batch * S + from_key + line) * KV + kvHead) * D + 3u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc3 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  }
  if (i < T) {
    if (size > INFINITE || magnitude(top) >= INFINITE) { total = nan_of(0u); }
    let norm = 1.0 / total;
    o_set4(((batch * T + first + line) * H + head) * D + 0u + lane * 4u, acc0 * norm);
    o_set4(((batch * T + first + line) * H + head) * D + 16u + lane * 4u, acc1 * norm);
    o_set4(((batch * T + first + line) * H + head) * D + 32u + lane * 4u, acc2 * norm);
    o_set4(((batch * T + first + line) * H + head) * D + 48u + lane * 4u, acc3 * norm);
    if (lane == 0u) { lse_set((batch * H + head) * T + i, top + log(total)); }
  }
}

// attentionGradient tiled by query: 4 x 4 x 1 workgroups
@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;
fn q_at4(i: u32) -> vec4<f32> { return q[i >> 2u]; }
fn q_quad(at: u32) -> vec4<f32> { return q[at]; }

@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>;
fn k_at4(i: u32) -> vec4<f32> { return k[i >> 2u]; }
fn k_quad(at: u32) -> vec4<f32> { return k[at]; }

@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
fn v_at4(i: u32) -> vec4<f32> { return v[i >> 2u]; }
fn v_quad(at: u32) -> vec4<f32> { return v[at]; }

@group(0) @binding(3) var<storage, read> o: array<vec4<f32>>;
fn o_at4(i: u32) -> vec4<f32> { return o[i >> 2u]; }
fn o_quad(at: u32) -> vec4<f32> { return o[at]; }

@group(0) @binding(4) var<storage, read> lse: array<f32>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }


@group(0) @binding(5) var<storage, read> g: array<vec4<f32>>;
fn g_at4(i: u32) -> vec4<f32> { return g[i >> 2u]; }
fn g_quad(at: u32) -> vec4<f32> { return g[at]; }

@group(0) @binding(6) var<storage, read_write> dq: array<vec4<f32>>;
fn dq_at4(i: u32) -> vec4<f32> { return dq[i >> 2u]; }
fn dq_quad(at: u32) -> vec4<f32> { return dq[at]; }
fn dq_set4(i: u32, v: vec4<f32>) { dq[i >> 2u] = v; }
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;
fn delta_at(i: u32) -> f32 { return delta[i]; }
fn delta_at4(i: u32) -> vec4<f32> { return vec4<f32>(delta[i], delta[i + 1u], delta[i + 2u], delta[i + 3u]); }
fn delta_set(i: u32, v: f32) { delta[i] = v; }
fn delta_set4(i: u32, v: vec4<f32>) { delta[i] = v.x; delta[i + 1u] = v.y; delta[i + 2u] = v.z; delta[i + 3u] = v.w; }
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
  let stat = (batch * H + head) * T + min(i, T - 1u);
  let row = ((batch * T + first + (min(i, T - 1u) - first)) * H + head) * D;
  var d4 = vec4<f32>(0.0);
  for (var e = 0u; e < D; e += 4u) { d4 += g_at4(row + e) * o_at4(row + e); }
  let own = d4.x + d4.y + d4.z + d4.w;
  if (i < T && lane == 0u) { delta_set(stat, own); }
  let l = lse_at(stat);
  var acc0 = vec4<f32>(0.0);
  var acc1 = vec4<f32>(0.0);
  var acc2 = vec4<f32>(0.0);
  var acc3 = vec4<f32>(0.0);
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
  var p0 = 0.0;
  var p1 = 0.0;
  var p2 = 0.0;
  var p3 = 0.0;
  var p4 = 0.0;
  var p5 = 0.0;
  var p6 = 0.0;
  var p7 = 0.0;
  for (var c = 0u; c < 4u; c++) {
    tile_a[local] = vec4<f32>(0.0);
    if (first + line < T) { tile_a[local] = g_at4(((batch * T + first + line) * H + head) * D + c * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = v_at4(((batch * S + from_key + line) * KV + kvHead) * D + c * 16u + lane * 4u); }
    workgroupBarrier();
    for (var e = 0u; e < 4u; e++) {
      let x = tile_a[line * 4u + e];
      p0 += dot(x, tile_b[(lane + 0u) * 4u + e]);
      p1 += dot(x, tile_b[(lane + 4u) * 4u + e]);
      p2 += dot(x, tile_b[(lane + 8u) * 4u + e]);
      p3 += dot(x, tile_b[(lane + 12u) * 4u + e]);
      p4 += dot(x, tile_b[(lane + 16u) * 4u + e]);
      p5 += dot(x, tile_b[(lane + 20u) * 4u + e]);
      p6 += dot(x, tile_b[(lane + 24u) * 4u + e]);
      p7 += dot(x, tile_b[(lane + 28u) * 4u + e]);
    }
    workgroupBarrier();
  }
    weights[line * 33u + lane + 0u] = select(0.0, exp(min(capped(s0 * SCALE) - l, 80.0)) * (p0 - own) * SCALE * slope(capped(s0 * SCALE)), seen(batch, i, from_key + lane + 0u));
    weights[line * 33u + lane + 4u] = select(0.0, exp(min(capped(s1 * SCALE) - l, 80.0)) * (p1 - own) * SCALE * slope(capped(s1 * SCALE)), seen(batch, i, from_key + lane + 4u));
    weights[line * 33u + lane + 8u] = select(0.0, exp(min(capped(s2 * SCALE) - l, 80.0)) * (p2 - own) * SCALE * slope(capped(s2 * SCALE)), seen(batch, i, from_key + lane + 8u));
    weights[line * 33u + lane + 12u] = select(0.0, exp(min(capped(s3 * SCALE) - l, 80.0)) * (p3 - own) * SCALE * slope(capped(s3 * SCALE)), seen(batch, i, from_key + lane + 12u));
    weights[line * 33u + lane + 16u] = select(0.0, exp(min(capped(s4 * SCALE) - l, 80.0)) * (p4 - own) * SCALE * slope(capped(s4 * SCALE)), seen(batch, i, from_key + lane + 16u));
    weights[line * 33u + lane + 20u] = select(0.0, exp(min(capped(s5 * SCALE) - l, 80.0)) * (p5 - own) * SCALE * slope(capped(s5 * SCALE)), seen(batch, i, from_key + lane + 20u));
    weights[line * 33u + lane + 24u] = select(0.0, exp(min(capped(s6 * SCALE) - l, 80.0)) * (p6 - own) * SCALE * slope(capped(s6 * SCALE)), seen(batch, i, from_key + lane + 24u));
    weights[line * 33u + lane + 28u] = select(0.0, exp(min(capped(s7 * SCALE) - l, 80.0)) * (p7 - own) * SCALE * slope(capped(s7 * SCALE)), seen(batch, i, from_key + lane + 28u));
    workgroupBarrier();
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = k_at4(((batch * S + from_key + line) * KV + kvHead) * D + 0u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc0 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = k_at4(((batch * S + from_key + line) * KV + kvHead) * D + 1u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc1 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = k_at4(((batch * S + from_key + line) * KV + kvHead) * D + 2u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc2 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  {
    tile_b[local] = vec4<f32>(0.0);
    if (from_key + line < S) { tile_b[local] = k_at4(((batch * S + from_key + line) * KV + kvHead) * D + 3u * 16u + lane * 4u); }
    workgroupBarrier();
    for (var j = 0u; j < 32u; j++) { acc3 += weights[line * 33u + j] * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }
  }
  if (i < T) {
    dq_set4(row + 0u + lane * 4u, acc0);
    dq_set4(row + 16u + lane * 4u, acc1);
    dq_set4(row + 32u + lane * 4u, acc2);
    dq_set4(row + 48u + lane * 4u, acc3);
  }
}

// attentionGradient tiled by key: 4 x 2 x 1 workgroups
@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;
fn q_at4(i: u32) -> vec4<f32> { return q[i >> 2u]; }
fn q_quad(at: u32) -> vec4<f32> { return q[at]; }

@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>;
fn k_at4(i: u32) -> vec4<f32> { return k[i >> 2u]; }
fn k_quad(at: u32) -> vec4<f32> { return k[at]; }

@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
fn v_at4(i: u32) -> vec4<f32> { return v[i >> 2u]; }
fn v_quad(at: u32) -> vec4<f32> { return v[at]; }

@group(0) @binding(3) var<storage, read> lse: array<f32>;
fn lse_at(i: u32) -> f32 { return lse[i]; }
fn lse_at4(i: u32) -> vec4<f32> { return vec4<f32>(lse[i], lse[i + 1u], lse[i + 2u], lse[i + 3u]); }


@group(0) @binding(4) var<storage, read> g: array<vec4<f32>>;
fn g_at4(i: u32) -> vec4<f32> { return g[i >> 2u]; }
fn g_quad(at: u32) -> vec4<f32> { return g[at]; }

@group(0) @binding(5) var<storage, read> delta: array<f32>;
fn delta_at(i: u32) -> f32 { return delta[i]; }
fn delta_at4(i: u32) -> vec4<f32> { return vec4<f32>(delta[i], delta[i + 1u], delta[i + 2u], delta[i + 3u]); }


@group(0) @binding(6) var<storage, read_write> dk: array<vec4<f32>>;
fn dk_at4(i: u32) -> vec4<f32> { return dk[i >> 2u]; }
fn dk_quad(at: u32) -> vec4<f32> { return dk[at]; }
fn dk_set4(i: u32, v: vec4<f32>) { dk[i >> 2u] = v; }
@group(0) @binding(7) var<storage, read_write> dv: array<vec4<f32>>;
fn dv_at4(i: u32) -> vec4<f32> { return dv[i >> 2u]; }
fn dv_quad(at: u32) -> vec4<f32> { return dv[at]; }
fn dv_set4(i: u32, v: vec4<f32>) { dv[i >> 2u] = v; }
var<workgroup> score_gradients: array<f32, 1056>;
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
  let kvHead = at.y;
  let batch = at.z;
  let j = first + line;
  var accK0_ = vec4<f32>(0.0);
  var accV0_ = vec4<f32>(0.0);
  var accK1_ = vec4<f32>(0.0);
  var accV1_ = vec4<f32>(0.0);
  var accK2_ = vec4<f32>(0.0);
  var accV2_ = vec4<f32>(0.0);
  var accK3_ = vec4<f32>(0.0);
  var accV3_ = vec4<f32>(0.0);
  let start = ((max(first, 0u) - 0u) / 32u) * 32u;
  for (var member = 0u; member < GROUP; member++) {
    let head = kvHead * GROUP + member;
    for (var from_query = start; from_query < min(T, max(first + 31u + WINDOW, 0u) - 0u); from_query += 32u) {
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
    if (first + line < S) { tile_a[local] = k_at4(((batch * S + first + line) * KV + kvHead) * D + c * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_b[local] = q_at4(((batch * T + from_query + line) * H + head) * D + c * 16u + lane * 4u); }
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
  var p0 = 0.0;
  var p1 = 0.0;
  var p2 = 0.0;
  var p3 = 0.0;
  var p4 = 0.0;
  var p5 = 0.0;
  var p6 = 0.0;
  var p7 = 0.0;
  for (var c = 0u; c < 4u; c++) {
    tile_a[local] = vec4<f32>(0.0);
    if (first + line < S) { tile_a[local] = v_at4(((batch * S + first + line) * KV + kvHead) * D + c * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_b[local] = g_at4(((batch * T + from_query + line) * H + head) * D + c * 16u + lane * 4u); }
    workgroupBarrier();
    for (var e = 0u; e < 4u; e++) {
      let x = tile_a[line * 4u + e];
      p0 += dot(x, tile_b[(lane + 0u) * 4u + e]);
      p1 += dot(x, tile_b[(lane + 4u) * 4u + e]);
      p2 += dot(x, tile_b[(lane + 8u) * 4u + e]);
      p3 += dot(x, tile_b[(lane + 12u) * 4u + e]);
      p4 += dot(x, tile_b[(lane + 16u) * 4u + e]);
      p5 += dot(x, tile_b[(lane + 20u) * 4u + e]);
      p6 += dot(x, tile_b[(lane + 24u) * 4u + e]);
      p7 += dot(x, tile_b[(lane + 28u) * 4u + e]);
    }
    workgroupBarrier();
  }
      {
        let i = from_query + lane + 0u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s0 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 0u] = p;
        score_gradients[line * 33u + lane + 0u] = p * (p0 - delta_at(stat)) * SCALE * slope(capped(s0 * SCALE));
      }
      {
        let i = from_query + lane + 4u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s1 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 4u] = p;
        score_gradients[line * 33u + lane + 4u] = p * (p1 - delta_at(stat)) * SCALE * slope(capped(s1 * SCALE));
      }
      {
        let i = from_query + lane + 8u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s2 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 8u] = p;
        score_gradients[line * 33u + lane + 8u] = p * (p2 - delta_at(stat)) * SCALE * slope(capped(s2 * SCALE));
      }
      {
        let i = from_query + lane + 12u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s3 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 12u] = p;
        score_gradients[line * 33u + lane + 12u] = p * (p3 - delta_at(stat)) * SCALE * slope(capped(s3 * SCALE));
      }
      {
        let i = from_query + lane + 16u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s4 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 16u] = p;
        score_gradients[line * 33u + lane + 16u] = p * (p4 - delta_at(stat)) * SCALE * slope(capped(s4 * SCALE));
      }
      {
        let i = from_query + lane + 20u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s5 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 20u] = p;
        score_gradients[line * 33u + lane + 20u] = p * (p5 - delta_at(stat)) * SCALE * slope(capped(s5 * SCALE));
      }
      {
        let i = from_query + lane + 24u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s6 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 24u] = p;
        score_gradients[line * 33u + lane + 24u] = p * (p6 - delta_at(stat)) * SCALE * slope(capped(s6 * SCALE));
      }
      {
        let i = from_query + lane + 28u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(capped(s7 * SCALE) - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * 33u + lane + 28u] = p;
        score_gradients[line * 33u + lane + 28u] = p * (p7 - delta_at(stat)) * SCALE * slope(capped(s7 * SCALE));
      }
      workgroupBarrier();
      {
    tile_a[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_a[local] = q_at4(((batch * T + from_query + line) * H + head) * D + 0u * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_b[local] = g_at4(((batch * T + from_query + line) * H + head) * D + 0u * 16u + lane * 4u); }
        workgroupBarrier();
        for (var e = 0u; e < 32u; e++) {
          accK0_ += score_gradients[line * 33u + e] * tile_a[e * 4u + lane];
          accV0_ += weights[line * 33u + e] * tile_b[e * 4u + lane];
        }
        workgroupBarrier();
      }
      {
    tile_a[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_a[local] = q_at4(((batch * T + from_query + line) * H + head) * D + 1u * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_b[local] = g_at4(((batch * T + from_query + line) * H + head) * D + 1u * 16u + lane * 4u); }
        workgroupBarrier();
        for (var e = 0u; e < 32u; e++) {
          accK1_ += score_gradients[line * 33u + e] * tile_a[e * 4u + lane];
          accV1_ += weights[line * 33u + e] * tile_b[e * 4u + lane];
        }
        workgroupBarrier();
      }
      {
    tile_a[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_a[local] = q_at4(((batch * T + from_query + line) * H + head) * D + 2u * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_b[local] = g_at4(((batch * T + from_query + line) * H + head) * D + 2u * 16u + lane * 4u); }
        workgroupBarrier();
        for (var e = 0u; e < 32u; e++) {
          accK2_ += score_gradients[line * 33u + e] * tile_a[e * 4u + lane];
          accV2_ += weights[line * 33u + e] * tile_b[e * 4u + lane];
        }
        workgroupBarrier();
      }
      {
    tile_a[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_a[local] = q_at4(((batch * T + from_query + line) * H + head) * D + 3u * 16u + lane * 4u); }
    tile_b[local] = vec4<f32>(0.0);
    if (from_query + line < T) { tile_b[local] = g_at4(((batch * T + from_query + line) * H + head) * D + 3u * 16u + lane * 4u); }
        workgroupBarrier();
        for (var e = 0u; e < 32u; e++) {
          accK3_ += score_gradients[line * 33u + e] * tile_a[e * 4u + lane];
          accV3_ += weights[line * 33u + e] * tile_b[e * 4u + lane];
        }
        workgroupBarrier();
      }
    }
  }
  if (j < S) {
    let row = ((batch * S + first + line) * KV + kvHead) * D + lane * 4u;
    dk_set4(row + 0u, accK0_);
    dv_set4(row + 0u, accV0_);
    dk_set4(row + 16u, accK1_);
    dv_set4(row + 16u, accV1_);
    dk_set4(row + 32u, accK2_);
    dv_set4(row + 32u, accV2_);
    dk_set4(row + 48u, accK3_);
    dv_set4(row + 48u, accV3_);
  }
}

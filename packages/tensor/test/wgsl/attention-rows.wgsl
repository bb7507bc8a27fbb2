// attention: 128 x 1 x 1 workgroups
enable subgroups;
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
const T = 128u; const S = 128u; const H = 4u; const KV = 2u; const GROUP = 2u;
const D = 64u; const SCALE = 0.125; const CAUSAL = true;
fn keys_of(i: u32) -> u32 { return select(S, i + 1u + (S - T), CAUSAL); }
fn first_query(j: u32) -> u32 { return select(0u, j - min(j, S - T), CAUSAL); }
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let low = (group.x + group.y * 65535u) * 4u;
  if (low >= 512u) { return; }
  let high = low + 3u;
  let id = low + lane;
  let i = id % T;
  let head = (id / T) % H;
  let batch = id / (T * H);
  let row = ((batch * T + i) * H + head) * D;
  let query0 = q_at4(row + 0u) * SCALE;
  let query1 = q_at4(row + 4u) * SCALE;
  let query2 = q_at4(row + 8u) * SCALE;
  let query3 = q_at4(row + 12u) * SCALE;
  let query4 = q_at4(row + 16u) * SCALE;
  let query5 = q_at4(row + 20u) * SCALE;
  let query6 = q_at4(row + 24u) * SCALE;
  let query7 = q_at4(row + 28u) * SCALE;
  let query8 = q_at4(row + 32u) * SCALE;
  let query9 = q_at4(row + 36u) * SCALE;
  let query10 = q_at4(row + 40u) * SCALE;
  let query11 = q_at4(row + 44u) * SCALE;
  let query12 = q_at4(row + 48u) * SCALE;
  let query13 = q_at4(row + 52u) * SCALE;
  let query14 = q_at4(row + 56u) * SCALE;
  let query15 = q_at4(row + 60u) * SCALE;
  var acc0 = vec4<f32>(0.0);
  var acc1 = vec4<f32>(0.0);
  var acc2 = vec4<f32>(0.0);
  var acc3 = vec4<f32>(0.0);
  var acc4 = vec4<f32>(0.0);
  var acc5 = vec4<f32>(0.0);
  var acc6 = vec4<f32>(0.0);
  var acc7 = vec4<f32>(0.0);
  var acc8 = vec4<f32>(0.0);
  var acc9 = vec4<f32>(0.0);
  var acc10 = vec4<f32>(0.0);
  var acc11 = vec4<f32>(0.0);
  var acc12 = vec4<f32>(0.0);
  var acc13 = vec4<f32>(0.0);
  var acc14 = vec4<f32>(0.0);
  var acc15 = vec4<f32>(0.0);
  var top = -1.0e30;
  var size = 0u;
  var total = 0.0;
  let keys = keys_of(i);
  let limit = keys_of(high % T);
  for (var j = 0u; j < limit; j++) {
    let at = ((batch * S + j) * KV + head / GROUP) * D;
    let key_own0 = k_at4(at + (lane + 0u) * 4u);
    let key_own1 = k_at4(at + (lane + 4u) * 4u);
    let key_own2 = k_at4(at + (lane + 8u) * 4u);
    let key_own3 = k_at4(at + (lane + 12u) * 4u);
    let key0 = subgroupBroadcast(key_own0, 0u);
    let key1 = subgroupBroadcast(key_own0, 1u);
    let key2 = subgroupBroadcast(key_own0, 2u);
    let key3 = subgroupBroadcast(key_own0, 3u);
    let key4 = subgroupBroadcast(key_own1, 0u);
    let key5 = subgroupBroadcast(key_own1, 1u);
    let key6 = subgroupBroadcast(key_own1, 2u);
    let key7 = subgroupBroadcast(key_own1, 3u);
    let key8 = subgroupBroadcast(key_own2, 0u);
    let key9 = subgroupBroadcast(key_own2, 1u);
    let key10 = subgroupBroadcast(key_own2, 2u);
    let key11 = subgroupBroadcast(key_own2, 3u);
    let key12 = subgroupBroadcast(key_own3, 0u);
    let key13 = subgroupBroadcast(key_own3, 1u);
    let key14 = subgroupBroadcast(key_own3, 2u);
    let key15 = subgroupBroadcast(key_own3, 3u);
    let val_own0 = v_at4(at + (lane + 0u) * 4u);
    let val_own1 = v_at4(at + (lane + 4u) * 4u);
    let val_own2 = v_at4(at + (lane + 8u) * 4u);
    let val_own3 = v_at4(at + (lane + 12u) * 4u);
    let val0 = subgroupBroadcast(val_own0, 0u);
    let val1 = subgroupBroadcast(val_own0, 1u);
    let val2 = subgroupBroadcast(val_own0, 2u);
    let val3 = subgroupBroadcast(val_own0, 3u);
    let val4 = subgroupBroadcast(val_own1, 0u);
    let val5 = subgroupBroadcast(val_own1, 1u);
    let val6 = subgroupBroadcast(val_own1, 2u);
    let val7 = subgroupBroadcast(val_own1, 3u);
    let val8 = subgroupBroadcast(val_own2, 0u);
    let val9 = subgroupBroadcast(val_own2, 1u);
    let val10 = subgroupBroadcast(val_own2, 2u);
    let val11 = subgroupBroadcast(val_own2, 3u);
    let val12 = subgroupBroadcast(val_own3, 0u);
    let val13 = subgroupBroadcast(val_own3, 1u);
    let val14 = subgroupBroadcast(val_own3, 2u);
    let val15 = subgroupBroadcast(val_own3, 3u);
    if (j < keys) {
      var dots = vec4<f32>(0.0);
      dots += query0 * key0;
      dots += query1 * key1;
      dots += query2 * key2;
      dots += query3 * key3;
      dots += query4 * key4;
      dots += query5 * key5;
      dots += query6 * key6;
      dots += query7 * key7;
      dots += query8 * key8;
      dots += query9 * key9;
      dots += query10 * key10;
      dots += query11 * key11;
      dots += query12 * key12;
      dots += query13 * key13;
      dots += query14 * key14;
      dots += query15 * key15;
      let s = dots.x + dots.y + dots.z + dots.w;
      size = max(size, magnitude(s));
      if (s > top) {
        let keep = exp(top - s);
        total *= keep;
        acc0 *= keep;
        acc1 *= keep;
        acc2 *= keep;
        acc3 *= keep;
        acc4 *= keep;
        acc5 *= keep;
        acc6 *= keep;
        acc7 *= keep;
        acc8 *= keep;
        acc9 *= keep;
        acc10 *= keep;
        acc11 *= keep;
        acc12 *= keep;
        acc13 *= keep;
        acc14 *= keep;
        acc15 *= keep;
        top = s;
      }
      let p = exp(s - top);
      total += p;
      acc0 += p * val0;
      acc1 += p * val1;
      acc2 += p * val2;
      acc3 += p * val3;
      acc4 += p * val4;
      acc5 += p * val5;
      acc6 += p * val6;
      acc7 += p * val7;
      acc8 += p * val8;
      acc9 += p * val9;
      acc10 += p * val10;
      acc11 += p * val11;
      acc12 += p * val12;
      acc13 += p * val13;
      acc14 += p * val14;
      acc15 += p * val15;
    }
  }
  if (size > INFINITE || magnitude(top) >= INFINITE) { total = nan_of(0u); }
  let norm = 1.0 / total;
  o_set4(row + 0u, acc0 * norm);
  o_set4(row + 4u, acc1 * norm);
  o_set4(row + 8u, acc2 * norm);
  o_set4(row + 12u, acc3 * norm);
  o_set4(row + 16u, acc4 * norm);
  o_set4(row + 20u, acc5 * norm);
  o_set4(row + 24u, acc6 * norm);
  o_set4(row + 28u, acc7 * norm);
  o_set4(row + 32u, acc8 * norm);
  o_set4(row + 36u, acc9 * norm);
  o_set4(row + 40u, acc10 * norm);
  o_set4(row + 44u, acc11 * norm);
  o_set4(row + 48u, acc12 * norm);
  o_set4(row + 52u, acc13 * norm);
  o_set4(row + 56u, acc14 * norm);
  o_set4(row + 60u, acc15 * norm);
  lse_set((batch * H + head) * T + i, top + log(total));
}

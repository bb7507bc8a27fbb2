// attentionGradientQ: 128 x 1 x 1 workgroups
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
const T = 128u; const S = 128u; const H = 4u; const KV = 2u; const GROUP = 2u;
const D = 64u; const SCALE = 0.125; const CAUSAL = true;
fn keys_of(i: u32) -> u32 { return select(S, i + 1u + (S - T), CAUSAL); }
fn first_query(j: u32) -> u32 { return select(0u, j - min(j, S - T), CAUSAL); }
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
  var d4 = vec4<f32>(0.0);
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
  let grad0 = g_at4(row + 0u);
  let grad1 = g_at4(row + 4u);
  let grad2 = g_at4(row + 8u);
  let grad3 = g_at4(row + 12u);
  let grad4 = g_at4(row + 16u);
  let grad5 = g_at4(row + 20u);
  let grad6 = g_at4(row + 24u);
  let grad7 = g_at4(row + 28u);
  let grad8 = g_at4(row + 32u);
  let grad9 = g_at4(row + 36u);
  let grad10 = g_at4(row + 40u);
  let grad11 = g_at4(row + 44u);
  let grad12 = g_at4(row + 48u);
  let grad13 = g_at4(row + 52u);
  let grad14 = g_at4(row + 56u);
  let grad15 = g_at4(row + 60u);
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
  d4 += grad0 * o_at4(row + 0u);
  d4 += grad1 * o_at4(row + 4u);
  d4 += grad2 * o_at4(row + 8u);
  d4 += grad3 * o_at4(row + 12u);
  d4 += grad4 * o_at4(row + 16u);
  d4 += grad5 * o_at4(row + 20u);
  d4 += grad6 * o_at4(row + 24u);
  d4 += grad7 * o_at4(row + 28u);
  d4 += grad8 * o_at4(row + 32u);
  d4 += grad9 * o_at4(row + 36u);
  d4 += grad10 * o_at4(row + 40u);
  d4 += grad11 * o_at4(row + 44u);
  d4 += grad12 * o_at4(row + 48u);
  d4 += grad13 * o_at4(row + 52u);
  d4 += grad14 * o_at4(row + 56u);
  d4 += grad15 * o_at4(row + 60u);
  let stat = (batch * H + head) * T + i;
  let own = d4.x + d4.y + d4.z + d4.w;
  delta_set(stat, own);
  let l = lse_at(stat);
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
      var s4 = vec4<f32>(0.0);
      var p4 = vec4<f32>(0.0);
      s4 += query0 * key0;
      s4 += query1 * key1;
      s4 += query2 * key2;
      s4 += query3 * key3;
      s4 += query4 * key4;
      s4 += query5 * key5;
      s4 += query6 * key6;
      s4 += query7 * key7;
      s4 += query8 * key8;
      s4 += query9 * key9;
      s4 += query10 * key10;
      s4 += query11 * key11;
      s4 += query12 * key12;
      s4 += query13 * key13;
      s4 += query14 * key14;
      s4 += query15 * key15;
      p4 += grad0 * val0;
      p4 += grad1 * val1;
      p4 += grad2 * val2;
      p4 += grad3 * val3;
      p4 += grad4 * val4;
      p4 += grad5 * val5;
      p4 += grad6 * val6;
      p4 += grad7 * val7;
      p4 += grad8 * val8;
      p4 += grad9 * val9;
      p4 += grad10 * val10;
      p4 += grad11 * val11;
      p4 += grad12 * val12;
      p4 += grad13 * val13;
      p4 += grad14 * val14;
      p4 += grad15 * val15;
      let p = exp(s4.x + s4.y + s4.z + s4.w - l);
      let ds = p * (p4.x + p4.y + p4.z + p4.w - own) * SCALE;
      acc0 += ds * key0;
      acc1 += ds * key1;
      acc2 += ds * key2;
      acc3 += ds * key3;
      acc4 += ds * key4;
      acc5 += ds * key5;
      acc6 += ds * key6;
      acc7 += ds * key7;
      acc8 += ds * key8;
      acc9 += ds * key9;
      acc10 += ds * key10;
      acc11 += ds * key11;
      acc12 += ds * key12;
      acc13 += ds * key13;
      acc14 += ds * key14;
      acc15 += ds * key15;
    }
  }
  dq_set4(row + 0u, acc0);
  dq_set4(row + 4u, acc1);
  dq_set4(row + 8u, acc2);
  dq_set4(row + 12u, acc3);
  dq_set4(row + 16u, acc4);
  dq_set4(row + 20u, acc5);
  dq_set4(row + 24u, acc6);
  dq_set4(row + 28u, acc7);
  dq_set4(row + 32u, acc8);
  dq_set4(row + 36u, acc9);
  dq_set4(row + 40u, acc10);
  dq_set4(row + 44u, acc11);
  dq_set4(row + 48u, acc12);
  dq_set4(row + 52u, acc13);
  dq_set4(row + 56u, acc14);
  dq_set4(row + 60u, acc15);
}

// attentionGradientKV: 64 x 1 x 1 workgroups
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
const T = 128u; const S = 128u; const H = 4u; const KV = 2u; const GROUP = 2u;
const D = 64u; const SCALE = 0.125; const CAUSAL = true;
fn keys_of(i: u32) -> u32 { return select(S, i + 1u + (S - T), CAUSAL); }
fn first_query(j: u32) -> u32 { return select(0u, j - min(j, S - T), CAUSAL); }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let low = (group.x + group.y * 65535u) * 4u;
  if (low >= 256u) { return; }
  let high = low + 3u;
  let id = low + lane;
  let j = id % S;
  let kvHead = (id / S) % KV;
  let batch = id / (S * KV);
  let row = ((batch * S + j) * KV + kvHead) * D;
  let key0 = k_at4(row + 0u) * SCALE;
  let key1 = k_at4(row + 4u) * SCALE;
  let key2 = k_at4(row + 8u) * SCALE;
  let key3 = k_at4(row + 12u) * SCALE;
  let key4 = k_at4(row + 16u) * SCALE;
  let key5 = k_at4(row + 20u) * SCALE;
  let key6 = k_at4(row + 24u) * SCALE;
  let key7 = k_at4(row + 28u) * SCALE;
  let key8 = k_at4(row + 32u) * SCALE;
  let key9 = k_at4(row + 36u) * SCALE;
  let key10 = k_at4(row + 40u) * SCALE;
  let key11 = k_at4(row + 44u) * SCALE;
  let key12 = k_at4(row + 48u) * SCALE;
  let key13 = k_at4(row + 52u) * SCALE;
  let key14 = k_at4(row + 56u) * SCALE;
  let key15 = k_at4(row + 60u) * SCALE;
  let val0 = v_at4(row + 0u);
  let val1 = v_at4(row + 4u);
  let val2 = v_at4(row + 8u);
  let val3 = v_at4(row + 12u);
  let val4 = v_at4(row + 16u);
  let val5 = v_at4(row + 20u);
  let val6 = v_at4(row + 24u);
  let val7 = v_at4(row + 28u);
  let val8 = v_at4(row + 32u);
  let val9 = v_at4(row + 36u);
  let val10 = v_at4(row + 40u);
  let val11 = v_at4(row + 44u);
  let val12 = v_at4(row + 48u);
  let val13 = v_at4(row + 52u);
  let val14 = v_at4(row + 56u);
  let val15 = v_at4(row + 60u);
  var accK0 = vec4<f32>(0.0);
  var accK1 = vec4<f32>(0.0);
  var accK2 = vec4<f32>(0.0);
  var accK3 = vec4<f32>(0.0);
  var accK4 = vec4<f32>(0.0);
  var accK5 = vec4<f32>(0.0);
  var accK6 = vec4<f32>(0.0);
  var accK7 = vec4<f32>(0.0);
  var accK8 = vec4<f32>(0.0);
  var accK9 = vec4<f32>(0.0);
  var accK10 = vec4<f32>(0.0);
  var accK11 = vec4<f32>(0.0);
  var accK12 = vec4<f32>(0.0);
  var accK13 = vec4<f32>(0.0);
  var accK14 = vec4<f32>(0.0);
  var accK15 = vec4<f32>(0.0);
  var accV0 = vec4<f32>(0.0);
  var accV1 = vec4<f32>(0.0);
  var accV2 = vec4<f32>(0.0);
  var accV3 = vec4<f32>(0.0);
  var accV4 = vec4<f32>(0.0);
  var accV5 = vec4<f32>(0.0);
  var accV6 = vec4<f32>(0.0);
  var accV7 = vec4<f32>(0.0);
  var accV8 = vec4<f32>(0.0);
  var accV9 = vec4<f32>(0.0);
  var accV10 = vec4<f32>(0.0);
  var accV11 = vec4<f32>(0.0);
  var accV12 = vec4<f32>(0.0);
  var accV13 = vec4<f32>(0.0);
  var accV14 = vec4<f32>(0.0);
  var accV15 = vec4<f32>(0.0);
  let first = first_query(j);
  let start = first_query(low % S);
  for (var r = 0u; r < GROUP; r++) {
    let head = kvHead * GROUP + r;
    for (var i = start; i < T; i++) {
      let at = ((batch * T + i) * H + head) * D;
      let stat = (batch * H + head) * T + i;
    let query_own0 = q_at4(at + (lane + 0u) * 4u);
    let query_own1 = q_at4(at + (lane + 4u) * 4u);
    let query_own2 = q_at4(at + (lane + 8u) * 4u);
    let query_own3 = q_at4(at + (lane + 12u) * 4u);
    let query0 = subgroupBroadcast(query_own0, 0u);
    let query1 = subgroupBroadcast(query_own0, 1u);
    let query2 = subgroupBroadcast(query_own0, 2u);
    let query3 = subgroupBroadcast(query_own0, 3u);
    let query4 = subgroupBroadcast(query_own1, 0u);
    let query5 = subgroupBroadcast(query_own1, 1u);
    let query6 = subgroupBroadcast(query_own1, 2u);
    let query7 = subgroupBroadcast(query_own1, 3u);
    let query8 = subgroupBroadcast(query_own2, 0u);
    let query9 = subgroupBroadcast(query_own2, 1u);
    let query10 = subgroupBroadcast(query_own2, 2u);
    let query11 = subgroupBroadcast(query_own2, 3u);
    let query12 = subgroupBroadcast(query_own3, 0u);
    let query13 = subgroupBroadcast(query_own3, 1u);
    let query14 = subgroupBroadcast(query_own3, 2u);
    let query15 = subgroupBroadcast(query_own3, 3u);
    let grad_own0 = g_at4(at + (lane + 0u) * 4u);
    let grad_own1 = g_at4(at + (lane + 4u) * 4u);
    let grad_own2 = g_at4(at + (lane + 8u) * 4u);
    let grad_own3 = g_at4(at + (lane + 12u) * 4u);
    let grad0 = subgroupBroadcast(grad_own0, 0u);
    let grad1 = subgroupBroadcast(grad_own0, 1u);
    let grad2 = subgroupBroadcast(grad_own0, 2u);
    let grad3 = subgroupBroadcast(grad_own0, 3u);
    let grad4 = subgroupBroadcast(grad_own1, 0u);
    let grad5 = subgroupBroadcast(grad_own1, 1u);
    let grad6 = subgroupBroadcast(grad_own1, 2u);
    let grad7 = subgroupBroadcast(grad_own1, 3u);
    let grad8 = subgroupBroadcast(grad_own2, 0u);
    let grad9 = subgroupBroadcast(grad_own2, 1u);
    let grad10 = subgroupBroadcast(grad_own2, 2u);
    let grad11 = subgroupBroadcast(grad_own2, 3u);
    let grad12 = subgroupBroadcast(grad_own3, 0u);
    let grad13 = subgroupBroadcast(grad_own3, 1u);
    let grad14 = subgroupBroadcast(grad_own3, 2u);
    let grad15 = subgroupBroadcast(grad_own3, 3u);
      if (i >= first) {
        var s4 = vec4<f32>(0.0);
        var p4 = vec4<f32>(0.0);
        s4 += key0 * query0;
        s4 += key1 * query1;
        s4 += key2 * query2;
        s4 += key3 * query3;
        s4 += key4 * query4;
        s4 += key5 * query5;
        s4 += key6 * query6;
        s4 += key7 * query7;
        s4 += key8 * query8;
        s4 += key9 * query9;
        s4 += key10 * query10;
        s4 += key11 * query11;
        s4 += key12 * query12;
        s4 += key13 * query13;
        s4 += key14 * query14;
        s4 += key15 * query15;
        p4 += val0 * grad0;
        p4 += val1 * grad1;
        p4 += val2 * grad2;
        p4 += val3 * grad3;
        p4 += val4 * grad4;
        p4 += val5 * grad5;
        p4 += val6 * grad6;
        p4 += val7 * grad7;
        p4 += val8 * grad8;
        p4 += val9 * grad9;
        p4 += val10 * grad10;
        p4 += val11 * grad11;
        p4 += val12 * grad12;
        p4 += val13 * grad13;
        p4 += val14 * grad14;
        p4 += val15 * grad15;
        let p = exp(s4.x + s4.y + s4.z + s4.w - lse_at(stat));
        let ds = p * (p4.x + p4.y + p4.z + p4.w - delta_at(stat)) * SCALE;
        accV0 += p * grad0;
        accV1 += p * grad1;
        accV2 += p * grad2;
        accV3 += p * grad3;
        accV4 += p * grad4;
        accV5 += p * grad5;
        accV6 += p * grad6;
        accV7 += p * grad7;
        accV8 += p * grad8;
        accV9 += p * grad9;
        accV10 += p * grad10;
        accV11 += p * grad11;
        accV12 += p * grad12;
        accV13 += p * grad13;
        accV14 += p * grad14;
        accV15 += p * grad15;
        accK0 += ds * query0;
        accK1 += ds * query1;
        accK2 += ds * query2;
        accK3 += ds * query3;
        accK4 += ds * query4;
        accK5 += ds * query5;
        accK6 += ds * query6;
        accK7 += ds * query7;
        accK8 += ds * query8;
        accK9 += ds * query9;
        accK10 += ds * query10;
        accK11 += ds * query11;
        accK12 += ds * query12;
        accK13 += ds * query13;
        accK14 += ds * query14;
        accK15 += ds * query15;
      }
    }
  }
  dk_set4(row + 0u, accK0);
  dk_set4(row + 4u, accK1);
  dk_set4(row + 8u, accK2);
  dk_set4(row + 12u, accK3);
  dk_set4(row + 16u, accK4);
  dk_set4(row + 20u, accK5);
  dk_set4(row + 24u, accK6);
  dk_set4(row + 28u, accK7);
  dk_set4(row + 32u, accK8);
  dk_set4(row + 36u, accK9);
  dk_set4(row + 40u, accK10);
  dk_set4(row + 44u, accK11);
  dk_set4(row + 48u, accK12);
  dk_set4(row + 52u, accK13);
  dk_set4(row + 56u, accK14);
  dk_set4(row + 60u, accK15);
  dv_set4(row + 0u, accV0);
  dv_set4(row + 4u, accV1);
  dv_set4(row + 8u, accV2);
  dv_set4(row + 12u, accV3);
  dv_set4(row + 16u, accV4);
  dv_set4(row + 20u, accV5);
  dv_set4(row + 24u, accV6);
  dv_set4(row + 28u, accV7);
  dv_set4(row + 32u, accV8);
  dv_set4(row + 36u, accV9);
  dv_set4(row + 40u, accV10);
  dv_set4(row + 44u, accV11);
  dv_set4(row + 48u, accV12);
  dv_set4(row + 52u, accV13);
  dv_set4(row + 56u, accV14);
  dv_set4(row + 60u, accV15);
}

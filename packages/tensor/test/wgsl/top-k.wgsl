// topK: 4 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read_write> values: array<f32>;
fn values_at(i: u32) -> f32 { return values[i]; }
fn values_at4(i: u32) -> vec4<f32> { return vec4<f32>(values[i], values[i + 1u], values[i + 2u], values[i + 3u]); }
fn values_set(i: u32, v: f32) { values[i] = v; }
fn values_set4(i: u32, v: vec4<f32>) { values[i] = v.x; values[i + 1u] = v.y; values[i + 2u] = v.z; values[i + 3u] = v.w; }
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
fn indices_at(i: u32) -> i32 { return indices[i]; }
fn indices_at4(i: u32) -> vec4<i32> { return vec4<i32>(indices[i], indices[i + 1u], indices[i + 2u], indices[i + 3u]); }
fn indices_set(i: u32, v: i32) { indices[i] = v; }
fn indices_set4(i: u32, v: vec4<i32>) { indices[i] = v.x; indices[i + 1u] = v.y; indices[i + 2u] = v.z; indices[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 16u + local;
  if (id >= 64u) { return; }
  let base = id * 16u;
  var last = 0u;
  var lastAt = -1i;
  for (var pass_index = 0u; pass_index < 4u; pass_index++) {
    var found = false;
    var best = last;
    var bestAt = 0u;
    for (var j = 0u; j < 16u; j++) {
      let v = order_key(x_at(base + j));
      let after = pass_index == 0u || v < last || (v == last && i32(j) > lastAt);
      if (after && (!found || v > best)) { best = v; bestAt = j; found = true; }
    }
    values_set(id * 4u + pass_index, x_at(base + bestAt));
    indices_set(id * 4u + pass_index, i32(bestAt));
    last = best;
    lastAt = i32(bestAt);
  }
}

// argMax: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read_write> out: array<i32>;
fn out_at(i: u32) -> i32 { return out[i]; }
fn out_at4(i: u32) -> vec4<i32> { return vec4<i32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: i32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<i32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 64u) { return; }
  let base = (id / 1u) * 512u + id % 1u;
  var acc = order_key(x_at(base));
  var best = 0i;
  for (var k = 1u; k < 512u; k++) {
    let v = order_key(x_at(base + k * 1u));
    if (v > acc) { acc = v; best = i32(k); }
  }
  out_set(id, best);
}

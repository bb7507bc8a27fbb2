// take: 2 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> table: array<f32>;
fn table_at(i: u32) -> f32 { return table[i]; }
fn table_at4(i: u32) -> vec4<f32> { return vec4<f32>(table[i], table[i + 1u], table[i + 2u], table[i + 3u]); }


@group(0) @binding(1) var<storage, read> ids: array<i32>;
fn ids_at(i: u32) -> i32 { return ids[i]; }
fn ids_at4(i: u32) -> vec4<i32> { return vec4<i32>(ids[i], ids[i + 1u], ids[i + 2u], ids[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> out: array<f32>;
fn out_at(i: u32) -> f32 { return out[i]; }
fn out_at4(i: u32) -> vec4<f32> { return vec4<f32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: f32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<f32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
fn value(i: u32) -> f32 {
  let id = ids_at(i / 64u);
  if (id < 0 || id >= 100) { return f32(0); }
  return table_at(u32(id) * 64u + i % 64u);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  let i = id * 4u;
  if (i >= 512u) { return; }
  out_set4(i, vec4<f32>(value(i), value(i + 1u), value(i + 2u), value(i + 3u)));
}

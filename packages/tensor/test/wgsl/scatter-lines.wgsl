// scatter: 2 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> source: array<f32>;
fn source_at(i: u32) -> f32 { return source[i]; }
fn source_at4(i: u32) -> vec4<f32> { return vec4<f32>(source[i], source[i + 1u], source[i + 2u], source[i + 3u]); }


@group(0) @binding(1) var<storage, read> ids: array<i32>;
fn ids_at(i: u32) -> i32 { return ids[i]; }
fn ids_at4(i: u32) -> vec4<i32> { return vec4<i32>(ids[i], ids[i + 1u], ids[i + 2u], ids[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> out: array<f32>;
fn out_at(i: u32) -> f32 { return out[i]; }
fn out_at4(i: u32) -> vec4<f32> { return vec4<f32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: f32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<f32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 128u) { return; }
  let line = id;
  let o = line / 1u;
  let i = line % 1u;
  let base = o * 100u + i;
  for (var k = 0u; k < 100u; k++) { out_set(base + k * 1u, f32(0)); }
  for (var k = 0u; k < 100u; k++) {
    let to = ids_at((o * 100u + k) * 1u + i);
    if (to < 0 || to >= 100) { continue; }
    let at = base + u32(to) * 1u;
    out_set(at, out_at(at) + source_at((o * 100u + k) * 1u + i));
  }
}

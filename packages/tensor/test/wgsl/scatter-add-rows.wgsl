// fill: 100 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read_write> out: array<f32, 6400>;
fn out_at(i: u32) -> f32 { return out[i]; }
fn out_at4(i: u32) -> vec4<f32> { return vec4<f32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: f32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<f32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id < 6400u) { out_set(id, 0.0); }
}

// link equal ids: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> ids: array<i32, 8>;
fn ids_at(i: u32) -> i32 { return ids[i]; }
fn ids_at4(i: u32) -> vec4<i32> { return vec4<i32>(ids[i], ids[i + 1u], ids[i + 2u], ids[i + 3u]); }


@group(0) @binding(1) var<storage, read_write> next: array<i32, 8>;
fn next_at(i: u32) -> i32 { return next[i]; }
fn next_at4(i: u32) -> vec4<i32> { return vec4<i32>(next[i], next[i + 1u], next[i + 2u], next[i + 3u]); }
fn next_set(i: u32, v: i32) { next[i] = v; }
fn next_set4(i: u32, v: vec4<i32>) { next[i] = v.x; next[i + 1u] = v.y; next[i + 2u] = v.z; next[i + 3u] = v.w; }
@group(0) @binding(2) var<storage, read_write> first: array<i32, 8>;
fn first_at(i: u32) -> i32 { return first[i]; }
fn first_at4(i: u32) -> vec4<i32> { return vec4<i32>(first[i], first[i + 1u], first[i + 2u], first[i + 3u]); }
fn first_set(i: u32, v: i32) { first[i] = v; }
fn first_set4(i: u32, v: vec4<i32>) { first[i] = v.x; first[i + 1u] = v.y; first[i + 2u] = v.z; first[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 8u) { return; }
  let mine = ids_at(id);
  var before = id;
  while (before > 0u) {
    before--;
    if (ids_at(before) == mine) { before = 8u; break; }
  }
  first_set(id, select(0, 1, before < 8u && mine >= 0 && mine < 100));
  var after = id + 1u;
  while (after < 8u) {
    if (ids_at(after) == mine) { break; }
    after++;
  }
  next_set(id, select(-1, i32(after), after < 8u));
}

// scatterAddRows: 2 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 128>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read> ids: array<i32, 8>;
fn ids_at(i: u32) -> i32 { return ids[i]; }
fn ids_at4(i: u32) -> vec4<i32> { return vec4<i32>(ids[i], ids[i + 1u], ids[i + 2u], ids[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>, 1600>;
fn out_at4(i: u32) -> vec4<f32> { return out[i >> 2u]; }
fn out_quad(at: u32) -> vec4<f32> { return out[at]; }
fn out_set4(i: u32, v: vec4<f32>) { out[i >> 2u] = v; }
@group(0) @binding(3) var<storage, read> next: array<i32, 8>;
fn next_at(i: u32) -> i32 { return next[i]; }
fn next_at4(i: u32) -> vec4<i32> { return vec4<i32>(next[i], next[i + 1u], next[i + 2u], next[i + 3u]); }


@group(0) @binding(4) var<storage, read> first: array<i32, 8>;
fn first_at(i: u32) -> i32 { return first[i]; }
fn first_at4(i: u32) -> vec4<i32> { return vec4<i32>(first[i], first[i + 1u], first[i + 2u], first[i + 3u]); }


@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  let at = id / 16u;
  let column = (id % 16u) * 4u;
  if (at >= 8u) { return; }
  if (first_at(at) == 0) { return; }
  var acc = x_at4(at * 64u + column);
  for (var k = next_at(at); k >= 0; k = next_at(u32(k))) { acc += x_at4(u32(k) * 64u + column); }
  out_set4(u32(ids_at(at)) * 64u + column, acc);
}

// sum: 8 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 8192>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read_write> out: array<f32, 512>;
fn out_at(i: u32) -> f32 { return out[i]; }
fn out_at4(i: u32) -> vec4<f32> { return vec4<f32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: f32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<f32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 512u) { return; }
  let base = (id / 8u) * 512u;
  let first = id % 8u;
  var acc = vec4<f32>(0);
  for (var k = first; k < 128u; k += 8u) { acc += x_at4(base + k * 4u); }
  out_set(id, (acc.x + acc.y) + (acc.z + acc.w));
}

// sum pieces: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 128>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read_write> out: array<f32, 64>;
fn out_at(i: u32) -> f32 { return out[i]; }
fn out_at4(i: u32) -> vec4<f32> { return vec4<f32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: f32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<f32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 64u) { return; }
  let base = (id / 1u) * 8u;
  let first = id % 1u;
  var acc = vec4<f32>(0);
  for (var k = first; k < 2u; k += 1u) { acc += x_at4(base + k * 4u); }
  out_set(id, (acc.x + acc.y) + (acc.z + acc.w));
}

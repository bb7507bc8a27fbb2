// sum: 8 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 8192>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>, 512>;
fn out_at4(i: u32) -> vec4<f32> { return out[i >> 2u]; }
fn out_quad(at: u32) -> vec4<f32> { return out[at]; }
fn out_set4(i: u32, v: vec4<f32>) { out[i >> 2u] = v; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 512u) { return; }
  let column = id % 16u;
  let piece = (id / 16u) % 32u;
  let base = (id / 512u) * 32768u + column * 4u;
  var acc = vec4<f32>(0);
  for (var k = piece; k < 512u; k += 32u) { acc += x_at4(base + k * 64u); }
  out_set4(id * 4u, acc);
}

// sum pieces: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 512>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>, 16>;
fn out_at4(i: u32) -> vec4<f32> { return out[i >> 2u]; }
fn out_quad(at: u32) -> vec4<f32> { return out[at]; }
fn out_set4(i: u32, v: vec4<f32>) { out[i >> 2u] = v; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 16u) { return; }
  let column = id % 16u;
  let piece = (id / 16u) % 1u;
  let base = (id / 16u) * 2048u + column * 4u;
  var acc = vec4<f32>(0);
  for (var k = piece; k < 32u; k += 1u) { acc += x_at4(base + k * 64u); }
  out_set4(id * 4u, acc);
}

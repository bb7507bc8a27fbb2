// max: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 8192>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>, 64>;
fn out_at4(i: u32) -> vec4<f32> { return out[i >> 2u]; }
fn out_quad(at: u32) -> vec4<f32> { return out[at]; }
fn out_set4(i: u32, v: vec4<f32>) { out[i >> 2u] = v; }
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 64u) { return; }
  let column = id % 16u;
  let piece = (id / 16u) % 4u;
  let base = (id / 64u) * 32768u + column * 4u;
  var acc = x_at4(base + piece * 64u);
  var size = magnitude4(acc);
  for (var k = piece; k < 512u; k += 4u) { let v = x_at4(base + k * 64u); acc = max(acc, v); size = max(size, magnitude4(v)); }
  out_set4(id * 4u, select(acc, vec4<f32>(nan_of(0u)), size > vec4<u32>(INFINITE)));
}

// max pieces: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>, 64>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>, 16>;
fn out_at4(i: u32) -> vec4<f32> { return out[i >> 2u]; }
fn out_quad(at: u32) -> vec4<f32> { return out[at]; }
fn out_set4(i: u32, v: vec4<f32>) { out[i >> 2u] = v; }
const INFINITE = 0x7f800000u;
fn magnitude(v: f32) -> u32 { return bitcast<u32>(v) & 0x7fffffffu; }
fn magnitude4(v: vec4<f32>) -> vec4<u32> { return bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu); }
fn largest4(v: vec4<u32>) -> u32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn nan_of(bits: u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 16u) { return; }
  let column = id % 16u;
  let piece = (id / 16u) % 1u;
  let base = (id / 16u) * 256u + column * 4u;
  var acc = x_at4(base + piece * 64u);
  var size = magnitude4(acc);
  for (var k = piece; k < 4u; k += 1u) { let v = x_at4(base + k * 64u); acc = max(acc, v); size = max(size, magnitude4(v)); }
  out_set4(id * 4u, select(acc, vec4<f32>(nan_of(0u)), size > vec4<u32>(INFINITE)));
}

// rotary: 32 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
fn x_at4(i: u32) -> vec4<f32> { return x[i >> 2u]; }
fn x_quad(at: u32) -> vec4<f32> { return x[at]; }

@group(0) @binding(1) var<storage, read> cos: array<vec4<f32>>;
fn cos_at4(i: u32) -> vec4<f32> { return cos[i >> 2u]; }
fn cos_quad(at: u32) -> vec4<f32> { return cos[at]; }

@group(0) @binding(2) var<storage, read> sin: array<vec4<f32>>;
fn sin_at4(i: u32) -> vec4<f32> { return sin[i >> 2u]; }
fn sin_quad(at: u32) -> vec4<f32> { return sin[at]; }

@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;
fn out_at4(i: u32) -> vec4<f32> { return out[i >> 2u]; }
fn out_quad(at: u32) -> vec4<f32> { return out[at]; }
fn out_set4(i: u32, v: vec4<f32>) { out[i >> 2u] = v; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  let i = id * 4u;
  if (i >= 8192u) { return; }
  let e = i % 64u;
  let at = ((i / 256u) % 16u) * 32u + e % 32u;
  let c = cos_at4(at);
  let s = sin_at4(at);
  let first = e < 32u;
  let other = x_at4(select(i - 32u, i + 32u, first));
  out_set4(i, x_at4(i) * c + select(other, -other, first) * s);
}

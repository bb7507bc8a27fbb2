// concatenate: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x0: array<f32>;
fn x0_at(i: u32) -> f32 { return x0[i]; }
fn x0_at4(i: u32) -> vec4<f32> { return vec4<f32>(x0[i], x0[i + 1u], x0[i + 2u], x0[i + 3u]); }


@group(0) @binding(1) var<storage, read> x1: array<f32>;
fn x1_at(i: u32) -> f32 { return x1[i]; }
fn x1_at4(i: u32) -> vec4<f32> { return vec4<f32>(x1[i], x1[i + 1u], x1[i + 2u], x1[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> out: array<f32>;
fn out_at(i: u32) -> f32 { return out[i]; }
fn out_at4(i: u32) -> vec4<f32> { return vec4<f32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: f32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<f32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
fn value(i: u32) -> f32 {
  let outer = i / 32u;
  let r = i % 32u;
  if (r < 8u) { return x0_at(outer * 8u + r - 0u); }
  if (r < 32u) { return x1_at(outer * 24u + r - 8u); }
  return f32(0);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  let i = id * 4u;
  if (i >= 128u) { return; }
  out_set4(i, vec4<f32>(value(i), value(i + 1u), value(i + 2u), value(i + 3u)));
}

// cumsum pieces: 2 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read_write> totals: array<f32, 128>;
fn totals_at(i: u32) -> f32 { return totals[i]; }
fn totals_at4(i: u32) -> vec4<f32> { return vec4<f32>(totals[i], totals[i + 1u], totals[i + 2u], totals[i + 3u]); }
fn totals_set(i: u32, v: f32) { totals[i] = v; }
fn totals_set4(i: u32, v: vec4<f32>) { totals[i] = v.x; totals[i + 1u] = v.y; totals[i + 2u] = v.z; totals[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 128u) { return; }
  let line = id / 32u;
  let base = (line / 1u) * 1000u + line % 1u;
  let first = (id % 32u) * 32u;
  let end = min(first + 32u, 1000u);
  var total = f32(0);
  for (var k = first; k < end; k++) { total += x_at(base + k * 1u); }
  totals_set(id, total);
}

// cumsum of pieces: 1 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read_write> totals: array<f32, 128>;
fn totals_at(i: u32) -> f32 { return totals[i]; }
fn totals_at4(i: u32) -> vec4<f32> { return vec4<f32>(totals[i], totals[i + 1u], totals[i + 2u], totals[i + 3u]); }
fn totals_set(i: u32, v: f32) { totals[i] = v; }
fn totals_set4(i: u32, v: vec4<f32>) { totals[i] = v.x; totals[i + 1u] = v.y; totals[i + 2u] = v.z; totals[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4u) { return; }
  var total = f32(0);
  for (var p = id * 32u; p < (id + 1u) * 32u; p++) {
    let own = totals_at(p);
    totals_set(p, total);
    total += own;
  }
}

// cumsum: 2 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> totals: array<f32, 128>;
fn totals_at(i: u32) -> f32 { return totals[i]; }
fn totals_at4(i: u32) -> vec4<f32> { return vec4<f32>(totals[i], totals[i + 1u], totals[i + 2u], totals[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> out: array<f32>;
fn out_at(i: u32) -> f32 { return out[i]; }
fn out_at4(i: u32) -> vec4<f32> { return vec4<f32>(out[i], out[i + 1u], out[i + 2u], out[i + 3u]); }
fn out_set(i: u32, v: f32) { out[i] = v; }
fn out_set4(i: u32, v: vec4<f32>) { out[i] = v.x; out[i + 1u] = v.y; out[i + 2u] = v.z; out[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 128u) { return; }
  let line = id / 32u;
  let base = (line / 1u) * 1000u + line % 1u;
  let first = (id % 32u) * 32u;
  let end = min(first + 32u, 1000u);
  var total = totals_at(id);
  for (var k = first; k < end; k++) {
    total += x_at(base + k * 1u);
    out_set(base + k * 1u, total);
  }
}

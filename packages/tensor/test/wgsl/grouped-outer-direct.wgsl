// groupedOuter direct: 1 x 256 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32, 32768>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> y: array<f32, 16384>;
fn y_at(i: u32) -> f32 { return y[i]; }
fn y_at4(i: u32) -> vec4<f32> { return vec4<f32>(y[i], y[i + 1u], y[i + 2u], y[i + 3u]); }


@group(0) @binding(2) var<storage, read> sizes: array<i32, 8>;
fn sizes_at(i: u32) -> i32 { return sizes[i]; }
fn sizes_at4(i: u32) -> vec4<i32> { return vec4<i32>(sizes[i], sizes[i + 1u], sizes[i + 2u], sizes[i + 3u]); }


@group(0) @binding(3) var<storage, read_write> c: array<f32, 65536>;
fn c_at(i: u32) -> f32 { return c[i]; }
fn c_at4(i: u32) -> vec4<f32> { return vec4<f32>(c[i], c[i + 1u], c[i + 2u], c[i + 3u]); }
fn c_set(i: u32, v: f32) { c[i] = v; }
fn c_set4(i: u32, v: vec4<f32>) { c[i] = v.x; c[i + 1u] = v.y; c[i + 2u] = v.z; c[i + 3u] = v.w; }
fn rows_of(e: u32) -> vec2<u32> {
  var first = 0u;
  for (var i = 0u; i < e; i++) { first = min(256u, first + u32(max(sizes_at(i), 0))); }
  return vec2<u32>(first, min(256u - first, u32(max(sizes_at(e), 0))));
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let j = (group.x * 64u + local) * 4u;
  let tile = group.y + group.z * 65535u;
  if (j >= 64u) { return; }
  let e = tile / 32u;
  if (e >= 8u) { return; }
  let mine = rows_of(e);
  let count = 128u;
  let steps = mine.y;
  let row = (tile % 32u) * 4u;
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  let last = max(count, 1u) - 1u;
  let i0 = min(row + 0u, last);
  let j0 = min(j + 0u, 63u);
  let i1 = min(row + 1u, last);
  let j1 = min(j + 1u, 63u);
  let i2 = min(row + 2u, last);
  let j2 = min(j + 2u, 63u);
  let i3 = min(row + 3u, last);
  let j3 = min(j + 3u, 63u);
  for (var p = 0u; p < steps; p++) {
    let q = vec4<f32>(y_at((mine.x + p) * 64u + j0), y_at((mine.x + p) * 64u + j1), y_at((mine.x + p) * 64u + j2), y_at((mine.x + p) * 64u + j3));
    c0 += x_at((mine.x + p) * 128u + i0) * q;
    c1 += x_at((mine.x + p) * 128u + i1) * q;
    c2 += x_at((mine.x + p) * 128u + i2) * q;
    c3 += x_at((mine.x + p) * 128u + i3) * q;
  }
  if (row + 0u < count) {
    if (j + 0u < 64u) { c_set((e * 128u + (row + 0u)) * 64u + (j + 0u), c0[0]); }
    if (j + 1u < 64u) { c_set((e * 128u + (row + 0u)) * 64u + (j + 1u), c0[1]); }
    if (j + 2u < 64u) { c_set((e * 128u + (row + 0u)) * 64u + (j + 2u), c0[2]); }
    if (j + 3u < 64u) { c_set((e * 128u + (row + 0u)) * 64u + (j + 3u), c0[3]); }
  }
  if (row + 1u < count) {
    if (j + 0u < 64u) { c_set((e * 128u + (row + 1u)) * 64u + (j + 0u), c1[0]); }
    if (j + 1u < 64u) { c_set((e * 128u + (row + 1u)) * 64u + (j + 1u), c1[1]); }
    if (j + 2u < 64u) { c_set((e * 128u + (row + 1u)) * 64u + (j + 2u), c1[2]); }
    if (j + 3u < 64u) { c_set((e * 128u + (row + 1u)) * 64u + (j + 3u), c1[3]); }
  }
  if (row + 2u < count) {
    if (j + 0u < 64u) { c_set((e * 128u + (row + 2u)) * 64u + (j + 0u), c2[0]); }
    if (j + 1u < 64u) { c_set((e * 128u + (row + 2u)) * 64u + (j + 1u), c2[1]); }
    if (j + 2u < 64u) { c_set((e * 128u + (row + 2u)) * 64u + (j + 2u), c2[2]); }
    if (j + 3u < 64u) { c_set((e * 128u + (row + 2u)) * 64u + (j + 3u), c2[3]); }
  }
  if (row + 3u < count) {
    if (j + 0u < 64u) { c_set((e * 128u + (row + 3u)) * 64u + (j + 0u), c3[0]); }
    if (j + 1u < 64u) { c_set((e * 128u + (row + 3u)) * 64u + (j + 1u), c3[1]); }
    if (j + 2u < 64u) { c_set((e * 128u + (row + 3u)) * 64u + (j + 2u), c3[2]); }
    if (j + 3u < 64u) { c_set((e * 128u + (row + 3u)) * 64u + (j + 3u), c3[3]); }
  }
}

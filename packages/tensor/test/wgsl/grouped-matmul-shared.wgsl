// groupedMatmul shared: 1 x 13 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32, 32768>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> w: array<f32, 65536>;
fn w_at(i: u32) -> f32 { return w[i]; }
fn w_at4(i: u32) -> vec4<f32> { return vec4<f32>(w[i], w[i + 1u], w[i + 2u], w[i + 3u]); }


@group(0) @binding(2) var<storage, read> sizes: array<i32, 8>;
fn sizes_at(i: u32) -> i32 { return sizes[i]; }
fn sizes_at4(i: u32) -> vec4<i32> { return vec4<i32>(sizes[i], sizes[i + 1u], sizes[i + 2u], sizes[i + 3u]); }


@group(0) @binding(3) var<storage, read_write> c: array<f32, 16384>;
fn c_at(i: u32) -> f32 { return c[i]; }
fn c_at4(i: u32) -> vec4<f32> { return vec4<f32>(c[i], c[i + 1u], c[i + 2u], c[i + 3u]); }
fn c_set(i: u32, v: f32) { c[i] = v; }
fn c_set4(i: u32, v: vec4<f32>) { c[i] = v.x; c[i + 1u] = v.y; c[i + 2u] = v.z; c[i + 3u] = v.w; }
fn group_of(tile: u32, size: u32) -> vec4<u32> {
  var first = 0u;
  var before = 0u;
  for (var e = 0u; e <= 8u; e++) {
    var count = 256u - first;
    if (e < 8u) { count = min(count, u32(max(sizes_at(e), 0))); }
    let tiles = (count + size - 1u) / size;
    if (tile < before + tiles) { return vec4<u32>(e, first, count, (tile - before) * size); }
    before += tiles;
    first += count;
  }
  return vec4<u32>(0u);
}
var<workgroup> tile_a: array<f32, 1024>;
var<workgroup> tile_b: array<vec4<f32>, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tx = local % 16u;
  let ty = local / 16u;
  let columnBase = group.x * 64u;
  let j = columnBase + tx * 4u;
  let tile = group.y + group.z * 65535u;
  let mine = group_of(tile, 64u);
  let count = mine.z;
  let row = mine.w;
  if (row >= count) { return; }
  let x_base = mine.y * 128u;
  let w_base = mine.x * 8192u;
  let c_base = mine.y * 64u;
  let steps = select(0u, 128u, mine.x < 8u);
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  for (var done = 0u; done < steps; done += 16u) {
    // A: 64 rows of 16 steps, by step; B: 16 steps of 64 columns, four adjacent ones per vector.
    for (var k = 0u; k < 4u; k++) {
      let at = local + k * 256u;
      let i = row + at / 16u;
      let p = done + at % 16u;
      var v = 0.0;
      if (i < count && p < steps) { v = x_at(x_base + i * 128u + p); }
      tile_a[(at % 16u) * 64u + at / 16u] = v;
    }
    {
      let p = done + ty;
      var v = vec4<f32>(0.0);
      if (p < steps) {
        if (j + 0u < 64u) { v[0] = w_at(w_base + (j + 0u) * 128u + p); }
        if (j + 1u < 64u) { v[1] = w_at(w_base + (j + 1u) * 128u + p); }
        if (j + 2u < 64u) { v[2] = w_at(w_base + (j + 2u) * 128u + p); }
        if (j + 3u < 64u) { v[3] = w_at(w_base + (j + 3u) * 128u + p); }
      }
      tile_b[ty * 16u + tx] = v;
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let q = tile_b[k * 16u + tx];
      c0 += tile_a[k * 64u + ty * 4u + 0u] * q;
      c1 += tile_a[k * 64u + ty * 4u + 1u] * q;
      c2 += tile_a[k * 64u + ty * 4u + 2u] * q;
      c3 += tile_a[k * 64u + ty * 4u + 3u] * q;
    }
    workgroupBarrier();
  }
  if (row + ty * 4u + 0u < count) {
    if (j + 0u < 64u) { c_set(c_base + (row + ty * 4u + 0u) * 64u + (j + 0u), c0[0]); }
    if (j + 1u < 64u) { c_set(c_base + (row + ty * 4u + 0u) * 64u + (j + 1u), c0[1]); }
    if (j + 2u < 64u) { c_set(c_base + (row + ty * 4u + 0u) * 64u + (j + 2u), c0[2]); }
    if (j + 3u < 64u) { c_set(c_base + (row + ty * 4u + 0u) * 64u + (j + 3u), c0[3]); }
  }
  if (row + ty * 4u + 1u < count) {
    if (j + 0u < 64u) { c_set(c_base + (row + ty * 4u + 1u) * 64u + (j + 0u), c1[0]); }
    if (j + 1u < 64u) { c_set(c_base + (row + ty * 4u + 1u) * 64u + (j + 1u), c1[1]); }
    if (j + 2u < 64u) { c_set(c_base + (row + ty * 4u + 1u) * 64u + (j + 2u), c1[2]); }
    if (j + 3u < 64u) { c_set(c_base + (row + ty * 4u + 1u) * 64u + (j + 3u), c1[3]); }
  }
  if (row + ty * 4u + 2u < count) {
    if (j + 0u < 64u) { c_set(c_base + (row + ty * 4u + 2u) * 64u + (j + 0u), c2[0]); }
    if (j + 1u < 64u) { c_set(c_base + (row + ty * 4u + 2u) * 64u + (j + 1u), c2[1]); }
    if (j + 2u < 64u) { c_set(c_base + (row + ty * 4u + 2u) * 64u + (j + 2u), c2[2]); }
    if (j + 3u < 64u) { c_set(c_base + (row + ty * 4u + 2u) * 64u + (j + 3u), c2[3]); }
  }
  if (row + ty * 4u + 3u < count) {
    if (j + 0u < 64u) { c_set(c_base + (row + ty * 4u + 3u) * 64u + (j + 0u), c3[0]); }
    if (j + 1u < 64u) { c_set(c_base + (row + ty * 4u + 3u) * 64u + (j + 1u), c3[1]); }
    if (j + 2u < 64u) { c_set(c_base + (row + ty * 4u + 3u) * 64u + (j + 2u), c3[2]); }
    if (j + 3u < 64u) { c_set(c_base + (row + ty * 4u + 3u) * 64u + (j + 3u), c3[3]); }
  }
}

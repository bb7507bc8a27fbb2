// matmul subgroup matrix: 4 x 4 x 1 workgroups
enable subgroup_size_control;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> a: array<f32, 65536>;
fn a_at(i: u32) -> f32 { return a[i]; }
fn a_at4(i: u32) -> vec4<f32> { return vec4<f32>(a[i], a[i + 1u], a[i + 2u], a[i + 3u]); }


@group(0) @binding(1) var<storage, read> b: array<f32, 65536>;
fn b_at(i: u32) -> f32 { return b[i]; }
fn b_at4(i: u32) -> vec4<f32> { return vec4<f32>(b[i], b[i + 1u], b[i + 2u], b[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>, 16384>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
var<workgroup> tile_a: array<f32, 2304>;
var<workgroup> tile_b: array<f32, 2176>;
var<workgroup> result: array<f32, 256>;
@compute @workgroup_size(128) @subgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let own = local / 32u;
  let rowOwn = (own / 2u) * 32u;
  let columnOwn = (own % 2u) * 32u;
  let rowBase = group.y * 64u;
  let columnBase = group.x * 64u;
  let baseA = 0u;
  let baseB = 0u;
  let baseC = 0u;
  var c0_0: subgroup_matrix_result<f32, 8, 8>;
  var c0_1: subgroup_matrix_result<f32, 8, 8>;
  var c0_2: subgroup_matrix_result<f32, 8, 8>;
  var c0_3: subgroup_matrix_result<f32, 8, 8>;
  var c1_0: subgroup_matrix_result<f32, 8, 8>;
  var c1_1: subgroup_matrix_result<f32, 8, 8>;
  var c1_2: subgroup_matrix_result<f32, 8, 8>;
  var c1_3: subgroup_matrix_result<f32, 8, 8>;
  var c2_0: subgroup_matrix_result<f32, 8, 8>;
  var c2_1: subgroup_matrix_result<f32, 8, 8>;
  var c2_2: subgroup_matrix_result<f32, 8, 8>;
  var c2_3: subgroup_matrix_result<f32, 8, 8>;
  var c3_0: subgroup_matrix_result<f32, 8, 8>;
  var c3_1: subgroup_matrix_result<f32, 8, 8>;
  var c3_2: subgroup_matrix_result<f32, 8, 8>;
  var c3_3: subgroup_matrix_result<f32, 8, 8>;
  for (var p = 0u; p < 256u; p += 32u) {
    for (var e = 0u; e < 16u; e++) {
      let at = e * 128u + local;
      let line = at / 32u;
      let q = at % 32u;
      let first = rowBase + line;
      var value = 0.0;
      if (first < 256u && p + q < 256u) { value = a_at(baseA + first * 256u + (p + q) * 1u); }
      tile_a[line * 36u + q] = value;
    }
    for (var e = 0u; e < 16u; e++) {
      let at = e * 128u + local;
      let line = at % 64u;
      let q = at / 64u;
      let first = columnBase + line;
      var value = 0.0;
      if (first < 256u && p + q < 256u) { value = b_at(baseB + first * 1u + (p + q) * 256u); }
      tile_b[q * 68u + line] = value;
    }
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 0u) * 36u + 0u, 36u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 8u) * 36u + 0u, 36u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 16u) * 36u + 0u, 36u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 24u) * 36u + 0u, 36u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 0u * 68u + columnOwn + 0u, 68u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 0u * 68u + columnOwn + 8u, 68u);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 0u * 68u + columnOwn + 16u, 68u);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 0u * 68u + columnOwn + 24u, 68u);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 0u) * 36u + 8u, 36u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 8u) * 36u + 8u, 36u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 16u) * 36u + 8u, 36u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 24u) * 36u + 8u, 36u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 8u * 68u + columnOwn + 0u, 68u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 8u * 68u + columnOwn + 8u, 68u);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 8u * 68u + columnOwn + 16u, 68u);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 8u * 68u + columnOwn + 24u, 68u);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 0u) * 36u + 16u, 36u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 8u) * 36u + 16u, 36u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 16u) * 36u + 16u, 36u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 24u) * 36u + 16u, 36u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 16u * 68u + columnOwn + 0u, 68u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 16u * 68u + columnOwn + 8u, 68u);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 16u * 68u + columnOwn + 16u, 68u);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 16u * 68u + columnOwn + 24u, 68u);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 0u) * 36u + 24u, 36u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 8u) * 36u + 24u, 36u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 16u) * 36u + 24u, 36u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&tile_a, (rowOwn + 24u) * 36u + 24u, 36u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 24u * 68u + columnOwn + 0u, 68u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 24u * 68u + columnOwn + 8u, 68u);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 24u * 68u + columnOwn + 16u, 68u);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&tile_b, 24u * 68u + columnOwn + 24u, 68u);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&result, own * 64u, c0_0, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 2u;
    let col = columnBase + columnOwn + 0u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c0_1, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 2u;
    let col = columnBase + columnOwn + 8u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c0_2, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 2u;
    let col = columnBase + columnOwn + 16u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c0_3, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 2u;
    let col = columnBase + columnOwn + 24u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c1_0, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 8u + at / 2u;
    let col = columnBase + columnOwn + 0u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c1_1, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 8u + at / 2u;
    let col = columnBase + columnOwn + 8u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c1_2, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 8u + at / 2u;
    let col = columnBase + columnOwn + 16u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c1_3, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 8u + at / 2u;
    let col = columnBase + columnOwn + 24u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c2_0, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 2u;
    let col = columnBase + columnOwn + 0u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c2_1, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 2u;
    let col = columnBase + columnOwn + 8u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c2_2, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 2u;
    let col = columnBase + columnOwn + 16u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c2_3, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 2u;
    let col = columnBase + columnOwn + 24u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c3_0, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 24u + at / 2u;
    let col = columnBase + columnOwn + 0u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c3_1, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 24u + at / 2u;
    let col = columnBase + columnOwn + 8u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c3_2, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 24u + at / 2u;
    let col = columnBase + columnOwn + 16u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 64u, c3_3, 8u);
  workgroupBarrier();
  for (var e = 0u; e < 1u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 24u + at / 2u;
    let col = columnBase + columnOwn + 24u + (at % 2u) * 4u;
    let start = own * 64u + at * 4u;
    if (at < 16u && row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
}

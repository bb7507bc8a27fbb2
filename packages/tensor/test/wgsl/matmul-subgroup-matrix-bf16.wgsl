// matmul subgroup matrix: 2 x 2 x 1 workgroups
enable subgroup_size_control;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
fn decode_bfloat16(code: u32) -> f32 {
  return bitcast<f32>(code << 16u);
}

@group(0) @binding(0) var<storage, read> a: array<u32, 32768>;
fn a_at(i: u32) -> f32 { return decode_bfloat16((a[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu); }
fn a_at4(i: u32) -> vec4<f32> {
  let w0 = a[i >> 1u]; let w1 = a[(i >> 1u) + 1u];
  return vec4<f32>(decode_bfloat16(w0 & 0xffffu), decode_bfloat16(w0 >> 16u), decode_bfloat16(w1 & 0xffffu), decode_bfloat16(w1 >> 16u));
}
fn a_quad(at: u32) -> vec4<f32> { return a_at4(at << 2u); }

@group(0) @binding(1) var<storage, read> b: array<u32, 32768>;
fn b_at(i: u32) -> f32 { return decode_bfloat16((b[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu); }
fn b_at4(i: u32) -> vec4<f32> {
  let w0 = b[i >> 1u]; let w1 = b[(i >> 1u) + 1u];
  return vec4<f32>(decode_bfloat16(w0 & 0xffffu), decode_bfloat16(w0 >> 16u), decode_bfloat16(w1 & 0xffffu), decode_bfloat16(w1 >> 16u));
}
fn b_quad(at: u32) -> vec4<f32> { return b_at4(at << 2u); }

@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>, 16384>;
fn c_at4(i: u32) -> vec4<f32> { return c[i >> 2u]; }
fn c_quad(at: u32) -> vec4<f32> { return c[at]; }
fn c_set4(i: u32, v: vec4<f32>) { c[i >> 2u] = v; }
fn a_word(i: u32) -> u32 { return a[i >> 1u]; }
fn b_word(i: u32) -> u32 { return b[i >> 1u]; }
var<workgroup> tile_a: array<u32, 2560>;
var<workgroup> tile_b: array<u32, 2176>;
var<workgroup> result: array<f32, 1024>;
@compute @workgroup_size(128) @subgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let own = local / 32u;
  let rowOwn = (own / 2u) * 64u;
  let columnOwn = (own % 2u) * 64u;
  let rowBase = group.y * 128u;
  let columnBase = group.x * 128u;
  let baseA = 0u;
  let baseB = 0u;
  let baseC = 0u;
  var c0_0: subgroup_matrix_result<f32, 16, 16>;
  var c0_1: subgroup_matrix_result<f32, 16, 16>;
  var c0_2: subgroup_matrix_result<f32, 16, 16>;
  var c0_3: subgroup_matrix_result<f32, 16, 16>;
  var c1_0: subgroup_matrix_result<f32, 16, 16>;
  var c1_1: subgroup_matrix_result<f32, 16, 16>;
  var c1_2: subgroup_matrix_result<f32, 16, 16>;
  var c1_3: subgroup_matrix_result<f32, 16, 16>;
  var c2_0: subgroup_matrix_result<f32, 16, 16>;
  var c2_1: subgroup_matrix_result<f32, 16, 16>;
  var c2_2: subgroup_matrix_result<f32, 16, 16>;
  var c2_3: subgroup_matrix_result<f32, 16, 16>;
  var c3_0: subgroup_matrix_result<f32, 16, 16>;
  var c3_1: subgroup_matrix_result<f32, 16, 16>;
  var c3_2: subgroup_matrix_result<f32, 16, 16>;
  var c3_3: subgroup_matrix_result<f32, 16, 16>;
  for (var p = 0u; p < 256u; p += 32u) {
    for (var e = 0u; e < 16u; e++) {
      let at = e * 128u + local;
      let run = at / 16u;
      let word = at % 16u;
      let first = rowBase + run;
      let step = p + word * 2u;
      var value = 0u;
      if (first < 256u && step < 256u) { value = a_word(baseA + (first) * 256u + (step) * 1u); }
      tile_a[run * 20u + word] = value;
    }
    for (var e = 0u; e < 16u; e++) {
      let at = e * 128u + local;
      let run = at / 64u;
      let word = at % 64u;
      let first = columnBase + word * 2u;
      let step = p + run;
      var value = 0u;
      if (first < 256u && step < 256u) { value = b_word(baseB + (first) * 1u + (step) * 256u); }
      tile_b[run * 68u + word] = value;
    }
    workgroupBarrier();
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 0u) * 20u + 0u, 20u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 16u) * 20u + 0u, 20u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 32u) * 20u + 0u, 20u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 48u) * 20u + 0u, 20u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 0u * 68u + (columnOwn + 0u) / 2u, 68u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 0u * 68u + (columnOwn + 16u) / 2u, 68u);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 0u * 68u + (columnOwn + 32u) / 2u, 68u);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 0u * 68u + (columnOwn + 48u) / 2u, 68u);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 0u) * 20u + 8u, 20u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 16u) * 20u + 8u, 20u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 32u) * 20u + 8u, 20u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<bf16, 16, 16>, row_major>(&tile_a, (rowOwn + 48u) * 20u + 8u, 20u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 16u * 68u + (columnOwn + 0u) / 2u, 68u);
      c0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, c0_0);
      c1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, c1_0);
      c2_0 = subgroupMatrixMultiplyAccumulate(a2, b0, c2_0);
      c3_0 = subgroupMatrixMultiplyAccumulate(a3, b0, c3_0);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 16u * 68u + (columnOwn + 16u) / 2u, 68u);
      c0_1 = subgroupMatrixMultiplyAccumulate(a0, b1, c0_1);
      c1_1 = subgroupMatrixMultiplyAccumulate(a1, b1, c1_1);
      c2_1 = subgroupMatrixMultiplyAccumulate(a2, b1, c2_1);
      c3_1 = subgroupMatrixMultiplyAccumulate(a3, b1, c3_1);
      let b2 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 16u * 68u + (columnOwn + 32u) / 2u, 68u);
      c0_2 = subgroupMatrixMultiplyAccumulate(a0, b2, c0_2);
      c1_2 = subgroupMatrixMultiplyAccumulate(a1, b2, c1_2);
      c2_2 = subgroupMatrixMultiplyAccumulate(a2, b2, c2_2);
      c3_2 = subgroupMatrixMultiplyAccumulate(a3, b2, c3_2);
      let b3 = subgroupMatrixLoad<subgroup_matrix_right<bf16, 16, 16>, row_major>(&tile_b, 16u * 68u + (columnOwn + 48u) / 2u, 68u);
      c0_3 = subgroupMatrixMultiplyAccumulate(a0, b3, c0_3);
      c1_3 = subgroupMatrixMultiplyAccumulate(a1, b3, c1_3);
      c2_3 = subgroupMatrixMultiplyAccumulate(a2, b3, c2_3);
      c3_3 = subgroupMatrixMultiplyAccumulate(a3, b3, c3_3);
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&result, own * 256u, c0_0, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 4u;
    let col = columnBase + columnOwn + 0u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c0_1, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 4u;
    let col = columnBase + columnOwn + 16u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c0_2, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 4u;
    let col = columnBase + columnOwn + 32u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c0_3, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 0u + at / 4u;
    let col = columnBase + columnOwn + 48u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c1_0, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 4u;
    let col = columnBase + columnOwn + 0u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c1_1, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 4u;
    let col = columnBase + columnOwn + 16u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c1_2, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 4u;
    let col = columnBase + columnOwn + 32u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c1_3, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 16u + at / 4u;
    let col = columnBase + columnOwn + 48u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c2_0, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 32u + at / 4u;
    let col = columnBase + columnOwn + 0u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c2_1, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 32u + at / 4u;
    let col = columnBase + columnOwn + 16u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c2_2, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 32u + at / 4u;
    let col = columnBase + columnOwn + 32u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c2_3, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 32u + at / 4u;
    let col = columnBase + columnOwn + 48u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c3_0, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 48u + at / 4u;
    let col = columnBase + columnOwn + 0u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c3_1, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 48u + at / 4u;
    let col = columnBase + columnOwn + 16u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c3_2, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 48u + at / 4u;
    let col = columnBase + columnOwn + 32u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&result, own * 256u, c3_3, 16u);
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + 48u + at / 4u;
    let col = columnBase + columnOwn + 48u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < 256u && col < 256u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      c_set4(baseC + row * 256u + col, v);
    }
  }
  workgroupBarrier();
}

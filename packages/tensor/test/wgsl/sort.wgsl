// sort runs: 63 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read_write> after: array<i32>;
fn after_at(i: u32) -> i32 { return after[i]; }
fn after_at4(i: u32) -> vec4<i32> { return vec4<i32>(after[i], after[i + 1u], after[i + 2u], after[i + 3u]); }
fn after_set(i: u32, v: i32) { after[i] = v; }
fn after_set4(i: u32, v: vec4<i32>) { after[i] = v.x; after[i + 1u] = v.y; after[i + 2u] = v.z; after[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
fn key_of(i: u32) -> u32 { return order_key(x_at(i)); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4000u) { return; }
  let row = (id / 1000u) * 1000u;
  let at = id - row;
  let first = (at / 32u) * 32u;
  let end = min(first + 32u, 1000u);
  let own = key_of(id);
  var place = first;
  for (var j = first; j < end; j++) {
    let other = key_of(row + j);
    if (other < own || (other == own && j < at)) { place++; }
  }
  after_set(row + place, i32(at));
}

// sort merge 32: 63 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> before: array<i32>;
fn before_at(i: u32) -> i32 { return before[i]; }
fn before_at4(i: u32) -> vec4<i32> { return vec4<i32>(before[i], before[i + 1u], before[i + 2u], before[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> after: array<i32>;
fn after_at(i: u32) -> i32 { return after[i]; }
fn after_at4(i: u32) -> vec4<i32> { return vec4<i32>(after[i], after[i + 1u], after[i + 2u], after[i + 3u]); }
fn after_set(i: u32, v: i32) { after[i] = v; }
fn after_set4(i: u32, v: vec4<i32>) { after[i] = v.x; after[i + 1u] = v.y; after[i + 2u] = v.z; after[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
fn key_of(i: u32) -> u32 { return order_key(x_at(i)); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4000u) { return; }
  let row = (id / 1000u) * 1000u;
  let at = id - row;
  let mine = (at / 32u) * 32u;
  let right = (at / 32u) % 2u == 1u;
  let origin = before_at(id);
  let own = key_of(row + u32(origin));
  var low = select(min(mine + 32u, 1000u), mine - 32u, right);
  var high = select(min(mine + 64u, 1000u), mine, right);
  let start = low;
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = key_of(row + u32(before_at(row + middle)));
    if (other < own || (right && other == own)) { low = middle + 1u; } else { high = middle; }
  }
  let base = select(mine, mine - 32u, right);
  after_set(row + base + (at - mine) + (low - start), origin);
}

// sort merge 64: 63 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> before: array<i32>;
fn before_at(i: u32) -> i32 { return before[i]; }
fn before_at4(i: u32) -> vec4<i32> { return vec4<i32>(before[i], before[i + 1u], before[i + 2u], before[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> after: array<i32>;
fn after_at(i: u32) -> i32 { return after[i]; }
fn after_at4(i: u32) -> vec4<i32> { return vec4<i32>(after[i], after[i + 1u], after[i + 2u], after[i + 3u]); }
fn after_set(i: u32, v: i32) { after[i] = v; }
fn after_set4(i: u32, v: vec4<i32>) { after[i] = v.x; after[i + 1u] = v.y; after[i + 2u] = v.z; after[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
fn key_of(i: u32) -> u32 { return order_key(x_at(i)); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4000u) { return; }
  let row = (id / 1000u) * 1000u;
  let at = id - row;
  let mine = (at / 64u) * 64u;
  let right = (at / 64u) % 2u == 1u;
  let origin = before_at(id);
  let own = key_of(row + u32(origin));
  var low = select(min(mine + 64u, 1000u), mine - 64u, right);
  var high = select(min(mine + 128u, 1000u), mine, right);
  let start = low;
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = key_of(row + u32(before_at(row + middle)));
    if (other < own || (right && other == own)) { low = middle + 1u; } else { high = middle; }
  }
  let base = select(mine, mine - 64u, right);
  after_set(row + base + (at - mine) + (low - start), origin);
}

// sort merge 128: 63 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> before: array<i32>;
fn before_at(i: u32) -> i32 { return before[i]; }
fn before_at4(i: u32) -> vec4<i32> { return vec4<i32>(before[i], before[i + 1u], before[i + 2u], before[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> after: array<i32>;
fn after_at(i: u32) -> i32 { return after[i]; }
fn after_at4(i: u32) -> vec4<i32> { return vec4<i32>(after[i], after[i + 1u], after[i + 2u], after[i + 3u]); }
fn after_set(i: u32, v: i32) { after[i] = v; }
fn after_set4(i: u32, v: vec4<i32>) { after[i] = v.x; after[i + 1u] = v.y; after[i + 2u] = v.z; after[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
fn key_of(i: u32) -> u32 { return order_key(x_at(i)); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4000u) { return; }
  let row = (id / 1000u) * 1000u;
  let at = id - row;
  let mine = (at / 128u) * 128u;
  let right = (at / 128u) % 2u == 1u;
  let origin = before_at(id);
  let own = key_of(row + u32(origin));
  var low = select(min(mine + 128u, 1000u), mine - 128u, right);
  var high = select(min(mine + 256u, 1000u), mine, right);
  let start = low;
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = key_of(row + u32(before_at(row + middle)));
    if (other < own || (right && other == own)) { low = middle + 1u; } else { high = middle; }
  }
  let base = select(mine, mine - 128u, right);
  after_set(row + base + (at - mine) + (low - start), origin);
}

// sort merge 256: 63 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> before: array<i32>;
fn before_at(i: u32) -> i32 { return before[i]; }
fn before_at4(i: u32) -> vec4<i32> { return vec4<i32>(before[i], before[i + 1u], before[i + 2u], before[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> after: array<i32>;
fn after_at(i: u32) -> i32 { return after[i]; }
fn after_at4(i: u32) -> vec4<i32> { return vec4<i32>(after[i], after[i + 1u], after[i + 2u], after[i + 3u]); }
fn after_set(i: u32, v: i32) { after[i] = v; }
fn after_set4(i: u32, v: vec4<i32>) { after[i] = v.x; after[i + 1u] = v.y; after[i + 2u] = v.z; after[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
fn key_of(i: u32) -> u32 { return order_key(x_at(i)); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4000u) { return; }
  let row = (id / 1000u) * 1000u;
  let at = id - row;
  let mine = (at / 256u) * 256u;
  let right = (at / 256u) % 2u == 1u;
  let origin = before_at(id);
  let own = key_of(row + u32(origin));
  var low = select(min(mine + 256u, 1000u), mine - 256u, right);
  var high = select(min(mine + 512u, 1000u), mine, right);
  let start = low;
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = key_of(row + u32(before_at(row + middle)));
    if (other < own || (right && other == own)) { low = middle + 1u; } else { high = middle; }
  }
  let base = select(mine, mine - 256u, right);
  after_set(row + base + (at - mine) + (low - start), origin);
}

// sort merge 512: 63 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> before: array<i32>;
fn before_at(i: u32) -> i32 { return before[i]; }
fn before_at4(i: u32) -> vec4<i32> { return vec4<i32>(before[i], before[i + 1u], before[i + 2u], before[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> after: array<i32>;
fn after_at(i: u32) -> i32 { return after[i]; }
fn after_at4(i: u32) -> vec4<i32> { return vec4<i32>(after[i], after[i + 1u], after[i + 2u], after[i + 3u]); }
fn after_set(i: u32, v: i32) { after[i] = v; }
fn after_set4(i: u32, v: vec4<i32>) { after[i] = v.x; after[i + 1u] = v.y; after[i + 2u] = v.z; after[i + 3u] = v.w; }
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, (bits >> 31u) == 1u);
}
fn key_of(i: u32) -> u32 { return order_key(x_at(i)); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4000u) { return; }
  let row = (id / 1000u) * 1000u;
  let at = id - row;
  let mine = (at / 512u) * 512u;
  let right = (at / 512u) % 2u == 1u;
  let origin = before_at(id);
  let own = key_of(row + u32(origin));
  var low = select(min(mine + 512u, 1000u), mine - 512u, right);
  var high = select(min(mine + 1024u, 1000u), mine, right);
  let start = low;
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = key_of(row + u32(before_at(row + middle)));
    if (other < own || (right && other == own)) { low = middle + 1u; } else { high = middle; }
  }
  let base = select(mine, mine - 512u, right);
  after_set(row + base + (at - mine) + (low - start), origin);
}

// sort: 63 x 1 x 1 workgroups
@group(0) @binding(0) var<storage, read> x: array<f32>;
fn x_at(i: u32) -> f32 { return x[i]; }
fn x_at4(i: u32) -> vec4<f32> { return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]); }


@group(0) @binding(1) var<storage, read> before: array<i32>;
fn before_at(i: u32) -> i32 { return before[i]; }
fn before_at4(i: u32) -> vec4<i32> { return vec4<i32>(before[i], before[i + 1u], before[i + 2u], before[i + 3u]); }


@group(0) @binding(2) var<storage, read_write> values: array<f32>;
fn values_at(i: u32) -> f32 { return values[i]; }
fn values_at4(i: u32) -> vec4<f32> { return vec4<f32>(values[i], values[i + 1u], values[i + 2u], values[i + 3u]); }
fn values_set(i: u32, v: f32) { values[i] = v; }
fn values_set4(i: u32, v: vec4<f32>) { values[i] = v.x; values[i + 1u] = v.y; values[i + 2u] = v.z; values[i + 3u] = v.w; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * 65535u) * 64u + local;
  if (id >= 4000u) { return; }
  values_set(id, x_at((id / 1000u) * 1000u + u32(before_at(id))));
}

// Kernels that copy, gather, scatter and rotate rows.

/** Row r: `bytes` bytes from src + r * srcStride to dst + r * dstStride. */
export function copyRows(start: i32, end: i32, thread: i32, src: usize, dst: usize, bytes: i32, srcStride: i32, dstStride: i32): void {
  for (let r = start; r < end; r++) memory.copy(dst + <usize>r * <usize>dstStride, src + <usize>r * <usize>srcStride, bytes)
}

/** out[i] = table[ids[i]], rows of `bytes` bytes; zeros where the id is out of range. */
export function takeRows(start: i32, end: i32, thread: i32, table: usize, ids: usize, out: usize, bytes: i32, rows: i32): void {
  for (let i = start; i < end; i++) {
    const id = load<i32>(ids + (<usize>i << 2))
    const at = out + <usize>i * <usize>bytes
    if (id >= 0 && id < rows) memory.copy(at, table + <usize>id * <usize>bytes, bytes)
    else memory.fill(at, 0, bytes)
  }
}

/**
 * Sequences [start, end) of s rows of `bytes` bytes: out is `old`, which may be the same memory, with the t rows of
 * `rows` written at row at[b]. Rows that would fall outside the sequence are not written.
 */
export function writeRows(start: i32, end: i32, thread: i32, old: usize, rows: usize, at: usize, out: usize, bytes: i32, s: i32, t: i32): void {
  const row = <usize>bytes
  for (let b = start; b < end; b++) {
    const sequence = <usize>b * <usize>s * row
    if (old != out) memory.copy(out + sequence, old + sequence, <usize>s * row)
    const first = load<i32>(at + (<usize>b << 2))
    const from = max(0, min(t, -first))
    const to = max(from, min(t, s - first))
    if (to > from) memory.copy(out + sequence + <usize>(first + from) * row, rows + (<usize>b * <usize>t + <usize>from) * row, <usize>(to - from) * row)
  }
}

/** Rows [start, end) of out, out[ids[i]] += x[i] over all i: each thread owns its rows and reads all ids in order. */
export function scatterAddRows(start: i32, end: i32, thread: i32, x: usize, ids: usize, out: usize, n: i32, row: i32): void {
  const bytes = <usize>row << 2
  memory.fill(out + <usize>start * bytes, 0, <usize>(end - start) * bytes)
  for (let i = 0; i < n; i++) {
    const id = load<i32>(ids + (<usize>i << 2))
    if (id < start || id >= end) continue
    const src = x + <usize>i * bytes
    const dst = out + <usize>id * bytes
    let k = 0
    for (; k + 4 <= row; k += 4) {
      const at = <usize>k << 2
      v128.store(dst + at, f32x4.add(v128.load(dst + at), v128.load(src + at)))
    }
    for (; k < row; k++) {
      const at = <usize>k << 2
      store<f32>(dst + at, load<f32>(dst + at) + load<f32>(src + at))
    }
  }
}

/**
 * Positions [start, end) of [B * T, h, d]: pairs (i, i + d / 2) are rotated by the angle of position % t, times
 * `direction` (1 or -1).
 */
export function rotaryRows(start: i32, end: i32, thread: i32, x: usize, cos: usize, sin: usize, y: usize, t: i32, h: i32, d: i32, direction: f32): void {
  const half = d >> 1
  for (let r = start; r < end; r++) {
    const table = <usize>((r % t) * half) << 2
    for (let head = 0; head < h; head++) {
      const a = (<usize>r * <usize>h + <usize>head) * <usize>d << 2
      const b = a + (<usize>half << 2)
      let i = 0
      const dir = f32x4.splat(direction)
      for (; i + 4 <= half; i += 4) {
        const at = <usize>i << 2
        const c = v128.load(cos + table + at)
        const s = f32x4.mul(v128.load(sin + table + at), dir)
        const u = v128.load(x + a + at)
        const v = v128.load(x + b + at)
        v128.store(y + a + at, f32x4.sub(f32x4.mul(u, c), f32x4.mul(v, s)))
        v128.store(y + b + at, f32x4.add(f32x4.mul(v, c), f32x4.mul(u, s)))
      }
      for (; i < half; i++) {
        const at = <usize>i << 2
        const c = load<f32>(cos + table + at)
        const s = load<f32>(sin + table + at) * direction
        const u = load<f32>(x + a + at)
        const v = load<f32>(x + b + at)
        store<f32>(y + a + at, u * c - v * s)
        store<f32>(y + b + at, v * c + u * s)
      }
    }
  }
}

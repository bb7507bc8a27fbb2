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
  const whole = <usize>(half & ~3) << 2
  const bytes = <usize>half << 2
  const dir = f32x4.splat(direction)
  for (let r = start; r < end; r++) {
    const table = <usize>(r % t) * bytes
    const c = cos + table
    const s = sin + table
    let from = x + (<usize>r * <usize>h << 1) * bytes
    let to = y + (<usize>r * <usize>h << 1) * bytes
    for (let head = 0; head < h; head++) {
      const fromB = from + bytes
      const toB = to + bytes
      let at: usize = 0
      for (; at < whole; at += 16) {
        const c4 = v128.load(c + at)
        const s4 = f32x4.mul(v128.load(s + at), dir)
        const u = v128.load(from + at)
        const v = v128.load(fromB + at)
        v128.store(to + at, f32x4.sub(f32x4.mul(u, c4), f32x4.mul(v, s4)))
        v128.store(toB + at, f32x4.add(f32x4.mul(v, c4), f32x4.mul(u, s4)))
      }
      for (; at < bytes; at += 4) {
        const c1 = load<f32>(c + at)
        const s1 = load<f32>(s + at) * direction
        const u = load<f32>(from + at)
        const v = load<f32>(fromB + at)
        store<f32>(to + at, u * c1 - v * s1)
        store<f32>(toB + at, v * c1 + u * s1)
      }
      from += bytes << 1
      to += bytes << 1
    }
  }
}

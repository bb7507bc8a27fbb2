// RMS norm of rows, and its gradient.

import { sumLanes } from './math'

/** 1 / rms of a row, from the sum of the squares before `from`. */
// @ts-ignore: decorator
@inline
function inverseRms(row: usize, a: v128, from: i32, n: i32, epsilon: f32): f32 {
  let s = sumLanes(a)
  for (let i = from; i < n; i++) {
    const v = load<f32>(row + (<usize>i << 2))
    s += v * v
  }
  return 1 / Mathf.sqrt(s / <f32>n + epsilon)
}

/**
 * Four rows are summed at a time: the additions of one row's sum, whose order is fixed, wait for each other, and those
 * of other rows do not. Where fewer are left, the last one is summed again.
 */
export function rmsNormRows(start: i32, end: i32, thread: i32, x: usize, weight: usize, y: usize, scale: usize, n: i32, epsilon: f32): void {
  const bytes = <usize>n << 2
  const whole = n & ~3
  for (let r = start; r < end; r += 4) {
    const r1 = min(r + 1, end - 1)
    const r2 = min(r + 2, end - 1)
    const r3 = min(r + 3, end - 1)
    const x0 = x + <usize>r * bytes
    const x1 = x + <usize>r1 * bytes
    const x2 = x + <usize>r2 * bytes
    const x3 = x + <usize>r3 * bytes
    let a0 = f32x4.splat(0)
    let a1 = a0
    let a2 = a0
    let a3 = a0
    for (let i = 0; i < whole; i += 4) {
      const at = <usize>i << 2
      const v0 = v128.load(x0 + at)
      const v1 = v128.load(x1 + at)
      const v2 = v128.load(x2 + at)
      const v3 = v128.load(x3 + at)
      a0 = f32x4.add(a0, f32x4.mul(v0, v0))
      a1 = f32x4.add(a1, f32x4.mul(v1, v1))
      a2 = f32x4.add(a2, f32x4.mul(v2, v2))
      a3 = f32x4.add(a3, f32x4.mul(v3, v3))
    }
    store<f32>(scale + (<usize>r << 2), inverseRms(x0, a0, whole, n, epsilon))
    store<f32>(scale + (<usize>r1 << 2), inverseRms(x1, a1, whole, n, epsilon))
    store<f32>(scale + (<usize>r2 << 2), inverseRms(x2, a2, whole, n, epsilon))
    store<f32>(scale + (<usize>r3 << 2), inverseRms(x3, a3, whole, n, epsilon))
    for (let q = r; q <= r3; q++) {
      const row = <usize>q * bytes
      const f = load<f32>(scale + (<usize>q << 2))
      const f4 = f32x4.splat(f)
      let i = 0
      for (; i < whole; i += 4) {
        const at = row + (<usize>i << 2)
        v128.store(y + at, f32x4.mul(f32x4.mul(v128.load(x + at), f4), v128.load(weight + (<usize>i << 2))))
      }
      for (; i < n; i++) {
        const at = row + (<usize>i << 2)
        store<f32>(y + at, load<f32>(x + at) * f * load<f32>(weight + (<usize>i << 2)))
      }
    }
  }
}

export function rmsNormGradientRows(start: i32, end: i32, thread: i32, x: usize, weight: usize, scale: usize, g: usize, dx: usize, n: i32): void {
  for (let r = start; r < end; r++) {
    const row = <usize>r * <usize>n << 2
    let a = f32x4.splat(0)
    let i = 0
    for (; i + 4 <= n; i += 4) {
      const at = <usize>i << 2
      a = f32x4.add(a, f32x4.mul(f32x4.mul(v128.load(g + row + at), v128.load(weight + at)), v128.load(x + row + at)))
    }
    let dot = sumLanes(a)
    for (; i < n; i++) {
      const at = <usize>i << 2
      dot += load<f32>(g + row + at) * load<f32>(weight + at) * load<f32>(x + row + at)
    }
    const s = load<f32>(scale + (<usize>r << 2))
    const c = (dot / <f32>n) * s * s
    const s4 = f32x4.splat(s)
    const c4 = f32x4.splat(c)
    for (i = 0; i + 4 <= n; i += 4) {
      const at = <usize>i << 2
      const h = f32x4.mul(v128.load(g + row + at), v128.load(weight + at))
      v128.store(dx + row + at, f32x4.mul(s4, f32x4.sub(h, f32x4.mul(v128.load(x + row + at), c4))))
    }
    for (; i < n; i++) {
      const at = <usize>i << 2
      store<f32>(dx + row + at, s * (load<f32>(g + row + at) * load<f32>(weight + at) - load<f32>(x + row + at) * c))
    }
  }
}

// Kernels of exponentials over rows: softmax, log-sum-exp and cross-entropy.

import { exp, expConstant, log1, sumLanes } from './math'
import { rowMax, rowMaxOrNan } from './rows'

/** log of the sum of exp over a row. An infinite maximum is the result, unless an element is NaN. */
function rowLogSumExp(x: usize, n: i32): f32 {
  const top = rowMax(x, n)
  if (abs(top) == Infinity) return rowMaxOrNan(x, n)
  return top + log1(expRow(x, 0, n, top, false))
}

/** Writes exp(x - top) to y and returns the sum. No x may be above `top`, unless it is NaN. */
export function expSum(x: usize, y: usize, n: i32, top: f32): f32 {
  return expRow(x, y, n, top, true)
}

/**
 * The sum of exp(x - top), where no x is above `top`. With `write` the terms are written to y. Without it one of them
 * must be 1: terms too small for a float are then counted as 1e-38, which changes no bit of the sum.
 *
 * As `exp4` of four vectors at a time, which share the loads of constants, without what arguments above 0 need.
 */
// @ts-ignore: decorator
@inline
function expRow(x: usize, y: usize, n: i32, top: f32, write: bool): f32 {
  const t = f32x4.splat(top)
  let a = f32x4.splat(0)
  let i = 0
  for (; i + 16 <= n; i += 16) {
    const at = <usize>i << 2
    const d0 = f32x4.sub(v128.load(x + at), t)
    const d1 = f32x4.sub(v128.load(x + at, 16), t)
    const d2 = f32x4.sub(v128.load(x + at, 32), t)
    const d3 = f32x4.sub(v128.load(x + at, 48), t)
    const low = expConstant(0)
    const u0 = f32x4.pmax(d0, low)
    const u1 = f32x4.pmax(d1, low)
    const u2 = f32x4.pmax(d2, low)
    const u3 = f32x4.pmax(d3, low)
    const log2e = expConstant(2)
    const magic = expConstant(3)
    const s0 = f32x4.add(f32x4.mul(u0, log2e), magic)
    const s1 = f32x4.add(f32x4.mul(u1, log2e), magic)
    const s2 = f32x4.add(f32x4.mul(u2, log2e), magic)
    const s3 = f32x4.add(f32x4.mul(u3, log2e), magic)
    const n0 = f32x4.sub(s0, magic)
    const n1 = f32x4.sub(s1, magic)
    const n2 = f32x4.sub(s2, magic)
    const n3 = f32x4.sub(s3, magic)
    let c = expConstant(4)
    let r0 = f32x4.add(f32x4.mul(n0, c), u0)
    let r1 = f32x4.add(f32x4.mul(n1, c), u1)
    let r2 = f32x4.add(f32x4.mul(n2, c), u2)
    let r3 = f32x4.add(f32x4.mul(n3, c), u3)
    c = expConstant(5)
    r0 = f32x4.add(f32x4.mul(n0, c), r0)
    r1 = f32x4.add(f32x4.mul(n1, c), r1)
    r2 = f32x4.add(f32x4.mul(n2, c), r2)
    r3 = f32x4.add(f32x4.mul(n3, c), r3)
    c = expConstant(6)
    let p0 = c
    let p1 = c
    let p2 = c
    let p3 = c
    c = expConstant(7)
    p0 = f32x4.add(f32x4.mul(p0, r0), c)
    p1 = f32x4.add(f32x4.mul(p1, r1), c)
    p2 = f32x4.add(f32x4.mul(p2, r2), c)
    p3 = f32x4.add(f32x4.mul(p3, r3), c)
    c = expConstant(8)
    p0 = f32x4.add(f32x4.mul(p0, r0), c)
    p1 = f32x4.add(f32x4.mul(p1, r1), c)
    p2 = f32x4.add(f32x4.mul(p2, r2), c)
    p3 = f32x4.add(f32x4.mul(p3, r3), c)
    c = expConstant(9)
    p0 = f32x4.add(f32x4.mul(p0, r0), c)
    p1 = f32x4.add(f32x4.mul(p1, r1), c)
    p2 = f32x4.add(f32x4.mul(p2, r2), c)
    p3 = f32x4.add(f32x4.mul(p3, r3), c)
    c = expConstant(10)
    p0 = f32x4.add(f32x4.mul(p0, r0), c)
    p1 = f32x4.add(f32x4.mul(p1, r1), c)
    p2 = f32x4.add(f32x4.mul(p2, r2), c)
    p3 = f32x4.add(f32x4.mul(p3, r3), c)
    c = expConstant(11)
    p0 = f32x4.add(f32x4.mul(p0, r0), c)
    p1 = f32x4.add(f32x4.mul(p1, r1), c)
    p2 = f32x4.add(f32x4.mul(p2, r2), c)
    p3 = f32x4.add(f32x4.mul(p3, r3), c)
    const one = expConstant(12)
    p0 = f32x4.add(f32x4.add(f32x4.mul(p0, f32x4.mul(r0, r0)), r0), one)
    p1 = f32x4.add(f32x4.add(f32x4.mul(p1, f32x4.mul(r1, r1)), r1), one)
    p2 = f32x4.add(f32x4.add(f32x4.mul(p2, f32x4.mul(r2, r2)), r2), one)
    p3 = f32x4.add(f32x4.add(f32x4.mul(p3, f32x4.mul(r3, r3)), r3), one)
    p0 = f32x4.mul(p0, i32x4.add(i32x4.shl(s0, 23), one))
    p1 = f32x4.mul(p1, i32x4.add(i32x4.shl(s1, 23), one))
    p2 = f32x4.mul(p2, i32x4.add(i32x4.shl(s2, 23), one))
    p3 = f32x4.mul(p3, i32x4.add(i32x4.shl(s3, 23), one))
    if (write) {
      p0 = v128.andnot(p0, f32x4.lt(d0, low))
      p1 = v128.andnot(p1, f32x4.lt(d1, low))
      p2 = v128.andnot(p2, f32x4.lt(d2, low))
      p3 = v128.andnot(p3, f32x4.lt(d3, low))
      v128.store(y + at, p0)
      v128.store(y + at, p1, 16)
      v128.store(y + at, p2, 32)
      v128.store(y + at, p3, 48)
    }
    a = f32x4.add(f32x4.add(f32x4.add(f32x4.add(a, p0), p1), p2), p3)
  }
  for (; i + 4 <= n; i += 4) {
    const e = exp(f32x4.sub(v128.load(x + (<usize>i << 2)), t))
    if (write) v128.store(y + (<usize>i << 2), e)
    a = f32x4.add(a, e)
  }
  let s = sumLanes(a)
  for (; i < n; i++) {
    const e = f32x4.extract_lane(exp(f32x4.splat(load<f32>(x + (<usize>i << 2)) - top)), 0)
    if (write) store<f32>(y + (<usize>i << 2), e)
    s += e
  }
  return s
}

// @ts-ignore: decorator
@inline
export function scaleRow(y: usize, n: i32, by: f32): void {
  const s = f32x4.splat(by)
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(y + (<usize>i << 2), f32x4.mul(v128.load(y + (<usize>i << 2)), s))
  for (; i < n; i++) store<f32>(y + (<usize>i << 2), load<f32>(y + (<usize>i << 2)) * by)
}

export function softmaxRows(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32): void {
  for (let r = start; r < end; r++) {
    const row = <usize>r * <usize>n << 2
    const s = expSum(x + row, y + row, n, rowMax(x + row, n))
    scaleRow(y + row, n, 1 / s)
  }
}

export function softmaxGradientRows(start: i32, end: i32, thread: i32, y: usize, g: usize, dx: usize, n: i32): void {
  for (let r = start; r < end; r++) {
    const row = <usize>r * <usize>n << 2
    let sum4 = f32x4.splat(0)
    let sum: f32 = 0
    let k = 0
    for (; k + 4 <= n; k += 4) {
      const at = row + (<usize>k << 2)
      sum4 = f32x4.add(sum4, f32x4.mul(v128.load(y + at), v128.load(g + at)))
    }
    for (; k < n; k++) {
      const at = row + (<usize>k << 2)
      sum += load<f32>(y + at) * load<f32>(g + at)
    }
    sum += f32x4.extract_lane(sum4, 0) + f32x4.extract_lane(sum4, 1) + f32x4.extract_lane(sum4, 2) + f32x4.extract_lane(sum4, 3)
    const all = f32x4.splat(sum)
    for (k = 0; k + 4 <= n; k += 4) {
      const at = row + (<usize>k << 2)
      v128.store(dx + at, f32x4.mul(v128.load(y + at), f32x4.sub(v128.load(g + at), all)))
    }
    for (; k < n; k++) {
      const at = row + (<usize>k << 2)
      store<f32>(dx + at, load<f32>(y + at) * (load<f32>(g + at) - sum))
    }
  }
}

export function logSumExpRows(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32): void {
  for (let r = start; r < end; r++) {
    store<f32>(y + (<usize>r << 2), rowLogSumExp(x + (<usize>r * <usize>n << 2), n))
  }
}

// Without a z-loss an infinite l must not become NaN, so 0 * l is not computed.
// @ts-ignore: decorator
@inline
function rowLoss(target: i32, l: f32, picked: f32, z: f32): f32 {
  if (target < 0) return 0
  return z == 0 ? l - picked : l - picked + z * l * l
}

// @ts-ignore: decorator
@inline
function gradientWeight(g: f32, l: f32, z: f32): f32 {
  return z == 0 ? g : g * (1 + 2 * z * l)
}

export function crossEntropyRows(start: i32, end: i32, thread: i32, x: usize, targets: usize, loss: usize, lse: usize, n: i32, z: f32): void {
  for (let r = start; r < end; r++) {
    const row = x + (<usize>r * <usize>n << 2)
    const t = load<i32>(targets + (<usize>r << 2))
    // A target outside the vocabulary is an error of the caller: the loss and its gradient are NaN.
    const l: f32 = t < n ? rowLogSumExp(row, n) : NaN
    store<f32>(lse + (<usize>r << 2), l)
    const picked: f32 = t >= 0 && t < n ? load<f32>(row + (<usize>t << 2)) : 0
    store<f32>(loss + (<usize>r << 2), rowLoss(t, l, picked, z))
  }
}

/**
 * Loss, log-sum-exp and gradient of the logits of rows, each exponential computed once: dx may be x. `g` has the
 * gradient of each row's loss.
 */
export function crossEntropyGradientRows(start: i32, end: i32, thread: i32, x: usize, targets: usize, g: usize, dx: usize, loss: usize, lse: usize, n: i32, z: f32): void {
  for (let r = start; r < end; r++) {
    const at = <usize>r << 2
    const row = x + at * <usize>n
    const out = dx + at * <usize>n
    const t = load<i32>(targets + at)
    const picked: f32 = t >= 0 && t < n ? load<f32>(row + (<usize>t << 2)) : 0
    const live: f32 = t < 0 ? 0 : load<f32>(g + at)
    const top = rowMax(row, n)
    // A target outside the vocabulary is an error of the caller: every result is NaN.
    let l: f32 = t < n ? top : NaN
    if (abs(l) == Infinity) l = rowMaxOrNan(row, n)
    if (abs(l) < Infinity) {
      const s = expSum(row, out, n, top)
      l = top + log1(s)
      scaleRow(out, n, gradientWeight(live, l, z) / s)
    } else {
      // exp(x - l) is 0 where l is Infinity and x is not, else NaN.
      const weight = gradientWeight(live, l, z)
      for (let i = 0; i < n; i++) {
        const y: f32 = load<f32>(row + (<usize>i << 2)) - l
        store<f32>(out + (<usize>i << 2), (y == -Infinity ? 0 : <f32>NaN) * weight)
      }
    }
    if (t >= 0 && t < n) store<f32>(out + (<usize>t << 2), load<f32>(out + (<usize>t << 2)) - live)
    store<f32>(lse + at, l)
    store<f32>(loss + at, rowLoss(t, l, picked, z))
  }
}

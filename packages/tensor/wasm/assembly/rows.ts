// Kernels over rows of n floats, and over the columns of [outer, n, inner].
import { loadFour, loadOne } from './pack'
import { exp, expConstant, log1, maxLanes, sumLanes } from './math'

/** The sum of a row, or of its squares. Several partial sums keep the additions independent; their order is fixed. */
// @ts-ignore: decorator
@inline
function rowSum(x: usize, type: i32, n: i32, squares: bool): f32 {
  const shift: usize = type == 0 ? 2 : type >= 3 ? 0 : 1
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let i = 0
  for (; i + 8 <= n; i += 8) {
    const at = x + (<usize>i << shift)
    let u = loadFour(at, type)
    let v = loadFour(at + (<usize>4 << shift), type)
    if (squares) {
      u = f32x4.mul(u, u)
      v = f32x4.mul(v, v)
    }
    a = f32x4.add(a, u)
    b = f32x4.add(b, v)
  }
  let s = sumLanes(f32x4.add(a, b))
  for (; i < n; i++) {
    const v = loadOne(x + (<usize>i << shift), type)
    s += squares ? v * v : v
  }
  return s
}

// @ts-ignore: decorator
@inline
function rowMax(x: usize, n: i32): f32 {
  let m = load<f32>(x)
  let i = 0
  if (n >= 4) {
    let a = v128.load(x)
    for (i = 4; i + 4 <= n; i += 4) a = f32x4.pmax(a, v128.load(x + (<usize>i << 2)))
    m = maxLanes(a)
  }
  for (; i < n; i++) m = max(m, load<f32>(x + (<usize>i << 2)))
  return m
}

/** The largest element, or NaN if one is NaN: pmax may drop it. */
// @ts-ignore: decorator
@inline
function rowMaxOrNan(x: usize, n: i32): f32 {
  let m = load<f32>(x)
  let i = 0
  if (n >= 4) {
    let a = v128.load(x)
    let nan = f32x4.ne(a, a)
    for (i = 4; i + 4 <= n; i += 4) {
      const v = v128.load(x + (<usize>i << 2))
      a = f32x4.pmax(a, v)
      nan = v128.or(nan, f32x4.ne(v, v))
    }
    m = v128.any_true(nan) ? NaN : maxLanes(a)
  }
  for (; i < n; i++) m = max(m, load<f32>(x + (<usize>i << 2)))
  return m
}

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

export function sumRows(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32): void {
  for (let r = start; r < end; r++) store<f32>(y + (<usize>r << 2), rowSum(x + (<usize>r * <usize>n << 2), 0, n, false))
}

/** The sums of rows' squares: what `square` and `sumRows` give, without the squares in memory. */
export function sumSquaresRows(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32): void {
  for (let r = start; r < end; r++) store<f32>(y + (<usize>r << 2), rowSum(x + (<usize>r * <usize>n << 2), 0, n, true))
}

/** Sums of rows of a narrow type (see `loadFour`). */
export function sumNarrowRows(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32, type: i32): void {
  const shift: usize = type >= 3 ? 0 : 1
  for (let r = start; r < end; r++) store<f32>(y + (<usize>r << 2), rowSum(x + (<usize>r * <usize>n << shift), type, n, false))
}

export function maxRows(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32): void {
  for (let r = start; r < end; r++) store<f32>(y + (<usize>r << 2), rowMaxOrNan(x + (<usize>r * <usize>n << 2), n))
}

/**
 * Task t covers columns [32 (t % blocks), ...) of outer index t / blocks. All of them are summed on one way over n, so
 * that a cache line is read once.
 */
export function sumColumns(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32, inner: i32, blocks: i32): void {
  const line = <usize>inner << 2
  for (let t = start; t < end; t++) {
    const o = t / blocks
    const from = (t - o * blocks) << 5
    const to = min(inner, from + 32)
    const src = x + (<usize>o * <usize>n * <usize>inner << 2)
    const dst = y + (<usize>o * <usize>inner << 2)
    let i = from
    if (to - from == 32) {
      let a0 = f32x4.splat(0)
      let a1 = a0
      let a2 = a0
      let a3 = a0
      let a4 = a0
      let a5 = a0
      let a6 = a0
      let a7 = a0
      let p = src + (<usize>i << 2)
      for (let k = 0; k < n; k++) {
        a0 = f32x4.add(a0, v128.load(p))
        a1 = f32x4.add(a1, v128.load(p, 16))
        a2 = f32x4.add(a2, v128.load(p, 32))
        a3 = f32x4.add(a3, v128.load(p, 48))
        a4 = f32x4.add(a4, v128.load(p, 64))
        a5 = f32x4.add(a5, v128.load(p, 80))
        a6 = f32x4.add(a6, v128.load(p, 96))
        a7 = f32x4.add(a7, v128.load(p, 112))
        p += line
      }
      const q = dst + (<usize>i << 2)
      v128.store(q, a0)
      v128.store(q, a1, 16)
      v128.store(q, a2, 32)
      v128.store(q, a3, 48)
      v128.store(q, a4, 64)
      v128.store(q, a5, 80)
      v128.store(q, a6, 96)
      v128.store(q, a7, 112)
      continue
    }
    for (; i + 4 <= to; i += 4) {
      let a = f32x4.splat(0)
      let p = src + (<usize>i << 2)
      for (let k = 0; k < n; k++) {
        a = f32x4.add(a, v128.load(p))
        p += line
      }
      v128.store(dst + (<usize>i << 2), a)
    }
    for (; i < to; i++) {
      let a: f32 = 0
      for (let k = 0; k < n; k++) a += load<f32>(src + ((<usize>k * <usize>inner + <usize>i) << 2))
      store<f32>(dst + (<usize>i << 2), a)
    }
  }
}

export function maxColumns(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32, inner: i32, blocks: i32): void {
  for (let t = start; t < end; t++) {
    const o = t / blocks
    const from = (t - o * blocks) << 5
    const to = min(inner, from + 32)
    const src = x + (<usize>o * <usize>n * <usize>inner << 2)
    for (let i = from; i < to; i++) {
      let a = load<f32>(src + (<usize>i << 2))
      for (let k = 1; k < n; k++) a = max(a, load<f32>(src + ((<usize>k * <usize>inner + <usize>i) << 2)))
      store<f32>(y + ((<usize>o * <usize>inner + <usize>i) << 2), a)
    }
  }
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

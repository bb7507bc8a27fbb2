// Kernels over rows of n floats, and over the columns of [outer, n, inner].
import { loadFour, loadOne } from './pack'
import { maxLanes, sumLanes } from './math'

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

/** The largest element. Four maxima at a time do not wait for each other. */
// @ts-ignore: decorator
@inline
export function rowMax(x: usize, n: i32): f32 {
  let m = load<f32>(x)
  let i = 0
  if (n >= 4) {
    let a = v128.load(x)
    let b = a
    let c = a
    let d = a
    for (i = 4; i + 16 <= n; i += 16) {
      const at = x + (<usize>i << 2)
      a = f32x4.pmax(a, v128.load(at))
      b = f32x4.pmax(b, v128.load(at, 16))
      c = f32x4.pmax(c, v128.load(at, 32))
      d = f32x4.pmax(d, v128.load(at, 48))
    }
    a = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d))
    for (; i + 4 <= n; i += 4) a = f32x4.pmax(a, v128.load(x + (<usize>i << 2)))
    m = maxLanes(a)
  }
  for (; i < n; i++) m = max(m, load<f32>(x + (<usize>i << 2)))
  return m
}

/** The largest element, or NaN if one is NaN: pmax may drop it. */
// @ts-ignore: decorator
@inline
export function rowMaxOrNan(x: usize, n: i32): f32 {
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

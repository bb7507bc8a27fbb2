// Kernels over rows of n floats, and over the columns of [outer, n, inner].
import { loadFour, loadOne } from './pack'
import { exp1, exp4, log1, maxLanes, sumLanes } from './math'

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

/** log of the sum of exp over a row. An infinite maximum is not subtracted: a row of -Infinity gives -Infinity. */
// @ts-ignore: decorator
@inline
function rowLogSumExp(x: usize, n: i32): f32 {
  const largest = rowMax(x, n)
  const top: f32 = abs(largest) == Infinity ? 0 : largest
  return top + log1(expSum(x, 0, n, top))
}

/** Writes exp(x - top) to y, unless y is 0, and returns the sum. */
export function expSum(x: usize, y: usize, n: i32, top: f32): f32 {
  const t = f32x4.splat(top)
  let a = f32x4.splat(0)
  let i = 0
  for (; i + 8 <= n; i += 8) {
    const e = exp4(f32x4.sub(v128.load(x + (<usize>i << 2)), t))
    const g = exp4(f32x4.sub(v128.load(x + (<usize>i << 2), 16), t))
    if (y) {
      v128.store(y + (<usize>i << 2), e)
      v128.store(y + (<usize>i << 2), g, 16)
    }
    a = f32x4.add(f32x4.add(a, e), g)
  }
  for (; i + 4 <= n; i += 4) {
    const e = exp4(f32x4.sub(v128.load(x + (<usize>i << 2)), t))
    if (y) v128.store(y + (<usize>i << 2), e)
    a = f32x4.add(a, e)
  }
  let s = sumLanes(a)
  for (; i < n; i++) {
    const e = exp1(load<f32>(x + (<usize>i << 2)) - top)
    if (y) store<f32>(y + (<usize>i << 2), e)
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

/** Task t covers columns [32 (t % blocks), ...) of outer index t / blocks. */
export function sumColumns(start: i32, end: i32, thread: i32, x: usize, y: usize, n: i32, inner: i32, blocks: i32): void {
  for (let t = start; t < end; t++) {
    const o = t / blocks
    const from = (t - o * blocks) << 5
    const to = min(inner, from + 32)
    const src = x + (<usize>o * <usize>n * <usize>inner << 2)
    const dst = y + (<usize>o * <usize>inner << 2)
    let i = from
    for (; i + 4 <= to; i += 4) {
      let a = f32x4.splat(0)
      let p = src + (<usize>i << 2)
      for (let k = 0; k < n; k++) {
        a = f32x4.add(a, v128.load(p))
        p += <usize>inner << 2
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

export function crossEntropyRows(start: i32, end: i32, thread: i32, x: usize, targets: usize, loss: usize, lse: usize, n: i32, z: f32): void {
  for (let r = start; r < end; r++) {
    const row = x + (<usize>r * <usize>n << 2)
    const t = load<i32>(targets + (<usize>r << 2))
    // A target outside the vocabulary is an error of the caller: the loss and its gradient are NaN.
    const l: f32 = t < n ? rowLogSumExp(row, n) : NaN
    store<f32>(lse + (<usize>r << 2), l)
    const picked: f32 = t >= 0 && t < n ? load<f32>(row + (<usize>t << 2)) : 0
    store<f32>(loss + (<usize>r << 2), t < 0 ? 0 : l - picked + z * l * l)
  }
}

export function rmsNormRows(start: i32, end: i32, thread: i32, x: usize, weight: usize, y: usize, scale: usize, n: i32, epsilon: f32): void {
  for (let r = start; r < end; r++) {
    const row = <usize>r * <usize>n << 2
    let a = f32x4.splat(0)
    let i = 0
    for (; i + 4 <= n; i += 4) {
      const v = v128.load(x + row + (<usize>i << 2))
      a = f32x4.add(a, f32x4.mul(v, v))
    }
    let s = sumLanes(a)
    for (; i < n; i++) {
      const v = load<f32>(x + row + (<usize>i << 2))
      s += v * v
    }
    const f: f32 = 1 / Mathf.sqrt(s / <f32>n + epsilon)
    store<f32>(scale + (<usize>r << 2), f)
    const f4 = f32x4.splat(f)
    for (i = 0; i + 4 <= n; i += 4) {
      const at = <usize>i << 2
      v128.store(y + row + at, f32x4.mul(f32x4.mul(v128.load(x + row + at), f4), v128.load(weight + at)))
    }
    for (; i < n; i++) {
      const at = <usize>i << 2
      store<f32>(y + row + at, load<f32>(x + row + at) * f * load<f32>(weight + at))
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

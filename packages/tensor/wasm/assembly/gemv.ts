// One row times a matrix whose columns are contiguous, as when one token is decoded: reading the matrix takes most of
// the time.
//
// The format of the matrix is a type parameter, f32 or u16 (the codes of bfloat16), not a number: Binaryen merges the
// equal arms of a branch on a number into one loop that tests it at every load (9 GB/s on one core instead of 25).

import { KC } from './gemm'
import { packColumns } from './pack'
import { multiplyAdd } from './tile'

/** Columns at a time. */
const width: i32 = 8

/** Four adjacent elements as float32. */
// @ts-ignore: decorator
@inline
function four<T>(at: usize): v128 {
  return sizeof<T>() == 4 ? v128.load(at) : i32x4.shl(v128.load_ext<u16>(at), 16)
}

/** Four columns from `at` on times four values of A, in the order of `tile`. */
// @ts-ignore: decorator
@inline
function fourSteps<T>(sum: v128, at: usize, line: usize, x0: v128, x1: v128, x2: v128, x3: v128): v128 {
  const r0 = four<T>(at)
  const r1 = four<T>(at + line)
  const r2 = four<T>(at + 2 * line)
  const r3 = four<T>(at + 3 * line)
  const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5)
  const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7)
  const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5)
  const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7)
  sum = multiplyAdd(x0, i64x2.shuffle(low01, low23, 0, 2), sum)
  sum = multiplyAdd(x1, i64x2.shuffle(low01, low23, 1, 3), sum)
  sum = multiplyAdd(x2, i64x2.shuffle(high01, high23, 0, 2), sum)
  return multiplyAdd(x3, i64x2.shuffle(high01, high23, 1, 3), sum)
}

/** Eight columns, each summed as in `gemmPacked`: over K in order, in blocks of KC. */
// @ts-ignore: decorator
@inline
function eightColumns<T>(a: usize, b: usize, line: usize, k: i32, c: usize): void {
  const right = line << 2
  let low = f32x4.splat(-0.0) // -0 + x is x, bit for bit
  let high = low
  let p = 0
  do {
    const end = min(k, p + KC)
    let left4 = f32x4.splat(0)
    let right4 = f32x4.splat(0)
    for (; p < end; p += 4) {
      const x0 = v128.load32_splat(a)
      const x1 = v128.load32_splat(a, 4)
      const x2 = v128.load32_splat(a, 8)
      const x3 = v128.load32_splat(a, 12)
      left4 = fourSteps<T>(left4, b, line, x0, x1, x2, x3)
      right4 = fourSteps<T>(right4, b + right, line, x0, x1, x2, x3)
      a += 16
      b += 4 * sizeof<T>()
    }
    low = f32x4.add(low, left4)
    high = f32x4.add(high, right4)
  } while (p < k)
  v128.store(c, low)
  v128.store(c, high, 16)
}

/** A row of `k` elements, `step` apart, as adjacent float32: where it is, or its copy in `scratch`. */
function rowOf(from: usize, type: i32, k: i32, step: i32, scratch: usize): usize {
  if (type == 0 && step == 1) return from
  const size: usize = type == 0 ? 4 : 2
  for (let p = 0; p < k; p++) {
    const at = from + <usize>(p * step) * size
    store<u32>(scratch + (<usize>p << 2), type == 0 ? load<u32>(at) : <u32>load<u16>(at) << 16)
  }
  return scratch
}

/**
 * Panels [start, end) of 8 columns of C = A B over all batches; A has one row, B contiguous columns, both are float32
 * or bfloat16; n is 8 or more, k a multiple of 4.
 * The last panel of a matrix ends with it: columns that two panels share are computed twice, to the same bits.
 */
export function gemvColumns(
  start: i32, end: i32, thread: i32,
  a: usize, aType: i32, b: usize, type: i32, c: usize, n: i32, k: i32,
  aBatch: i32, aColumn: i32, bBatch: i32, bColumn: i32, scratch: usize,
): void {
  const panels = (n + width - 1) / width
  const aSize: usize = aType == 0 ? 4 : 2
  const size: usize = type == 0 ? 4 : 2
  const line = <usize>bColumn * size
  let read = -1
  let row: usize = 0
  for (let t = start; t < end; t++) {
    const z = t / panels
    const column = min((t - z * panels) * width, n - width)
    if (z != read) {
      read = z
      row = rowOf(a + <usize>(z * aBatch) * aSize, aType, k, aColumn, scratch)
    }
    const from = b + <usize>(z * bBatch + column * bColumn) * size
    const to = c + (<usize>(z * n + column) << 2)
    // Each format adds a copy of the loop to the module that pages download, so only the two that weights are stored in
    // have one.
    if (type == 0) eightColumns<f32>(row, from, line, k, to)
    else eightColumns<u16>(row, from, line, k, to)
  }
}

/** The first four and the last four of eight codes of bfloat16, as float32: codes are the upper halves of the lanes. */
// @ts-ignore: decorator
@inline
function lower(codes: v128): v128 {
  return i16x8.shuffle(f32x4.splat(0), codes, 0, 8, 1, 9, 2, 10, 3, 11)
}
// @ts-ignore: decorator
@inline
function upper(codes: v128): v128 {
  return i16x8.shuffle(f32x4.splat(0), codes, 4, 12, 5, 13, 6, 14, 7, 15)
}

/**
 * Two panels, each summed as in `eightColumns`: the first at `b`, its columns at `c`, the other `apart` and `columns`
 * bytes on. The four sums do not wait for each other. Not inlined, so that the module holds it once for a format.
 */
function twoPanels<T>(a: usize, b: usize, apart: usize, k: i32, c: usize, columns: usize): void {
  let d = b + apart
  let t0 = f32x4.splat(-0.0)
  let t1 = t0
  let t2 = t0
  let t3 = t0
  const last = a + (<usize>k << 2)
  do {
    const end = min(last, a + (KC << 2))
    let c0 = f32x4.splat(0)
    let c1 = f32x4.splat(0)
    let c2 = f32x4.splat(0)
    let c3 = f32x4.splat(0)
    do {
      const x0 = v128.load32_splat(a)
      if (sizeof<T>() == 4) {
        c0 = multiplyAdd(x0, v128.load(b), c0)
        c1 = multiplyAdd(x0, v128.load(b, 16), c1)
        c2 = multiplyAdd(x0, v128.load(d), c2)
        c3 = multiplyAdd(x0, v128.load(d, 16), c3)
      } else {
        const l0 = v128.load(b)
        const r0 = v128.load(d)
        c0 = multiplyAdd(x0, lower(l0), c0)
        c1 = multiplyAdd(x0, upper(l0), c1)
        c2 = multiplyAdd(x0, lower(r0), c2)
        c3 = multiplyAdd(x0, upper(r0), c3)
      }
      const x1 = v128.load32_splat(a, 4)
      if (sizeof<T>() == 4) {
        c0 = multiplyAdd(x1, v128.load(b, 32), c0)
        c1 = multiplyAdd(x1, v128.load(b, 48), c1)
        c2 = multiplyAdd(x1, v128.load(d, 32), c2)
        c3 = multiplyAdd(x1, v128.load(d, 48), c3)
      } else {
        const l1 = v128.load(b, 16)
        const r1 = v128.load(d, 16)
        c0 = multiplyAdd(x1, lower(l1), c0)
        c1 = multiplyAdd(x1, upper(l1), c1)
        c2 = multiplyAdd(x1, lower(r1), c2)
        c3 = multiplyAdd(x1, upper(r1), c3)
      }
      a += 8
      b += 16 * sizeof<T>()
      d += 16 * sizeof<T>()
    } while (a != end)
    t0 = f32x4.add(t0, c0)
    t1 = f32x4.add(t1, c1)
    t2 = f32x4.add(t2, c2)
    t3 = f32x4.add(t3, c3)
  } while (a != last)
  v128.store(c, t0)
  v128.store(c, t1, 16)
  v128.store(c + columns, t2)
  v128.store(c + columns, t3, 16)
}

/** Eight sums, added to those of the blocks of K before, if there are any. */
// @ts-ignore: decorator
@inline
function put(c: usize, low: v128, high: v128, more: bool): void {
  v128.store(c, more ? f32x4.add(v128.load(c), low) : low)
  v128.store(c, more ? f32x4.add(v128.load(c, 16), high) : high, 16)
}

/**
 * Four panels of codes of bfloat16. An addition waits for the column's last one; eight vectors of sums, of which each
 * load of codes fills two, take long enough to add to that none waits.
 */
function fourPanels(a: usize, b: usize, apart: usize, k: i32, c: usize, columns: usize): void {
  let d = b + apart
  let e = d + apart
  let f = e + apart
  const first = a
  const last = a + (<usize>k << 2)
  do {
    const more = a != first
    const end = min(last, a + (KC << 2))
    let c0 = f32x4.splat(0)
    let c1 = c0
    let c2 = c0
    let c3 = c0
    let c4 = c0
    let c5 = c0
    let c6 = c0
    let c7 = c0
    do {
      const x = v128.load32_splat(a)
      const bs = v128.load(b)
      c0 = multiplyAdd(x, lower(bs), c0)
      c1 = multiplyAdd(x, upper(bs), c1)
      const ds = v128.load(d)
      c2 = multiplyAdd(x, lower(ds), c2)
      c3 = multiplyAdd(x, upper(ds), c3)
      const es = v128.load(e)
      c4 = multiplyAdd(x, lower(es), c4)
      c5 = multiplyAdd(x, upper(es), c5)
      const fs = v128.load(f)
      c6 = multiplyAdd(x, lower(fs), c6)
      c7 = multiplyAdd(x, upper(fs), c7)
      a += 4
      b += 16
      d += 16
      e += 16
      f += 16
    } while (a != end)
    put(c, c0, c1, more)
    put(c + columns, c2, c3, more)
    put(c + 2 * columns, c4, c5, more)
    put(c + 3 * columns, c6, c7, more)
  } while (a != last)
}

/**
 * Panels [start, end) of the n columns of C = A B for an A of one row and a B in panels of eight columns (see
 * `interleaveRows`), float32 or bfloat16; k is a multiple of 4. Memory is read in order and needs no transposing.
 * The first `panels` groups of eight rows of the transpose of B are in panels, those that may follow, fewer than eight,
 * are not.
 * `scratch` holds 9 k + 8 floats.
 *
 * A range is cut into two or four streams, each of which goes on where its panel ends, so that the processor, which
 * fetches ahead along a stream, need not find new ones at every panel.
 */
export function gemvPanels(
  start: i32, end: i32, thread: i32,
  a: usize, aType: i32, b: usize, type: i32, c: usize, n: i32, k: i32, panels: i32, aColumn: i32, scratch: usize,
): void {
  const row = rowOf(a, aType, k, aColumn, scratch)
  const panel = <usize>k << (type == 0 ? 5 : 4)
  // The last panel may have columns that are not C's.
  if (end << 3 > n) {
    end--
    const from = b + <usize>end * panel
    const last = scratch + (<usize>k << 2)
    if (end == panels) {
      packColumns(from, type, n & 7, k, k, 1, last + 32)
      twoPanels<f32>(row, last + 32, 0, k, last, 0)
    } else if (type == 0) twoPanels<f32>(row, from, 0, k, last, 0)
    else twoPanels<u16>(row, from, 0, k, last, 0)
    memory.copy(c + (<usize>end << 5), last, <usize>(n & 7) << 2)
  }
  let from = b + <usize>start * panel
  let to = c + (<usize>start << 5)
  const count = end - start
  if (type == 0) {
    const half = count >> 1
    for (let t = 0; t < half; t++) {
      twoPanels<f32>(row, from, <usize>half * panel, k, to, <usize>half << 5)
      from += panel
      to += 32
    }
    from += <usize>half * panel
    to += <usize>half << 5
    if (count & 1) twoPanels<f32>(row, from, 0, k, to, 0)
    return
  }
  const quarter = count >> 2
  const apart = <usize>quarter * panel
  const columns = <usize>quarter << 5
  for (let t = 0; t < quarter; t++) {
    fourPanels(row, from, apart, k, to, columns)
    from += panel
    to += 32
  }
  from += 3 * apart
  to += 3 * columns
  if (count & 2) {
    twoPanels<u16>(row, from, panel, k, to, 32)
    from += 2 * panel
    to += 64
  }
  if (count & 1) twoPanels<u16>(row, from, 0, k, to, 0)
}

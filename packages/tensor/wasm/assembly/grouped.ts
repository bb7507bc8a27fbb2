// Grouped products: each group of rows is multiplied by a matrix of its own (mixture of experts). A task is one group
// and up to NC columns of its result: B is packed into panels, KC steps at a time, and multiplied with the rows in
// micro-tiles of 4 x 8. Tasks do not depend on each other, and every element is summed over K in order, so that the
// number of threads changes no bit.

import { KC } from './gemm'
import { packColumns, packRows } from './pack'
import { tile } from './tile'

/** Columns of C per task. */
const NC: i32 = 64

// @ts-ignore: decorator
@inline
function sizeOf(type: i32): usize {
  return type == 0 ? 4 : type >= 3 ? 1 : 2
}

/** The first row of group e; for e = groups, the row after the last group. */
function startOf(sizes: usize, e: i32, rows: i32): i32 {
  let at = 0
  for (let i = 0; i < e; i++) at = min(rows, at + max(0, load<i32>(sizes + (<usize>i << 2))))
  return at
}

/** C = A B for m rows and n (at most NC) columns, k steps; strides in elements, C row-major with ldc elements a row. */
function product(
  a: usize, aType: i32, aRow: i32, aStep: i32,
  b: usize, bType: i32, bStep: i32, bColumn: i32,
  c: usize, ldc: i32, m: i32, n: i32, k: i32, scratch: usize,
): void {
  const panels = (n + 7) >> 3
  const packedA = scratch + (<usize>(KC * NC) << 2)
  const rowBytes = (<usize>ldc) << 2
  let p = 0
  do {
    const kc = min(KC, k - p)
    const panelBytes = (<usize>kc) << 5
    for (let j = 0; j < panels; j++) {
      const from = b + (<usize>p * <usize>bStep + <usize>((j << 3) * bColumn)) * sizeOf(bType)
      packColumns(from, bType, min(8, n - (j << 3)), kc, bColumn, bStep, scratch + <usize>j * panelBytes)
    }
    for (let row = 0; row < m; row += 4) {
      const lines = min(4, m - row)
      packRows(a + (<usize>row * <usize>aRow + <usize>p * <usize>aStep) * sizeOf(aType), aType, lines, kc, aRow, aStep, packedA)
      const out = c + <usize>row * rowBytes
      for (let j = 0; j < panels; j++)
        tile(packedA, scratch + <usize>j * panelBytes, kc, out + (<usize>j << 5), rowBytes, lines, min(8, n - (j << 3)), p > 0)
    }
    p += kc
  } while (p < k)
}

/**
 * out[r, :] = x[r, :] W[e] for the rows r of group e, zeros for rows past the last group. Tasks [start, end) of
 * (groups + 1) * ceil(m / NC), where group index `groups` stands for the rows that no group has.
 */
export function groupedRows(
  start: i32, end: i32, thread: i32,
  x: usize, xType: i32, w: usize, wType: i32, sizes: usize, out: usize,
  rows: i32, k: i32, m: i32, groups: i32, wStep: i32, wColumn: i32, scratch: usize,
): void {
  const blocks = (m + NC - 1) / NC
  for (let t = start; t < end; t++) {
    const e = t / blocks
    const column = (t - e * blocks) * NC
    const n = min(NC, m - column)
    const first = startOf(sizes, e, rows)
    const c = out + ((<usize>first * <usize>m + <usize>column) << 2)
    if (e == groups) {
      for (let r = first; r < rows; r++) memory.fill(c + ((<usize>(r - first) * <usize>m) << 2), 0, <usize>n << 2)
      continue
    }
    const count = min(rows - first, max(0, load<i32>(sizes + (<usize>e << 2))))
    if (count <= 0) continue
    const weights = w + (<usize>e * <usize>k * <usize>m + <usize>(column * wColumn)) * sizeOf(wType)
    product(x + <usize>first * <usize>k * sizeOf(xType), xType, k, 1, weights, wType, wStep, wColumn, c, m, count, n, k, scratch)
  }
}

/**
 * out[e] = X_e^T G_e over the rows of group e: x [rows, k], g [rows, m], out [groups, k, m]. Tasks [start, end) of
 * groups * ceil(m / NC).
 */
export function groupedOuter(
  start: i32, end: i32, thread: i32,
  x: usize, xType: i32, g: usize, gType: i32, sizes: usize, out: usize,
  rows: i32, k: i32, m: i32, scratch: usize,
): void {
  const blocks = (m + NC - 1) / NC
  for (let t = start; t < end; t++) {
    const e = t / blocks
    const column = (t - e * blocks) * NC
    const first = startOf(sizes, e, rows)
    const count = max(0, min(rows - first, load<i32>(sizes + (<usize>e << 2))))
    const c = out + ((<usize>e * <usize>k * <usize>m + <usize>column) << 2)
    product(
      x + <usize>first * <usize>k * sizeOf(xType), xType, 1, k,
      g + (<usize>first * <usize>m + <usize>column) * sizeOf(gType), gType, m, 1,
      c, m, k, min(NC, m - column), count, scratch,
    )
  }
}

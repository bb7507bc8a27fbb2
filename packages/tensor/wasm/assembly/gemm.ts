// C = A B in float32 by Goto's scheme.
//
// Packed A: tiles of 4 rows, k after k, 4 floats each.  Packed B: panels of 8 columns, k after k, 8 floats each.
// Rows and columns past the edge are packed as zeros; only real ones are stored. Every element of C is summed over k in
// order, in blocks of KC, so the result does not depend on how rows are shared among threads.

import { packColumns, packLines, packRows, packSixteenRows, scaleLines } from './pack'
import { tile, tileSix } from './tile'

export const KC: i32 = 512
/** Rows of A packed at a time. */
const MC: i32 = 64

/**
 * Rows [start * 4, end * 4) of C = A B over all batches, B packed by packB. `scales` 0: A has none. `six`: use 6 x 8
 * tiles where there are enough rows. C has cRow elements a row, n of which are computed. With `addend`, a matrix laid
 * out as C or C itself, the result is addend + A B.
 */
export function gemmPacked(
  start: i32, end: i32, thread: i32,
  a: usize, type: i32, packed: usize, c: usize,
  m: i32, n: i32, k: i32, batchStride: i32, rowStride: i32, columnStride: i32, scratch: usize,
  scales: usize, scaleType: i32, scaleBatch: i32, lineBlock: i32, lineStride: i32, stepBlock: i32, stepStride: i32, six: i32, cRow: i32, addend: usize,
): void {
  const tiles = (m + 3) >> 2
  const panels = (n + 7) >> 3
  const ldc = (<usize>cRow) << 2
  const size: usize = type == 0 ? 4 : type >= 3 ? 1 : 2
  let t = start
  while (t < end) {
    const z = t / tiles
    const first = t - z * tiles
    const count = min(min(end - t, tiles - first), MC >> 2)
    const row = first << 2
    const bz = packed + (<usize>(z * panels) * <usize>k << 5)
    const above = (<usize>z * <usize>m + <usize>row) * ldc
    const cz = c + above
    if (addend && addend != c) {
      const rows = min(count << 2, m - row)
      for (let i = 0; i < rows; i++) memory.copy(cz + <usize>i * ldc, addend + above + <usize>i * ldc, <usize>n << 2)
    }
    let p = 0
    do {
      const kc = min(KC, k - p)
      const accumulate = p > 0 || addend != 0
      for (let i = 0; i < count; i++) {
        const line = row + (i << 2)
        const lines = min(4, m - line)
        const packedTile = scratch + (<usize>(i * kc) << 4)
        const from = a + <usize>(z * batchStride + line * rowStride + p * columnStride) * size
        if (rowStride == 1 && (i | 3) < count && line + 16 - ((i & 3) << 2) <= m) {
          if ((i & 3) == 0) packSixteenRows(from, type, kc, columnStride, packedTile)
        } else packRows(from, type, lines, kc, rowStride, columnStride, packedTile)
        if (scales) {
          const own = scales + <usize>(z * scaleBatch) * (scaleType == 0 ? 4 : 2)
          scaleLines(packedTile, 4, lines, kc, own, scaleType, line, lineBlock, lineStride, p, stepBlock, stepStride)
        }
      }
      for (let j = 0; j < panels; j++) {
        const columns = min(8, n - (j << 3))
        const bp = bz + ((<usize>j * <usize>k + <usize>p) << 5)
        let i = 0
        if (isDefined(ASC_FEATURE_RELAXED_SIMD) && ASC_FEATURE_RELAXED_SIMD) {
          if (six && columns == 8) {
            for (; i + 3 <= count && row + (i << 2) + 12 <= m; i += 3) {
              const at = scratch + (<usize>(i * kc) << 4)
              const next = at + (<usize>kc << 4)
              const out = cz + <usize>(i << 2) * ldc + (<usize>j << 5)
              tileSix(at, next, bp, kc, out, out + 4 * ldc, ldc, accumulate)
              tileSix(next + (<usize>kc << 4), next + 8, bp, kc, out + 8 * ldc, out + 6 * ldc, ldc, accumulate)
            }
          }
        }
        for (; i < count; i++) {
          tile(scratch + (<usize>(i * kc) << 4), bp, kc, cz + <usize>(i << 2) * ldc + (<usize>j << 5), ldc, min(4, m - row - (i << 2)), columns, accumulate)
        }
      }
      p += kc
    } while (p < k)
    t += count
  }
}

/**
 * Panels [start, end) of C = A B over all batches, for an A of few rows: a panel of B is packed in cache and used at
 * once, so that B is read once and no packed copy of it is written to memory. Every element is summed as in
 * `gemmPacked`, so the number of rows changes no bit. A panel of eight columns begins at column * bPanel.
 */
export function gemmThin(
  start: i32, end: i32, thread: i32,
  a: usize, aType: i32, b: usize, type: i32, c: usize, m: i32, n: i32, k: i32,
  aBatch: i32, aRow: i32, aColumn: i32, bBatch: i32, bRow: i32, bColumn: i32, bPanel: i32, scratch: usize,
  aScales: usize, aScaleType: i32, aScaleBatch: i32, aLineBlock: i32, aLineStride: i32, aStepBlock: i32, aStepStride: i32,
  scales: usize, scaleType: i32, scaleBatch: i32, lineBlock: i32, lineStride: i32, stepBlock: i32, stepStride: i32,
): void {
  const panels = (n + 7) >> 3
  const tiles = (m + 3) >> 2
  const ldc = (<usize>n) << 2
  const aSize: usize = aType == 0 ? 4 : aType >= 3 ? 1 : 2
  const size: usize = type == 0 ? 4 : type >= 3 ? 1 : 2
  const panel = scratch + ((<usize>tiles * <usize>k) << 4)
  let packed = -1
  for (let t = start; t < end; t++) {
    const z = t / panels
    const column = (t - z * panels) << 3
    if (z != packed) {
      packed = z
      let p = 0
      do {
        const kc = min(KC, k - p)
        for (let i = 0; i < tiles; i++) {
          const line = i << 2
          const lines = min(4, m - line)
          const out = scratch + (((<usize>p * <usize>tiles) + <usize>(i * kc)) << 4)
          packRows(a + <usize>(z * aBatch + line * aRow + p * aColumn) * aSize, aType, lines, kc, aRow, aColumn, out)
          if (aScales) {
            const own = aScales + <usize>(z * aScaleBatch) * (aScaleType == 0 ? 4 : 2)
            scaleLines(out, 4, lines, kc, own, aScaleType, line, aLineBlock, aLineStride, p, aStepBlock, aStepStride)
          }
        }
        p += kc
      } while (p < k)
    }
    const columns = min(8, n - column)
    const cz = c + <usize>(z * m) * ldc + (<usize>column << 2)
    let p = 0
    do {
      const kc = min(KC, k - p)
      const from = b + <usize>(z * bBatch + column * bPanel + p * bRow) * size
      const row = scratch + ((<usize>p * <usize>tiles) << 4)
      packColumns(from, type, columns, kc, bColumn, bRow, panel)
      if (scales) {
        const own = scales + <usize>(z * scaleBatch) * (scaleType == 0 ? 4 : 2)
        scaleLines(panel, 8, columns, kc, own, scaleType, column, lineBlock, lineStride, p, stepBlock, stepStride)
      }
      for (let i = 0; i < tiles; i++)
        tile(row + (<usize>(i * kc) << 4), panel, kc, cz + <usize>(i << 2) * ldc, ldc, min(4, m - (i << 2)), columns, p > 0)
      p += kc
    } while (p < k)
  }
}

/** C (+)= A B for one float32 block on packed panels; `packedA` holds 4 * k floats a tile and is overwritten. */
export function blockGemm(a: usize, rowStride: i32, columnStride: i32, packedA: usize, packedB: usize, panelStride: usize, c: usize, ldc: usize, m: i32, n: i32, k: i32, accumulate: bool): void {
  for (let row = 0; row < m; row += 4) {
    const rows = min(4, m - row)
    packLines(a + (<usize>(row * rowStride) << 2), 0, rows, 4, k, rowStride, columnStride, packedA)
    let b = packedB
    for (let column = 0; column < n; column += 8) {
      tile(packedA, b, k, c + <usize>row * ldc + (<usize>column << 2), ldc, rows, min(8, n - column), accumulate)
      b += panelStride
    }
  }
}

// C = A B in float32 by Goto's scheme. Micro-tile: 4 rows x 8 columns in 8 vector registers, no unrolling over K (V8
// spills).
//
// Packed A: tiles of 4 rows, k after k, 4 floats each.  Packed B: panels of 8 columns, k after k, 8 floats each.
// Rows and columns past the edge are packed as zeros; only real ones are stored. Every element of C is summed over k in
// order, in blocks of KC, so the result does not depend on how rows are shared among threads.

import { decodeE4M3, decodeE5M2, decodeF16 } from './math'

export const KC: i32 = 512
/** Rows of A packed at a time. */
const MC: i32 = 64

/** Four adjacent elements of type 0 (float32), 1 (bfloat16), 2 (float16), 3 (E4M3) or 4 (E5M2) as float32. */
// @ts-ignore: decorator
@inline
export function loadFour(p: usize, type: i32): v128 {
  if (type == 0) return v128.load(p)
  if (type >= 3) {
    const bytes = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(p)))
    return type == 3 ? decodeE4M3(bytes) : decodeE5M2(bytes)
  }
  const codes = v128.load_ext<u16>(p)
  if (type == 1) return i32x4.shl(codes, 16)
  return decodeF16(codes)
}

// @ts-ignore: decorator
@inline
export function loadOne(p: usize, type: i32): f32 {
  if (type == 0) return load<f32>(p)
  if (type >= 3) {
    const byte = i32x4.splat(<u32>load<u8>(p))
    return f32x4.extract_lane(type == 3 ? decodeE4M3(byte) : decodeE5M2(byte), 0)
  }
  const code = <u32>load<u16>(p)
  if (type == 1) return reinterpret<f32>(code << 16)
  return f32x4.extract_lane(decodeF16(i32x4.splat(code)), 0)
}

/** Packs `width` (4 or 8) lines of K elements; line i starts at i * lineStride, its elements are step apart. */
// @ts-ignore: decorator
@inline
function packLines(src: usize, type: i32, lines: i32, width: i32, k: i32, lineStride: i32, step: i32, out: usize): void {
  const shift: usize = type == 0 ? 2 : type >= 3 ? 0 : 1
  if (lines == width && lineStride == 1) {
    // Lines are adjacent in memory: copy vectors.
    for (let p = 0; p < k; p++) {
      const at = src + ((<usize>(p * step)) << shift)
      v128.store(out, loadFour(at, type))
      if (width == 8) v128.store(out + 16, loadFour(at + (<usize>4 << shift), type))
      out += width << 2
    }
    return
  }
  if (step == 1 && lines == width) {
    // Each line is contiguous: transpose 4 x 4 blocks.
    const whole = k & ~3
    for (let i = 0; i < width; i += 4) {
      const s0 = src + ((<usize>(i * lineStride)) << shift)
      const s1 = s0 + ((<usize>lineStride) << shift)
      const s2 = s1 + ((<usize>lineStride) << shift)
      const s3 = s2 + ((<usize>lineStride) << shift)
      let o = out + (i << 2)
      let p = 0
      for (; p < whole; p += 4) {
        const d = (<usize>p) << shift
        const a = loadFour(s0 + d, type)
        const b = loadFour(s1 + d, type)
        const c = loadFour(s2 + d, type)
        const e = loadFour(s3 + d, type)
        const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5)
        const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7)
        const ce0 = i32x4.shuffle(c, e, 0, 4, 1, 5)
        const ce1 = i32x4.shuffle(c, e, 2, 6, 3, 7)
        v128.store(o, i64x2.shuffle(ab0, ce0, 0, 2))
        v128.store(o + (width << 2), i64x2.shuffle(ab0, ce0, 1, 3))
        v128.store(o + (width << 3), i64x2.shuffle(ab1, ce1, 0, 2))
        v128.store(o + 3 * (width << 2), i64x2.shuffle(ab1, ce1, 1, 3))
        o += width << 4
      }
      for (; p < k; p++) {
        const d = (<usize>p) << shift
        store<f32>(o, loadOne(s0 + d, type))
        store<f32>(o + 4, loadOne(s1 + d, type))
        store<f32>(o + 8, loadOne(s2 + d, type))
        store<f32>(o + 12, loadOne(s3 + d, type))
        o += width << 2
      }
    }
    return
  }
  for (let p = 0; p < k; p++) {
    for (let i = 0; i < width; i++) {
      const v: f32 = i < lines ? loadOne(src + ((<usize>(i * lineStride + p * step)) << shift), type) : 0
      store<f32>(out + (i << 2), v)
    }
    out += width << 2
  }
}

/** Packs four rows of A. Not inlined, like `packColumns`, so that the module holds the code once. */
export function packRows(src: usize, type: i32, lines: i32, k: i32, lineStride: i32, step: i32, out: usize): void {
  packLines(src, type, lines, 4, k, lineStride, step, out)
}

/** Packs sixteen rows of an A stored column by column into four tiles: a step of K reads one cache line. */
function packSixteenRows(src: usize, type: i32, k: i32, step: i32, out: usize): void {
  const shift: usize = type == 0 ? 2 : type >= 3 ? 0 : 1
  const tileBytes = <usize>k << 4
  for (let p = 0; p < k; p++) {
    let at = src + ((<usize>(p * step)) << shift)
    let to = out + ((<usize>p) << 4)
    for (let quarter = 0; quarter < 4; quarter++) {
      v128.store(to, loadFour(at, type))
      at += <usize>4 << shift
      to += tileBytes
    }
  }
}

/** Packs eight columns of B. */
export function packColumns(src: usize, type: i32, lines: i32, k: i32, lineStride: i32, step: i32, out: usize): void {
  packLines(src, type, lines, 8, k, lineStride, step, out)
}

/** A scale, of type 0 (float32) or 1 (bfloat16). */
// @ts-ignore: decorator
@inline
function scaleAt(scales: usize, type: i32, index: i32): f32 {
  return type == 0 ? load<f32>(scales + (<usize>index << 2)) : reinterpret<f32>(<u32>load<u16>(scales + (<usize>index << 1)) << 16)
}

/** Scales of four lines from `line` on, at one block of K. Lines past `last` get its scale. */
function fourScales(scales: usize, type: i32, line: i32, last: i32, lineBlock: i32, lineStride: i32): v128 {
  let v = f32x4.splat(scaleAt(scales, type, (min(line, last) / lineBlock) * lineStride))
  v = f32x4.replace_lane(v, 1, scaleAt(scales, type, (min(line + 1, last) / lineBlock) * lineStride))
  v = f32x4.replace_lane(v, 2, scaleAt(scales, type, (min(line + 2, last) / lineBlock) * lineStride))
  return f32x4.replace_lane(v, 3, scaleAt(scales, type, (min(line + 3, last) / lineBlock) * lineStride))
}

/**
 * Multiplies packed lines by the scales of their blocks: `lines` lines from `line` on, K from `step` to `step + k`. A
 * block has lineBlock lines and stepBlock steps of K; the scales of neighbouring blocks are lineStride and stepStride
 * apart.
 */
function scaleLines(
  packed: usize, width: i32, lines: i32, k: i32, scales: usize, type: i32,
  line: i32, lineBlock: i32, lineStride: i32, step: i32, stepBlock: i32, stepStride: i32,
): void {
  const shift: usize = type == 0 ? 2 : 1
  const last = line + lines - 1
  let p = 0
  while (p < k) {
    const block = (step + p) / stepBlock
    const end = min(k, (block + 1) * stepBlock - step)
    const from = scales + (<usize>(block * stepStride) << shift)
    const low = fourScales(from, type, line, last, lineBlock, lineStride)
    if (width == 4) {
      for (; p < end; p++) {
        v128.store(packed, f32x4.mul(v128.load(packed), low))
        packed += 16
      }
    } else {
      const high = fourScales(from, type, line + 4, last, lineBlock, lineStride)
      for (; p < end; p++) {
        v128.store(packed, f32x4.mul(v128.load(packed), low))
        v128.store(packed, f32x4.mul(v128.load(packed, 16), high), 16)
        packed += 32
      }
    }
  }
}

/** Packs K x 8 panels of B. Panel j of batch z is at (z * panels + j) * K * 8. `scales` 0: B has none. */
export function packB(
  start: i32, end: i32, thread: i32, b: usize, type: i32, out: usize, k: i32, n: i32, batchStride: i32, rowStride: i32, columnStride: i32,
  scales: usize, scaleType: i32, scaleBatch: i32, lineBlock: i32, lineStride: i32, stepBlock: i32, stepStride: i32,
): void {
  const panels = (n + 7) >> 3
  const size: usize = type == 0 ? 4 : type >= 3 ? 1 : 2
  for (let t = start; t < end; t++) {
    const z = t / panels
    const column = (t - z * panels) << 3
    const panel = out + (<usize>t * <usize>k << 5)
    packColumns(b + <usize>(z * batchStride + column * columnStride) * size, type, min(8, n - column), k, columnStride, rowStride, panel)
    if (scales) {
      const own = scales + <usize>(z * scaleBatch) * (scaleType == 0 ? 4 : 2)
      scaleLines(panel, 8, min(8, n - column), k, own, scaleType, column, lineBlock, lineStride, 0, stepBlock, stepStride)
    }
  }
}

/** a * b + c: one instruction, rounded once, where the module is built with relaxed SIMD. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (isDefined(ASC_FEATURE_RELAXED_SIMD) && ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c)
  return f32x4.add(c, f32x4.mul(a, b))
}

/** One 4 x 8 tile over kc steps, added to C or stored over it. */
// @ts-ignore: decorator
@inline
export function tile(a: usize, b: usize, kc: i32, c: usize, ldc: usize, rows: i32, columns: i32, accumulate: bool): void {
  let c00 = f32x4.splat(0)
  let c01 = f32x4.splat(0)
  let c10 = f32x4.splat(0)
  let c11 = f32x4.splat(0)
  let c20 = f32x4.splat(0)
  let c21 = f32x4.splat(0)
  let c30 = f32x4.splat(0)
  let c31 = f32x4.splat(0)
  // What limits the loop are the instructions around the arithmetic: it ends by its pointer and tests at its end. Of the orders of the
  // products V8 keeps the registers best with this one.
  if (kc > 0) {
    const end = a + (<usize>kc << 4)
    do {
      const b0 = v128.load(b)
      const b1 = v128.load(b, 16)
      const a0 = v128.load32_splat(a)
      const a1 = v128.load32_splat(a, 4)
      const a2 = v128.load32_splat(a, 8)
      const a3 = v128.load32_splat(a, 12)
      c00 = multiplyAdd(a0, b0, c00)
      c10 = multiplyAdd(a1, b0, c10)
      c20 = multiplyAdd(a2, b0, c20)
      c30 = multiplyAdd(a3, b0, c30)
      c01 = multiplyAdd(a0, b1, c01)
      c11 = multiplyAdd(a1, b1, c11)
      c21 = multiplyAdd(a2, b1, c21)
      c31 = multiplyAdd(a3, b1, c31)
      a += 16
      b += 32
    } while (a != end)
  }
  if (rows == 4 && columns == 8) {
    storeRow(c, c00, c01, accumulate)
    storeRow(c + ldc, c10, c11, accumulate)
    storeRow(c + 2 * ldc, c20, c21, accumulate)
    storeRow(c + 3 * ldc, c30, c31, accumulate)
    return
  }
  storeEdge(c, c00, c01, columns, accumulate)
  if (rows > 1) storeEdge(c + ldc, c10, c11, columns, accumulate)
  if (rows > 2) storeEdge(c + 2 * ldc, c20, c21, columns, accumulate)
  if (rows > 3) storeEdge(c + 3 * ldc, c30, c31, columns, accumulate)
}

/**
 * A 6 x 8 tile: four rows packed at `p`, which go to cp and the rows after it, and two at `q`, which go to cq. Three tiles of four rows are two
 * of these. 12 sums hide the latency of a fused multiply-add and use fewer loads for each; a product and a sum apart need a register more than
 * there are. The sums are those of `tile`, bit for bit.
 */
// @ts-ignore: decorator
@inline
function tileSix(p: usize, q: usize, b: usize, kc: i32, cp: usize, cq: usize, ldc: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0)
  let c01 = f32x4.splat(0)
  let c10 = f32x4.splat(0)
  let c11 = f32x4.splat(0)
  let c20 = f32x4.splat(0)
  let c21 = f32x4.splat(0)
  let c30 = f32x4.splat(0)
  let c31 = f32x4.splat(0)
  let c40 = f32x4.splat(0)
  let c41 = f32x4.splat(0)
  let c50 = f32x4.splat(0)
  let c51 = f32x4.splat(0)
  if (kc > 0) {
    const end = p + (<usize>kc << 4)
    do {
      const b0 = v128.load(b)
      const b1 = v128.load(b, 16)
      const a0 = v128.load32_splat(p)
      c00 = multiplyAdd(a0, b0, c00)
      c01 = multiplyAdd(a0, b1, c01)
      const a1 = v128.load32_splat(p, 4)
      c10 = multiplyAdd(a1, b0, c10)
      c11 = multiplyAdd(a1, b1, c11)
      const a2 = v128.load32_splat(p, 8)
      c20 = multiplyAdd(a2, b0, c20)
      c21 = multiplyAdd(a2, b1, c21)
      const a3 = v128.load32_splat(p, 12)
      c30 = multiplyAdd(a3, b0, c30)
      c31 = multiplyAdd(a3, b1, c31)
      const a4 = v128.load32_splat(q)
      c40 = multiplyAdd(a4, b0, c40)
      c41 = multiplyAdd(a4, b1, c41)
      const a5 = v128.load32_splat(q, 4)
      c50 = multiplyAdd(a5, b0, c50)
      c51 = multiplyAdd(a5, b1, c51)
      p += 16
      q += 16
      b += 32
    } while (p != end)
  }
  storeRow(cp, c00, c01, accumulate)
  storeRow(cp + ldc, c10, c11, accumulate)
  storeRow(cp + 2 * ldc, c20, c21, accumulate)
  storeRow(cp + 3 * ldc, c30, c31, accumulate)
  storeRow(cq, c40, c41, accumulate)
  storeRow(cq + ldc, c50, c51, accumulate)
}

// @ts-ignore: decorator
@inline
function storeRow(c: usize, x: v128, y: v128, accumulate: bool): void {
  if (accumulate) {
    v128.store(c, f32x4.add(v128.load(c), x))
    v128.store(c, f32x4.add(v128.load(c, 16), y), 16)
  } else {
    v128.store(c, x)
    v128.store(c, y, 16)
  }
}

function storeEdge(c: usize, x: v128, y: v128, columns: i32, accumulate: bool): void {
  for (let j = 0; j < columns; j++) {
    const v = f32x4.extract_lane(x, 0)
    const at = c + (j << 2)
    store<f32>(at, accumulate ? load<f32>(at) + v : v)
    // Rotate the 8 lanes by one.
    const nx = i32x4.shuffle(x, y, 1, 2, 3, 4)
    y = i32x4.shuffle(y, y, 1, 2, 3, 0)
    x = nx
  }
}

/** Rows [start * 4, end * 4) of C = A B over all batches, B packed by packB. `scales` 0: A has none. `six`: use 6 x 8 tiles where there are enough rows. C has cRow elements a row, n of which are computed. */
export function gemmPacked(
  start: i32, end: i32, thread: i32,
  a: usize, type: i32, packed: usize, c: usize,
  m: i32, n: i32, k: i32, batchStride: i32, rowStride: i32, columnStride: i32, scratch: usize,
  scales: usize, scaleType: i32, scaleBatch: i32, lineBlock: i32, lineStride: i32, stepBlock: i32, stepStride: i32, six: i32, cRow: i32,
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
    const cz = c + (<usize>z * <usize>m + <usize>row) * ldc
    let p = 0
    do {
      const kc = min(KC, k - p)
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
              tileSix(at, next, bp, kc, out, out + 4 * ldc, ldc, p > 0)
              tileSix(next + (<usize>kc << 4), next + 8, bp, kc, out + 8 * ldc, out + 6 * ldc, ldc, p > 0)
            }
          }
        }
        for (; i < count; i++) {
          tile(scratch + (<usize>(i * kc) << 4), bp, kc, cz + <usize>(i << 2) * ldc + (<usize>j << 5), ldc, min(4, m - row - (i << 2)), columns, p > 0)
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
 * `gemmPacked`, so the number of rows changes no bit.
 */
export function gemmThin(
  start: i32, end: i32, thread: i32,
  a: usize, aType: i32, b: usize, type: i32, c: usize, m: i32, n: i32, k: i32,
  aBatch: i32, aRow: i32, aColumn: i32, bBatch: i32, bRow: i32, bColumn: i32, scratch: usize,
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
      const from = b + <usize>(z * bBatch + column * bColumn + p * bRow) * size
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

/** Packs all K x 8 panels of one float32 matrix, for kernels that multiply small blocks. */
export function packPanels(b: usize, out: usize, k: i32, n: i32, rowStride: i32, columnStride: i32): void {
  for (let column = 0; column < n; column += 8) {
    packLines(b + (<usize>(column * columnStride) << 2), 0, min(8, n - column), 8, k, columnStride, rowStride, out)
    out += <usize>k << 5
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

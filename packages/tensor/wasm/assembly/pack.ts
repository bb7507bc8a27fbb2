// Packs the operands of matrix products into float32 panels: lines of A by four, columns of B by eight. Each stored
// format is converted, each stride read.

import { decodeE4M3, decodeE5M2, decodeF16 } from './math'

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
export function packLines(src: usize, type: i32, lines: i32, width: i32, k: i32, lineStride: i32, step: i32, out: usize): void {
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
export function packSixteenRows(src: usize, type: i32, k: i32, step: i32, out: usize): void {
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
export function scaleLines(
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

/** Packs all K x 8 panels of one float32 matrix, for kernels that multiply small blocks. */
export function packPanels(b: usize, out: usize, k: i32, n: i32, rowStride: i32, columnStride: i32): void {
  for (let column = 0; column < n; column += 8) {
    packLines(b + (<usize>(column * columnStride) << 2), 0, min(8, n - column), 8, k, columnStride, rowStride, out)
    out += <usize>k << 5
  }
}

// @ts-ignore: decorator
@inline
function transposed<T>(from: usize, to: usize, rows: i32, columns: i32): void {
  for (let r = 0; r < rows; r++) {
    let at = to + <usize>r * sizeof<T>()
    for (let c = 0; c < columns; c++) {
      store<T>(at, load<T>(from))
      from += sizeof<T>()
      at += <usize>rows * sizeof<T>()
    }
  }
}

/**
 * Groups [start, end) of eight rows of a matrix of rows of k elements (of 4 or 2 bytes) become panels, in place: the
 * eight first elements, the eight second ones, and so on, as products read the columns of its transpose; `back`: panels
 * become rows.
 */
export function interleaveRows(start: i32, end: i32, thread: i32, x: usize, size: i32, k: i32, back: i32, scratch: usize): void {
  const bytes = <usize>k * <usize>size << 3
  const rows = back ? k : 8
  const columns = back ? 8 : k
  for (let t = start; t < end; t++) {
    const at = x + <usize>t * bytes
    memory.copy(scratch, at, bytes)
    if (size == 4) transposed<u32>(scratch, at, rows, columns)
    else transposed<u16>(scratch, at, rows, columns)
  }
}

// One row times a matrix whose columns are contiguous, as when one token is decoded: reading the matrix takes most of
// the time.
//
// The format of the matrix is a type parameter, f32 or u16 (the codes of bfloat16), not a number: Binaryen merges the
// equal arms of a branch on a number into one loop that tests it at every load (9 GB/s on one core instead of 25).

import { KC } from './gemm'
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
  const asItIs = aType == 0 && aColumn == 1
  let read = -1
  let row: usize = 0
  for (let t = start; t < end; t++) {
    const z = t / panels
    const column = min((t - z * panels) * width, n - width)
    if (z != read) {
      read = z
      row = a + <usize>(z * aBatch) * aSize
      if (!asItIs) {
        for (let p = 0; p < k; p++) {
          const at = row + <usize>(p * aColumn) * aSize
          store<u32>(scratch + (<usize>p << 2), aType == 0 ? load<u32>(at) : <u32>load<u16>(at) << 16)
        }
        row = scratch
      }
    }
    const from = b + <usize>(z * bBatch + column * bColumn) * size
    const to = c + (<usize>(z * n + column) << 2)
    // Each format adds a copy of the loop to the module that pages download, so only the two that weights are stored in
    // have one.
    if (type == 0) eightColumns<f32>(row, from, line, k, to)
    else eightColumns<u16>(row, from, line, k, to)
  }
}

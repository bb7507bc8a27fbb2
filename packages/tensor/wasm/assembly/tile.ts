// The micro-tiles of matrix products: sums of products of packed panels, held in registers. K is not unrolled (V8
// spills).

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
  // The instructions around the arithmetic limit the loop, so it counts with its pointer and tests at its end. Of the
  // orders of the products, V8 allocates registers best for this one.
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
 * A 6 x 8 tile: four rows packed at `p`, which go to cp and the rows after it, and two at `q`, which go to cq. Three
 * tiles of four rows are two of these. Twelve sums hide the latency of a fused multiply-add, with fewer loads for each;
 * a separate product and sum would need one more register than there are. The sums are those of `tile`, bit for bit.
 */
// @ts-ignore: decorator
@inline
export function tileSix(p: usize, q: usize, b: usize, kc: i32, cp: usize, cq: usize, ldc: usize, accumulate: bool): void {
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

/** Least squares by Householder QR. */

/** A matrix as a list of columns. */
export type ColumnList = readonly (readonly number[])[]

export interface LeastSquares {
  readonly coefficients: readonly number[]
  /**
   * Q'y, one entry per column: the squares of the last entries are the sums of squares of those columns after all
   * others.
   */
  readonly projections: readonly number[]
  readonly residualSumOfSquares: number
  /** Diagonal of (X'X)^-1. */
  readonly unscaledVariances: readonly number[]
}

/**
 * Fits y by the columns of X.
 * @returns the fit, or the index of the first column that is linearly dependent on earlier ones (within rounding)
 */
export function leastSquares(columns: ColumnList, y: readonly number[]): LeastSquares | { readonly dependent: number } {
  const n = y.length
  const p = columns.length
  const a = columns.map((column) => Float64Array.from(column))
  const b = Float64Array.from(y)
  const diagonal = new Float64Array(p)
  for (let k = 0; k < p; k++) {
    const column = a[k]
    const whole = Math.hypot(...columns[k])
    const norm = Math.hypot(...column.subarray(k))
    if (k >= n || !(norm > 1e-10 * whole)) return { dependent: k }
    const alpha = column[k] > 0 ? -norm : norm
    column[k] -= alpha
    diagonal[k] = alpha
    const scale = -alpha * column[k]
    const reflect = (v: Float64Array) => {
      let dot = 0
      for (let i = k; i < n; i++) dot += column[i] * v[i]
      dot /= scale
      for (let i = k; i < n; i++) v[i] -= dot * column[i]
    }
    for (let j = k + 1; j < p; j++) reflect(a[j])
    reflect(b)
  }
  const solve = (right: ArrayLike<number>) => {
    const x = new Array<number>(p).fill(0)
    for (let k = p - 1; k >= 0; k--) {
      let sum = right[k]
      for (let j = k + 1; j < p; j++) sum -= a[j][k] * x[j]
      x[k] = sum / diagonal[k]
    }
    return x
  }
  // (X'X)^-1 = R^-1 R^-T, so its diagonal is the sum of the squares over the columns of R^-1.
  const unscaledVariances = new Array<number>(p).fill(0)
  for (let k = 0; k < p; k++) {
    const unit = new Float64Array(p)
    unit[k] = 1
    solve(unit).forEach((x, i) => {
      unscaledVariances[i] += x * x
    })
  }
  let residualSumOfSquares = 0
  for (let i = p; i < n; i++) residualSumOfSquares += b[i] * b[i]
  return { coefficients: solve(b), projections: [...b.subarray(0, p)], residualSumOfSquares, unscaledVariances }
}

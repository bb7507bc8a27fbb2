// A typed array with a shape and the methods of MatrixMethodArray, so that optimizers for matrices work on typed
// arrays. Plain loops, sums in float64, one rounding per operation. For large models use tensors.

import type { MatrixMethodArray } from './method-arithmetic.ts'

type FloatArray = Float32Array | Float64Array

export class HostMatrix implements MatrixMethodArray<HostMatrix> {
  readonly shape: readonly number[]
  readonly data: FloatArray

  constructor(data: FloatArray, shape: readonly number[]) {
    this.data = data
    this.shape = shape
  }

  private allocate(length: number): FloatArray {
    return this.data instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)
  }

  /** Combines elements with those of b, which has the same shape or one element. */
  private zip(b: HostMatrix | number, f: (x: number, y: number) => number): HostMatrix {
    const { data } = this
    const out = this.allocate(data.length)
    if (typeof b === 'number' || b.data.length === 1) {
      const number = typeof b === 'number' ? b : b.data[0]
      const y = this.data instanceof Float32Array ? Math.fround(number) : number
      for (let i = 0; i < out.length; i++) out[i] = f(data[i], y)
    } else for (let i = 0; i < out.length; i++) out[i] = f(data[i], b.data[i])
    return new HostMatrix(out, this.shape)
  }

  private map(f: (x: number) => number): HostMatrix {
    const out = this.allocate(this.data.length)
    for (let i = 0; i < out.length; i++) out[i] = f(this.data[i])
    return new HostMatrix(out, this.shape)
  }

  add(b: HostMatrix | number) {
    return this.zip(b, (x, y) => x + y)
  }
  sub(b: HostMatrix | number) {
    return this.zip(b, (x, y) => x - y)
  }
  mul(b: HostMatrix | number) {
    return this.zip(b, (x, y) => x * y)
  }
  div(b: HostMatrix | number) {
    return this.zip(b, (x, y) => x / y)
  }
  maximum(b: HostMatrix | number) {
    return this.zip(b, Math.max)
  }
  minimum(b: HostMatrix | number) {
    return this.zip(b, Math.min)
  }
  sqrt() {
    return this.map(Math.sqrt)
  }
  square() {
    return this.map((x) => x * x)
  }
  sign() {
    return this.map(Math.sign)
  }
  zerosLike() {
    return new HostMatrix(this.allocate(this.data.length), this.shape)
  }
  reshape(shape: readonly number[]) {
    return new HostMatrix(this.data, shape)
  }

  sum(axis?: number): HostMatrix {
    const { data } = this
    const wide = axis === undefined ? 1 : this.shape[1 - axis]
    const sums = new Float64Array(wide)
    const columns = this.shape[1]
    for (let i = 0; i < data.length; i++)
      sums[axis === undefined ? 0 : axis === 1 ? Math.floor(i / columns) : i % columns] += data[i]
    const out = this.allocate(wide)
    out.set(sums)
    return new HostMatrix(out, axis === undefined ? [] : axis === 1 ? [wide, 1] : [1, wide])
  }

  transpose(): HostMatrix {
    const [rows, columns] = this.shape
    const out = this.allocate(this.data.length)
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = this.data[r * columns + c]
    return new HostMatrix(out, [columns, rows])
  }

  matmul(b: HostMatrix): HostMatrix {
    const [rows, inner] = this.shape
    const columns = b.shape[1]
    const out = this.allocate(rows * columns)
    const line = new Float64Array(columns)
    for (let r = 0; r < rows; r++) {
      line.fill(0)
      for (let k = 0; k < inner; k++) {
        const x = this.data[r * inner + k]
        const from = k * columns
        for (let c = 0; c < columns; c++) line[c] += x * b.data[from + c]
      }
      out.set(line, r * columns)
    }
    return new HostMatrix(out, [rows, columns])
  }
}

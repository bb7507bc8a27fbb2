/**
 * A minimal array object with methods, in place of any lazy tensor. Values are float32, or rounded to bfloat16 for
 * dtype 'bfloat16'.
 */
export class FakeTensor {
  static operations = 0
  readonly shape: readonly number[]
  readonly dtype: string
  readonly values: Float32Array

  constructor(values: ArrayLike<number>, shape: readonly number[], dtype = 'float32') {
    this.values = Float32Array.from(values)
    this.shape = shape
    this.dtype = dtype
    if (dtype === 'bfloat16') {
      const bits = new Uint32Array(this.values.buffer)
      bits.forEach((b, i) => {
        bits[i] = ((b + 0x7fff + ((b >>> 16) & 1)) >>> 16) << 16
      })
    }
  }

  private make(values: ArrayLike<number>, shape = this.shape): FakeTensor {
    FakeTensor.operations++
    return new FakeTensor(values, shape, this.dtype)
  }

  private zip(b: FakeTensor | number, f: (x: number, y: number) => number): FakeTensor {
    if (typeof b === 'number') return this.make(this.values.map((x) => f(x, Math.fround(b))))
    if (b.dtype !== this.dtype) throw new TypeError(`dtypes differ: ${this.dtype} and ${b.dtype}`)
    if (b.shape.length > 0 && b.shape.join() !== this.shape.join()) throw new RangeError('shapes differ')
    return this.make(this.values.map((x, i) => f(x, b.shape.length === 0 ? b.values[0] : b.values[i])))
  }

  add(b: FakeTensor | number) {
    return this.zip(b, (x, y) => x + y)
  }
  sub(b: FakeTensor | number) {
    return this.zip(b, (x, y) => x - y)
  }
  mul(b: FakeTensor | number) {
    return this.zip(b, (x, y) => x * y)
  }
  div(b: FakeTensor | number) {
    return this.zip(b, (x, y) => x / y)
  }
  maximum(b: FakeTensor | number) {
    return this.zip(b, Math.max)
  }
  minimum(b: FakeTensor | number) {
    return this.zip(b, Math.min)
  }
  sqrt() {
    return this.make(this.values.map(Math.sqrt))
  }
  square() {
    return this.make(this.values.map((x) => x * x))
  }
  sign() {
    return this.make(this.values.map(Math.sign))
  }
  sum() {
    return this.make([this.values.reduce((s, x) => s + x, 0)], [])
  }
  zerosLike() {
    return this.make(new Float32Array(this.values.length))
  }
  astype(dtype: string) {
    return new FakeTensor(this.values, this.shape, dtype)
  }
}

// The arithmetic of Float32Array and Float64Array. A formula runs over blocks small enough to stay in the cache, so
// that temporaries take a few KiB, whatever the size of the arrays, and an update in place allocates nothing of the
// arrays' size.
//
// In float32 the result of every operation is rounded to float32 once, and numbers are rounded to float32 before use,
// which gives the bits of simd-program.ts and of float32 tensors that compute operation by operation.

import type { Arithmetic, Elementwise } from './arithmetic.ts'
import { decodeBfloat16, encodeBfloat16 } from './bfloat16.ts'

type FloatArray = Float32Array | Float64Array

/** Elements per block. */
const blockLength = 2048

class Blocks<A extends FloatArray> implements Elementwise<A, number> {
  /** Elements of the current block. */
  count = 0
  private next = 0
  private readonly free: A[] = []
  private readonly make: (length: number) => A
  private readonly round: (x: number) => number

  constructor(make: (length: number) => A, round: (x: number) => number) {
    this.make = make
    this.round = round
  }

  /** Starts a block of n elements; scratch arrays of the previous one are reused. */
  start(n: number): void {
    this.count = n
    this.next = 0
  }

  private scratch(): A {
    if (this.next === this.free.length) this.free.push(this.make(blockLength))
    return this.free[this.next++]
  }

  add(a: A, b: A | number): A {
    const n = this.count
    const o = this.scratch()
    if (typeof b === 'number') {
      const s = this.round(b)
      for (let i = 0; i < n; i++) o[i] = a[i] + s
    } else for (let i = 0; i < n; i++) o[i] = a[i] + b[i]
    return o
  }

  sub(a: A, b: A | number): A {
    const n = this.count
    const o = this.scratch()
    if (typeof b === 'number') {
      const s = this.round(b)
      for (let i = 0; i < n; i++) o[i] = a[i] - s
    } else for (let i = 0; i < n; i++) o[i] = a[i] - b[i]
    return o
  }

  mul(a: A, b: A | number): A {
    const n = this.count
    const o = this.scratch()
    if (typeof b === 'number') {
      const s = this.round(b)
      for (let i = 0; i < n; i++) o[i] = a[i] * s
    } else for (let i = 0; i < n; i++) o[i] = a[i] * b[i]
    return o
  }

  div(a: A, b: A | number): A {
    const n = this.count
    const o = this.scratch()
    if (typeof b === 'number') {
      const s = this.round(b)
      for (let i = 0; i < n; i++) o[i] = a[i] / s
    } else for (let i = 0; i < n; i++) o[i] = a[i] / b[i]
    return o
  }

  sqrt(a: A): A {
    const n = this.count
    const o = this.scratch()
    for (let i = 0; i < n; i++) o[i] = Math.sqrt(a[i])
    return o
  }

  square(a: A): A {
    const n = this.count
    const o = this.scratch()
    for (let i = 0; i < n; i++) o[i] = a[i] * a[i]
    return o
  }

  sign(a: A): A {
    const n = this.count
    const o = this.scratch()
    for (let i = 0; i < n; i++) o[i] = a[i] > 0 ? 1 : a[i] < 0 ? -1 : a[i] === 0 ? 0 : Number.NaN
    return o
  }

  maximum(a: A, b: A | number): A {
    const n = this.count
    const o = this.scratch()
    if (typeof b === 'number') for (let i = 0; i < n; i++) o[i] = Math.max(a[i], b)
    else for (let i = 0; i < n; i++) o[i] = Math.max(a[i], b[i])
    return o
  }

  minimum(a: A, b: A | number): A {
    const n = this.count
    const o = this.scratch()
    if (typeof b === 'number') for (let i = 0; i < n; i++) o[i] = Math.min(a[i], b)
    else for (let i = 0; i < n; i++) o[i] = Math.min(a[i], b[i])
    return o
  }

  addScaled(a: A, x: number, b: A, y: number): A {
    return this.add(x === 1 ? a : this.mul(a, x), y === 1 ? b : this.mul(b, y))
  }

  subScaled(a: A, x: number, b: A, y: number): A {
    return this.sub(x === 1 ? a : this.mul(a, x), y === 1 ? b : this.mul(b, y))
  }

  /** bfloat16 codes of the current block as numbers. */
  decode(codes: Uint16Array): A {
    const o = this.scratch()
    decodeBfloat16(codes, o)
    return o
  }
}

function blockArithmetic<A extends FloatArray>(
  name: string,
  make: (length: number) => A,
  round: (x: number) => number,
): Arithmetic<A, number> {
  const blocks = new Blocks<A>(make, round)
  const view = (a: A, start: number, end: number) => a.subarray(start, end) as A
  return {
    name,
    size: (a) => a.length,
    rank: () => undefined,
    zeros: (a, dtype) => (dtype === 'bfloat16' ? (new Uint16Array(a.length) as never) : make(a.length)),
    sum(a) {
      let sum = 0
      for (let i = 0; i < a.length; i++) sum += a[i]
      return sum
    },
    sumOfSquares(a) {
      let s0 = 0
      let s1 = 0
      const even = a.length & ~1
      for (let i = 0; i < even; i += 2) {
        s0 += a[i] * a[i]
        s1 += a[i + 1] * a[i + 1]
      }
      if (even < a.length) s0 += a[even] * a[even]
      return s0 + s1
    },
    scalar: {
      add: (a, b) => a + b,
      sub: (a, b) => a - b,
      mul: (a, b) => a * b,
      div: (a, b) => a / b,
      sqrt: Math.sqrt,
      divide: (numerator, a) => numerator / a,
      minimum: Math.min,
      maximum: Math.max,
      zero: () => new Float64Array(1) as never,
      load: (a) => a[0],
      store: (value) => Float64Array.of(value) as never,
    },
    elementwise(inputs, targets, inPlace, body) {
      const outputs = inPlace
        ? [...targets]
        : targets.map((t) => (codesOf(t) ? (new Uint16Array(t.length) as never) : make(t.length)))
      const length = targets[0].length
      for (let start = 0; start < length; start += blockLength) {
        const end = Math.min(start + blockLength, length)
        blocks.start(end - start)
        const results = body(
          blocks,
          inputs.map((a) => {
            const codes = codesOf(a)
            return codes ? blocks.decode(codes.subarray(start, end)) : view(a, start, end)
          }),
        )
        for (let k = 0; k < outputs.length; k++) {
          const result = results[k]
          const output = outputs[k]
          const codes = codesOf(output)
          if (codes) encodeBfloat16(result, codes.subarray(start, end))
          else output.set(result.length === end - start ? result : view(result, 0, end - start), start)
        }
      }
      return outputs
    },
  }
}

/** The codes if `a` is a moment stored as bfloat16, which the type parameter A does not cover. */
function codesOf(a: unknown): Uint16Array | undefined {
  return a instanceof Uint16Array ? a : undefined
}

/** Float32Array: float32 in, float32 out; sums are float64. */
export const float32Arithmetic: Arithmetic<Float32Array, number> = /* @__PURE__ */ blockArithmetic(
  'Float32Array',
  (n) => new Float32Array(n),
  Math.fround,
)

/** Float64Array: everything is float64. */
export const float64Arithmetic: Arithmetic<Float64Array, number> = /* @__PURE__ */ blockArithmetic(
  'Float64Array',
  (n) => new Float64Array(n),
  (x) => x,
)

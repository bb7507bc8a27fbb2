// The arithmetic of array objects, such as lazy tensors: their own methods. Nothing is written in place or read back to
// the host. Scalars are 0-d arrays or numbers.

import type { Arithmetic, Elementwise, MomentDtype } from './arithmetic.ts'

/** The methods an array object needs. Each returns a new array; `b` broadcasts if it is a number or 0-d. */
export interface MethodArray<T> {
  readonly shape: readonly number[]
  /** 'float32', 'bfloat16', ...; arrays of a narrower format than float32 are computed in float32. */
  readonly dtype?: string
  astype?(dtype: string): T
  add(b: T | number): T
  sub(b: T | number): T
  mul(b: T | number): T
  div(b: T | number): T
  sqrt(): T
  square(): T
  sign(): T
  maximum(b: T | number): T
  minimum(b: T | number): T
  /** The sum of all elements: 0-d. */
  sum(): T
  zerosLike(): T
}

/** The methods that optimizers for matrices (adafactor, muon) need besides. Matrices are [rows, columns]. */
export interface MatrixMethodArray<T> extends MethodArray<T> {
  /** The sum along one axis, which with keepDims stays as a dimension of size 1. */
  sum(axis?: number, keepDims?: boolean): T
  matmul(b: T): T
  transpose(): T
  reshape(shape: readonly number[]): T
}

const methods = [
  'add',
  'sub',
  'mul',
  'div',
  'sqrt',
  'square',
  'sign',
  'maximum',
  'minimum',
  'sum',
  'zerosLike',
] as const

export function isMethodArray(value: unknown): value is AnyMethodArray {
  return missingMethods(value)?.length === 0
}

/** The methods that an object with a shape lacks; undefined for anything else. */
export function missingMethods(value: unknown): string[] | undefined {
  if (typeof value !== 'object' || value === null || !Array.isArray((value as AnyMethodArray).shape)) return undefined
  return methods.filter((name) => typeof (value as Record<string, unknown>)[name] !== 'function')
}

/** Any array with these methods. */
export interface AnyMethodArray extends MethodArray<any> {}

/** The array in float32, unless it is float32 or float64 already. */
export function widen(a: AnyMethodArray): AnyMethodArray {
  return a.dtype === undefined || a.dtype === 'float32' || a.dtype === 'float64' || a.astype === undefined
    ? a
    : a.astype('float32')
}

function moment(a: AnyMethodArray, dtype: MomentDtype | undefined): AnyMethodArray {
  if (dtype !== 'bfloat16') return a
  if (a.astype === undefined)
    throw new TypeError("momentDtype 'bfloat16': the array object has no method astype; leave the moments in float32")
  return a.astype('bfloat16')
}

/** The array in the dtype of `target`. */
export function castLike(a: AnyMethodArray, target: AnyMethodArray): AnyMethodArray {
  return a.dtype === target.dtype || target.dtype === undefined || a.astype === undefined ? a : a.astype(target.dtype)
}

const operations: Elementwise<AnyMethodArray, AnyMethodArray> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  sqrt: (a) => a.sqrt(),
  square: (a) => a.square(),
  sign: (a) => a.sign(),
  maximum: (a, b) => a.maximum(b),
  minimum: (a, b) => a.minimum(b),
  addScaled: (a, x, b, y) => scaled(a, x).add(scaled(b, y)),
  subScaled: (a, x, b, y) => scaled(a, x).sub(scaled(b, y)),
}

function scaled(a: AnyMethodArray, x: AnyMethodArray | number): AnyMethodArray {
  return x === 1 ? a : a.mul(x)
}

export const methodArithmetic: Arithmetic<AnyMethodArray, AnyMethodArray> = {
  name: 'methods',
  size: (a) => a.shape.reduce((n, d) => n * d, 1),
  rank: (a) => a.shape.length,
  zeros: (a, dtype) => moment(widen(a.zerosLike()), dtype),
  sum: (a) => widen(a).sum(),
  sumOfSquares: (a) => widen(a).square().sum(),
  scalar: {
    add: (a, b) => a.add(b),
    sub: (a, b) => a.sub(b),
    mul: (a, b) => a.mul(b),
    div: (a, b) => a.div(b),
    sqrt: (a) => a.sqrt(),
    divide: (numerator, a) => a.zerosLike().add(numerator).div(a),
    minimum: (a, b) => a.minimum(b),
    maximum: (a, b) => a.maximum(b),
    zero: (like) => widen(like.zerosLike()).sum(),
    load: (a) => a,
    store: (value) => value,
  },
  elementwise(inputs, targets, _inPlace, body) {
    return body(operations, inputs.map(widen)).map((result, i) => castLike(result, targets[i]))
  },
}

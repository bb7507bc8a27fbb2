// Validates the data given to device.tensor.

import { requireDType, shown } from './arguments.ts'
import { type DType, isFloat } from './dtype.ts'
import { ShapeError } from './errors.ts'
import { checkShape, elementCount, formatShape, type Shape } from './shape.ts'

type NumberArray = Float32Array | Float64Array | Int32Array | Uint32Array

/** Nested arrays, of equal length at each depth; the innermost may be typed arrays. */
export type NestedNumbers = readonly (number | NumberArray | NestedNumbers)[]

/** Numbers a tensor can be made from. */
export type TensorData = number | NestedNumbers | NumberArray

const isNumbers = (x: unknown): x is ArrayLike<number> =>
  ArrayBuffer.isView(x) && !(x instanceof DataView) && !(x instanceof BigInt64Array) && !(x instanceof BigUint64Array)

/**
 * The shape of nested arrays and their numbers, row-major.
 * @throws TypeError with the position of anything else
 */
function collect(data: readonly unknown[]): { shape: number[]; values: number[] } {
  const shape: number[] = []
  const values: number[] = []
  const place = (path: readonly number[]) => (path.length ? `element [${path.join('][')}]` : 'the data')
  const enter = (x: unknown, path: readonly number[]): void => {
    const depth = path.length
    if (typeof x === 'number') {
      if (depth < shape.length)
        throw new TypeError(`tensor: ${place(path)} is the number ${x}, but others there are arrays of ${shape[depth]}`)
      values.push(x)
      return
    }
    if (!Array.isArray(x) && !isNumbers(x)) {
      const hint = typeof x === 'boolean' ? '; write 1 or 0' : typeof x === 'string' ? '; convert it with Number()' : ''
      throw new TypeError(`tensor: ${place(path)} is ${shown(x)}, not a number${hint}`)
    }
    if (depth === shape.length && values.length === 0 && !closed) shape.push(x.length)
    else if (depth >= shape.length)
      throw new TypeError(`tensor: ${place(path)} is an array, but others there are numbers`)
    else if (shape[depth] !== x.length)
      throw new TypeError(
        `tensor: ${place(path)} has ${x.length} elements, but others there have ${shape[depth]}: arrays must not be ragged`,
      )
    for (let i = 0; i < x.length; i++) enter(x[i], [...path, i])
    closed ||= x.length === 0
  }
  /** Whether an empty array was found: there is no deeper dimension. */
  let closed = false
  enter(data, [])
  return { shape, values }
}

/** Whether an array is flat: the usual case, which needs no recursion. */
function flatNumbers(data: readonly unknown[]): data is readonly number[] {
  for (let i = 0; i < data.length; i++) if (typeof data[i] !== 'number') return false
  return true
}

/**
 * The values (row-major), shape and dtype of the data given to `device.tensor`.
 * @throws TypeError, ShapeError, DTypeError, RangeError as `Device.tensor`
 */
export function hostValues(
  data: unknown,
  shape: Shape | undefined,
  dtype: DType | undefined,
): { values: ArrayLike<number>; shape: Shape; dtype: DType } {
  const type: DType =
    dtype ?? (data instanceof Int32Array ? 'int32' : data instanceof Uint32Array ? 'uint32' : 'float32')
  requireDType('tensor', type)
  if (shape !== undefined) checkShape('tensor', shape)
  let values: ArrayLike<number>
  let own: Shape
  if (typeof data === 'number') {
    values = [data]
    own = []
  } else if (isNumbers(data) || (Array.isArray(data) && flatNumbers(data))) {
    values = data
    own = [data.length]
  } else if (Array.isArray(data)) {
    const nested = collect(data)
    values = nested.values
    own = nested.shape
  } else {
    const kind = ArrayBuffer.isView(data) ? data.constructor.name : shown(data)
    throw new TypeError(
      `tensor: data must be a number, an array of numbers (nested ones by shape) or a typed array of numbers, got ${kind}`,
    )
  }
  const full = shape ?? own
  if (elementCount(full) !== values.length)
    throw new ShapeError(
      `tensor: ${values.length} values do not fill shape ${formatShape(full)} (${elementCount(full)})`,
    )
  if (!isFloat(type) && !(data instanceof Int32Array) && !(data instanceof Uint32Array))
    for (let i = 0; i < values.length; i++)
      if (!Number.isInteger(values[i]) || values[i] < -2147483648 || values[i] > 4294967295)
        throw new RangeError(
          `tensor: element ${i} is ${values[i]}, which ${type} cannot hold; round it, or make a float tensor and cast it`,
        )
  return { values, shape: full, dtype: type }
}

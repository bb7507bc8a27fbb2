// Leaves of a graph: data, arguments, constants, coordinates.

import { shown } from '../arguments.ts'
import { computeType, type DType, isPacked, roundTo } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { checkShape, elementCount, normalizeAxis, type Shape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'

/** Memory that already holds its values (host data or an earlier result). */
export const sourceOp = defineOp({ name: 'source', kind: 'leaf', infer: () => [] })

/** An argument of a function that is being traced. */
export const inputOp = defineOp<{ index: number; shape: Shape; dtype: DType }>({
  name: 'input',
  kind: 'leaf',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
})

/** A scalar known while tracing, which kernels contain as a literal. */
export const constantOp = defineOp<{ value: number; dtype: DType }>({
  name: 'constant',
  kind: 'leaf',
  infer: (_, { dtype }) => [{ shape: [], dtype }],
  evaluate: (_, { value }, [out]) => {
    out.data[0] = value
  },
  constant: ({ value }) => value,
})

export function constant(value: number, dtype: DType = 'float32'): Tensor {
  if (typeof value !== 'number') throw new TypeError(`constant: expected a number, got ${shown(value)}`)
  // Rounded here, so that it is the same number whether a kernel contains it as a literal or reads it from memory.
  if (isPacked(dtype)) return apply1(constantOp, [], { value: roundTo(dtype, value), dtype })
  if (dtype === 'float32') return apply1(constantOp, [], { value, dtype })
  if (value < -2147483648 || value > 4294967295)
    throw new RangeError(
      `constant: ${value} does not fit into 32 bits, but the tensor is ${dtype}; use astype('float32') first`,
    )
  if (!Number.isInteger(value))
    throw new TypeError(`constant: ${value} is not an integer, but the tensor is ${dtype}; use astype('float32') first`)
  return apply1(constantOp, [], { value: dtype === 'uint32' ? value >>> 0 : value | 0, dtype })
}

/**
 * A number as a constant of the other operand's dtype, or of float32 if it is a fraction and that is an integer dtype.
 */
export function toTensor(x: Tensor | number, like: DType): Tensor {
  if (typeof x !== 'number') return x
  return constant(x, computeType(like) !== 'f32' && !Number.isInteger(x) ? 'float32' : like)
}

/** Element (i0, i1, ...) is the coordinate along `axis`. Fused kernels compute it without reading memory. */
export const iotaOp = defineOp<{ shape: Shape; axis: number; dtype: 'int32' | 'uint32' }>({
  name: 'iota',
  kind: 'leaf',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  evaluate: (_, { shape, axis }, [out]) => {
    const inner = elementCount(shape.slice(axis + 1))
    for (let i = 0; i < out.data.length; i++) out.data[i] = Math.floor(i / inner) % shape[axis]
  },
})

/**
 * Coordinates along one axis.
 * @example iota([2, 3], 1) // [[0, 1, 2], [0, 1, 2]]
 */
export function iota(shape: Shape, axis: number, dtype: 'int32' | 'uint32' = 'int32'): Tensor {
  checkShape('iota', shape)
  if (dtype !== 'int32' && dtype !== 'uint32')
    throw new DTypeError(`iota: coordinates are int32 or uint32, got ${shown(dtype)}; cast them afterwards`)
  return apply1(iotaOp, [], { shape: [...shape], axis: normalizeAxis('iota', axis, shape.length), dtype })
}

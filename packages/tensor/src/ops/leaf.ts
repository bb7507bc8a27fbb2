import { computeType, type DType } from '../dtype.ts'
import { defineOp, type Op } from '../op.ts'
import { elementCount, type Shape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'

/** Memory that already holds its values (host data or an earlier result). */
export const sourceOp: Op<unknown> = defineOp({ name: 'source', kind: 'leaf', infer: () => [] })

/** An argument of a function that is being traced. */
export const inputOp = defineOp<{ index: number; shape: Shape; dtype: DType }>({
  name: 'input',
  kind: 'leaf',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
})

/** A scalar known while tracing. Kernels contain it as a literal. */
export const constantOp = defineOp<{ value: number; dtype: DType }>({
  name: 'constant',
  kind: 'leaf',
  infer: (_, { dtype }) => [{ shape: [], dtype }],
  evaluate: (_, { value }, [out]) => {
    out.data[0] = value
  },
})

export function constant(value: number, dtype: DType = 'float32'): Tensor {
  if (typeof value !== 'number') throw new TypeError(`constant: expected a number, got ${typeof value}`)
  if (computeType(dtype) !== 'f32' && !Number.isInteger(value))
    throw new TypeError(`constant: ${value} is not an integer, but the tensor is ${dtype}; use astype('float32') first`)
  return apply1(constantOp, [], { value, dtype })
}

/** A number becomes a constant of the other operand's dtype; an integer tensor meets a fraction as float32. */
export function toTensor(x: Tensor | number, like: DType): Tensor {
  if (typeof x !== 'number') return x
  return constant(x, computeType(like) !== 'f32' && !Number.isInteger(x) ? 'float32' : like)
}

/** Element (i0, i1, ...) is the coordinate along `axis`. Never materialised inside a fused kernel. */
export const iotaOp = defineOp<{ shape: Shape; axis: number; dtype: 'int32' | 'uint32' }>({
  name: 'iota',
  kind: 'leaf',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  evaluate: (_, { shape, axis }, [out]) => {
    const inner = elementCount(shape.slice(axis + 1))
    for (let i = 0; i < out.data.length; i++) out.data[i] = Math.floor(i / inner) % shape[axis]
  },
})

/** Coordinates along one axis, int32 unless said. */
export function iota(shape: Shape, axis: number, dtype: 'int32' | 'uint32' = 'int32'): Tensor {
  return apply1(iotaOp, [], { shape: [...shape], axis, dtype })
}

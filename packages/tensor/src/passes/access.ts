// Access to the elements of an operand: shape, strides, offset.

import { contiguousStrides, elementCount, type Shape } from '../shape.ts'

/**
 * The position of element (i, j, ...) of an operand in its buffer: offset + i * strides[0] + j * strides[1] + ...
 */
export interface Access {
  readonly shape: Shape
  /** In elements. 0 repeats an element (broadcasting). */
  readonly strides: readonly number[]
  readonly offset: number
}

export function contiguousAccess(shape: Shape): Access {
  return { shape, strides: contiguousStrides(shape), offset: 0 }
}

/** Whether an access is row-major from the start of the buffer. Strides of dimensions of size 1 do not matter. */
export function isContiguous(access: Access): boolean {
  if (access.offset !== 0) return false
  if (elementCount(access.shape) === 0) return true
  const expected = contiguousStrides(access.shape)
  return access.shape.every((d, i) => d === 1 || access.strides[i] === expected[i])
}

/** The access of a reshape, if strides can express it: every new dimension must be part of one evenly strided run. */
export function reshapeAccess(access: Access, shape: Shape): Access | undefined {
  if (elementCount(shape) === 0) return contiguousAccess(shape)
  const dims: { size: number; stride: number }[] = []
  access.shape.forEach((size, i) => {
    if (size === 1) return
    const last = dims[dims.length - 1]
    if (last && last.stride === access.strides[i] * size) {
      last.size *= size
      last.stride = access.strides[i]
    } else {
      dims.push({ size, stride: access.strides[i] })
    }
  })
  const strides = new Array<number>(shape.length).fill(0)
  let run = dims.length - 1
  let left = run >= 0 ? dims[run].size : 1
  let stride = run >= 0 ? dims[run].stride : 1
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) {
      strides[i] = 0
      continue
    }
    if (left === 1) {
      run--
      if (run < 0) return undefined
      left = dims[run].size
      stride = dims[run].stride
    }
    if (left % shape[i] !== 0) return undefined
    strides[i] = stride
    stride *= shape[i]
    left /= shape[i]
  }
  return { shape, strides, offset: access.offset }
}

/**
 * The same index space with as few dimensions as possible: adjacent dimensions are merged if the strides of all
 * operands allow it.
 */
export function coalesce(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const outShape: number[] = []
  const out: number[][] = strides.map(() => [])
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue
    const last = outShape.length - 1
    if (last >= 0 && strides.every((s, k) => out[k][last] === s[i] * shape[i])) {
      outShape[last] *= shape[i]
      strides.forEach((s, k) => {
        out[k][last] = s[i]
      })
    } else {
      outShape.push(shape[i])
      strides.forEach((s, k) => {
        out[k].push(s[i])
      })
    }
  }
  return { shape: outShape, strides: out }
}

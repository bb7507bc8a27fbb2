// What public operations share: type promotion and broadcasting of operands.

import { shown } from '../arguments.ts'
import { type DType, promote } from '../dtype.ts'
import type { Op } from '../op.ts'
import { broadcastShapes, sameShape } from '../shape.ts'
import { apply1, isTensor, type Tensor } from '../tensor.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { toTensor } from './leaf.ts'

/** An operand of a binary operation: numbers become constants of the other operand's dtype. */
export type Operand = Tensor | number

/** Casts to a common dtype and broadcasts to a common shape. */
export function align(name: string, a: Tensor | number, b: Tensor | number): [Tensor, Tensor] {
  if (!isTensor(a) && !isTensor(b)) {
    throw new TypeError(`${name}: needs at least one tensor, got ${shown(a)} and ${shown(b)}`)
  }
  for (const x of [a, b]) {
    if (!isTensor(x) && typeof x !== 'number')
      throw new TypeError(
        `${name}: expected a tensor or a number, got ${x === null ? 'null' : `${typeof x} (${shown(x)})`}`,
      )
  }
  const x = isTensor(a) ? a : toTensor(a, (b as Tensor).dtype)
  const y = isTensor(b) ? b : toTensor(b, (a as Tensor).dtype)
  const dtype: DType = promote(name, x.dtype, y.dtype)
  const shape = sameShape(x.shape, y.shape) ? x.shape : broadcastShapes(name, x.shape, y.shape)
  return [broadcastTo(cast(x, dtype), shape), broadcastTo(cast(y, dtype), shape)]
}

/** Applies a binary elementwise op to operands whose shapes broadcast. */
export function binary(op: Op, a: Operand, b: Operand): Tensor {
  return apply1(op, align(op.name, a, b), {})
}

/** Applies a unary elementwise op. */
export function unary(op: Op, x: Tensor): Tensor {
  return apply1(op, [x], {})
}

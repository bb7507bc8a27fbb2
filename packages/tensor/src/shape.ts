// Shapes and axes: validation, comparison, broadcasting.

import { shown } from './arguments.ts'
import { ShapeError } from './errors.ts'

export type Shape = readonly number[]

export function elementCount(shape: Shape): number {
  let n = 1
  for (const d of shape) n *= d
  return n
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]
  }
  return strides
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i])
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/** NumPy's broadcasting rule: shapes are aligned at the right, and dimensions of 1 are repeated. @throws ShapeError */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length)
  const out = new Array<number>(rank)
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1
    const y = b[b.length - rank + i] ?? 1
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${op}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast (${x} against ${y} at axis ${i - rank})`,
      )
    }
    out[i] = x === 1 ? y : x
  }
  return out
}

/** An axis as a non-negative index; negative ones count from the end. @throws ShapeError */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis)) throw new ShapeError(`${op}: an axis must be an integer, got ${shown(axis)}`)
  if (axis < -rank || axis >= rank) {
    throw new ShapeError(`${op}: axis ${axis} is outside a tensor of ${rank} dimensions`)
  }
  return axis < 0 ? axis + rank : axis
}

/** Axes as sorted non-negative indices; undefined means all. @throws ShapeError for an axis out of range or repeated */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i)
  if (typeof axes !== 'number' && !Array.isArray(axes))
    throw new TypeError(`${op}: axes must be a number or an array of numbers, got ${shown(axes)}`)
  const list = (typeof axes === 'number' ? [axes] : [...axes]).map((a) => normalizeAxis(op, a, rank))
  if (new Set(list).size !== list.length) throw new ShapeError(`${op}: axes ${formatShape(list)} repeat an axis`)
  return list.sort((x, y) => x - y)
}

/** Requires an array of numbers, such as a shape. @throws TypeError */
export function requireNumbers(op: string, name: string, list: unknown): asserts list is readonly number[] {
  if (!Array.isArray(list))
    throw new TypeError(
      `${op}: ${name} must be an array of numbers, got ${shown(list)}${typeof list === 'number' ? `; write [${list}]` : ''}`,
    )
  for (const item of list)
    if (typeof item !== 'number') throw new TypeError(`${op}: ${name} must be numbers, got ${shown(list)}`)
}

/** Requires non-negative integer dimensions. @throws TypeError, ShapeError */
export function checkShape(what: string, shape: Shape): void {
  requireNumbers(what, 'the shape', shape)
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0) {
      throw new ShapeError(`${what}: shape ${formatShape(shape)} has a dimension that is not a non-negative integer`)
    }
  }
  if (!Number.isSafeInteger(elementCount(shape)))
    throw new ShapeError(`${what}: shape ${formatShape(shape)} has more elements than can be counted`)
}

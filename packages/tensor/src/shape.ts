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

/** NumPy's broadcasting rule: shapes are aligned at the right, and a dimension of 1 stretches. */
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

/** An axis counted from the front; negative ones count from the back. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError(`${op}: axis ${axis} is outside a tensor of ${rank} dimensions`)
  }
  return axis < 0 ? axis + rank : axis
}

/** Several axes, normalised, sorted, without repeats; `undefined` means all of them. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i)
  const list = (typeof axes === 'number' ? [axes] : [...axes]).map((a) => normalizeAxis(op, a, rank))
  if (new Set(list).size !== list.length) throw new ShapeError(`${op}: axes ${formatShape(list)} repeat an axis`)
  return list.sort((x, y) => x - y)
}

export function checkShape(what: string, shape: Shape): void {
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0) {
      throw new ShapeError(`${what}: shape ${formatShape(shape)} has a dimension that is not a non-negative integer`)
    }
  }
}

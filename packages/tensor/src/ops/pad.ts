// Padding.

import { requireTensor, requireWhole, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { formatShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { flip } from './flip.ts'
import { full } from './full.ts'
import { repeat } from './shapes.ts'
import { concatenate, sliceAxis } from './slice-concatenate.ts'

/**
 * The padding: a number, the mirror image without the edge ('reflect') or with it ('symmetric'), the edge element, or
 * the elements of the other end ('wrap').
 */
export type PadMode = 'constant' | 'reflect' | 'symmetric' | 'edge' | 'wrap'

/**
 * Pads every axis before and after its elements (as in NumPy: the first axis first).
 * @param widths one [before, after] for each axis
 * @throws ShapeError if more elements are copied than the axis has
 * @example
 * pad(device.tensor([1, 2]), [[1, 2]]) // [0, 1, 2, 0, 0]
 * pad(device.tensor([1, 2]), [[2, 0]], 'edge') // [1, 1, 1, 2]
 */
export function pad(
  x: Tensor,
  widths: readonly (readonly [number, number])[],
  mode: PadMode = 'constant',
  value = 0,
): Tensor {
  requireTensor('pad', x)
  if (!Array.isArray(widths) || widths.length !== x.ndim)
    throw new ShapeError(
      `pad: widths must be one [before, after] for each axis of ${formatShape(x.shape)}, got ${shown(widths)}`,
    )
  if (!['constant', 'reflect', 'symmetric', 'edge', 'wrap'].includes(mode))
    throw new TypeError(
      `pad: the mode must be 'constant', 'reflect', 'symmetric', 'edge' or 'wrap', got ${shown(mode)}`,
    )
  if (typeof value !== 'number') throw new TypeError(`pad: the value must be a number, got ${shown(value)}`)
  let y = x
  widths.forEach((width, axis) => {
    if (!Array.isArray(width) || width.length !== 2)
      throw new ShapeError(`pad: the widths of axis ${axis} must be [before, after], got ${shown(width)}`)
    for (const w of width) requireWhole('pad', 'a width', w)
    const [before, after] = width
    const n = y.shape[axis]
    const longest =
      mode === 'constant' ? Infinity : mode === 'reflect' ? n - 1 : mode === 'edge' && n > 0 ? Infinity : n
    for (const w of width)
      if (w > longest && w > 0)
        throw new ShapeError(
          `pad: '${mode}' can add up to ${Math.max(0, longest)} to axis ${axis} of ${formatShape(x.shape)}, got ${w}`,
        )
    const of = (w: number, front: boolean): Tensor[] => {
      if (w === 0) return []
      const shape = y.shape.map((d, i) => (i === axis ? w : d))
      const part = (from: number, to: number) => sliceAxis(y, axis, from, to)
      switch (mode) {
        case 'constant':
          return [full(shape, value, y.dtype)]
        case 'reflect':
          return [flip(front ? part(1, w + 1) : part(n - 1 - w, n - 1), axis)]
        case 'symmetric':
          return [flip(front ? part(0, w) : part(n - w, n), axis)]
        case 'edge':
          return [repeat(front ? part(0, 1) : part(n - 1, n), w, axis)]
        case 'wrap':
          return [front ? part(n - w, n) : part(0, w)]
      }
    }
    const parts = [...of(before, true), y, ...of(after, false)]
    if (parts.length > 1) y = concatenate(parts, axis)
  })
  return y
}

// The brand that identifies tensors.

import type { Tensor } from './tensor.ts'

/** A property of every tensor, so that two copies of the package in one program recognise each other's tensors. */
export const tensorBrand = Symbol.for('kumiki.tensor')

/**
 * Whether a value is a tensor, of this copy of the package or another.
 * @example isTensor(device.tensor([1])) // true
 */
export function isTensor(x: unknown): x is Tensor {
  return typeof x === 'object' && x !== null && (x as Record<symbol, unknown>)[tensorBrand] === true
}

// What a tensor is known by, across copies of the package.

import type { Tensor } from './tensor.ts'

/** What every tensor carries, so that two copies of the package in one program know each other's. */
export const tensorBrand = Symbol.for('kumiki.tensor')

/**
 *
 * @example isTensor(device.tensor([1])) // true
 */
export function isTensor(x: unknown): x is Tensor {
  return typeof x === 'object' && x !== null && (x as Record<symbol, unknown>)[tensorBrand] === true
}

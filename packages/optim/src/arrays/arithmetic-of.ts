// Finds the arithmetic of an array by its type.

import { describeValue } from '../check.ts'
import type { Arithmetic } from './arithmetic.ts'
import { float32Arithmetic, float64Arithmetic } from './block-arithmetic.ts'
import { isMethodArray, methodArithmetic, missingMethods } from './method-arithmetic.ts'

/**
 * The arithmetic of an array: Float32Array, Float64Array, or an array object with the methods of `MethodArray`.
 * @param what how error messages name the value
 * @throws TypeError if the value is not an array of a known kind
 * @example
 * ```ts
 * import { arithmeticOf } from '@kumiki/optim'
 *
 * console.log(arithmeticOf(Float32Array.of(3, 4)).sumOfSquares(Float32Array.of(3, 4))) // 25
 * ```
 */
export function arithmeticOf(leaf: unknown, what = 'leaf'): Arithmetic<any, any> {
  if (leaf instanceof Float32Array) return float32Arithmetic
  if (leaf instanceof Float64Array) return float64Arithmetic
  if (isMethodArray(leaf)) return methodArithmetic
  const missing = missingMethods(leaf)
  throw new TypeError(
    missing
      ? `${what}: ${describeValue(leaf)} has a shape but lacks ${missing.join(', ')}`
      : `${what}: expected a Float32Array, a Float64Array or an array object with a shape and methods add, mul, sqrt, ..., got ${describeValue(leaf)}`,
  )
}

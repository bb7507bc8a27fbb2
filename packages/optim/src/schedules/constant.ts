// The constant schedule.

import { checkNumber } from '../check.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

/**
 * The same value at every step.
 * @throws RangeError if value is negative or not finite
 * @example
 * ```ts
 * import { constant } from '@kumiki/optim'
 *
 * console.log(constant(3e-4)(1000)) // 0.0003
 * ```
 */
export function constant(value: number): Schedule {
  checkNumber('constant: value', value, 0)
  return defineSchedule({ kind: 'constant', value }, () => value)
}

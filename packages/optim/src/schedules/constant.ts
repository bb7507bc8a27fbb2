import { checkNumber } from '../check.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

/** The same value at every step. @throws RangeError where value is negative or not finite */
export function constant(value: number): Schedule {
  checkNumber('constant: value', value, 0)
  return defineSchedule({ kind: 'constant', value }, () => value)
}

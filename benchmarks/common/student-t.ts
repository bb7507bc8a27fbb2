import jstat from 'jstat'

/** The value that Student's t distribution stays below with probability `p`. */
export function studentT(p: number, degreesOfFreedom: number): number {
  return degreesOfFreedom > 0 ? jstat.studentt.inv(p, degreesOfFreedom) : Number.NaN
}

/** Quantiles of Student's t distribution. */
import jstat from 'jstat'

/** Quantile `p` of Student's t distribution; NaN unless `degreesOfFreedom` is above 0. */
export function studentT(p: number, degreesOfFreedom: number): number {
  return degreesOfFreedom > 0 ? jstat.studentt.inv(p, degreesOfFreedom) : Number.NaN
}

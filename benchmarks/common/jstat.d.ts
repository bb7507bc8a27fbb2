// Types of the parts of jstat (https://github.com/jstat/jstat) that are used here; the package has none.
declare module 'jstat' {
  interface Distributions {
    /** Regularised incomplete beta function I_x(a, b). */
    ibeta(x: number, a: number, b: number): number
    studentt: { inv(p: number, degreesOfFreedom: number): number }
  }
  const jstat: Distributions & { jStat: Distributions }
  export default jstat
}

/** Tools that the studies of the examples share. */
export { type LossCurve, mean, smoothed, spread, stepsToReach } from './curves.ts'
export { Results, withTable } from './results.ts'
export { Study, type StudyOptions, type StudyRunOptions } from './study.ts'

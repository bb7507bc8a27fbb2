export { type Band, type Chart, charts, type Line, type Points } from './chart.ts'
export { type LossCurve, mean, smoothed, spread, stepsToReach } from './curves.ts'
export { Results, withTable } from './results.ts'
export { Study, type StudyOptions, type StudyRunOptions } from './study.ts'

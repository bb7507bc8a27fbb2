/** Reading the files of a run folder. Loads nothing else of this package, so that a page about runs can be made without it. */
export { type Metric, parseMetrics } from './metrics.ts'
export {
  type HeldOutLoss,
  parseEvaluations,
  parseSamples,
  parseSummary,
  type RunSummary,
  type Sample,
} from './run-files.ts'

/** Reading the files of a run folder. Loads nothing else of this package, so that a page about runs can be made without it. */
export type { StepMetrics } from '../step-metrics.ts'
export { upgradeConfiguration, upgradeRunRecord } from './former-names.ts'
export { parseMetrics } from './metrics.ts'
export {
  type LossFigures,
  parseEvaluations,
  parseSamples,
  parseSummary,
  type RunSummary,
  type Sample,
  type UsedSubset,
} from './run-files.ts'

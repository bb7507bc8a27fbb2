/**
 * Readers of the files in a run folder. Loads no other part of this package, so that reports do not depend on it.
 */
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

/**
 * Training logs of Megatron-LM and torchtitan: incremental parsing, comparison with the plan of the run, and
 * calibration of a cluster's sustained rates.
 * @packageDocumentation
 */
export { type Calibration, calibrate, type MeasuredRun } from './log/calibrate.ts'
export {
  type Comparison,
  commandOfLog,
  compareLog,
  type LogSummary,
  type LogVerdict,
  summarizeLog,
  vocabularyOfLog,
} from './log/log-summary.ts'
export { type LogReading, TrainingLog } from './log/training-log.ts'

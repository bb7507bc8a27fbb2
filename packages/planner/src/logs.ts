/**
 * Training logs of Megatron-LM and torchtitan: read as they grow, beside the plan of their run, and what a cluster sustains fitted to them.
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

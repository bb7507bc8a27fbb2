/**
 * Reading what others wrote: Megatron-LM launches (commands, Slurm scripts, sets of scripts) and training logs. Apart from the rest because it
 * brings a shell parser.
 * @packageDocumentation
 */
export { type MegatronLaunch, type ReadOptions, readMegatron } from './launch/megatron-read.ts'
export { readMegatronFlags } from './launch/read-flags.ts'
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

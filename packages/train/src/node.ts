/** Functions of @kumiki/train that need a file system (Node.js). */
export { writeFileAtomically } from './atomic-file.ts'
export { BackgroundSave } from './checkpoints/background-save.ts'
export { type Disk, type FileChecksum, nodeDisk } from './checkpoints/disk.ts'
export { type CheckpointEntry, listCheckpoints } from './checkpoints/list.ts'
export { type FindOptions, type LoadedCheckpoint, loadCheckpoint, loadNewestCheckpoint } from './checkpoints/load.ts'
export type { CheckpointContext, CheckpointManifest } from './checkpoints/manifest.ts'
export { type SaveOptions, saveCheckpoint } from './checkpoints/save.ts'
export { type LivePage, type LivePageOptions, livePageObserver } from './live/observer.ts'
export { PauseGate, withPause } from './live/pause.ts'
export { MetricsLog } from './metrics-log.ts'
export { measureMatmul, type StandardMetricsOptions, standardMetrics } from './observers/standard-metrics.ts'
export { type TensorBoardOptions, tensorBoardObserver } from './observers/tensorboard.ts'
export { type BranchOptions, branchRun, originOf, originWeights, type StartOptions, startFrom } from './run/branch.ts'
export { DivergenceDetector, type LossReading } from './run/divergence-detector.ts'
export { type FolderObserverOptions, folderObservers } from './run/folder-observers.ts'
export { loadCheckpointToResume, type MadeWith, resumeRemarks, sameArithmetic } from './run/resume.ts'
export { parseRunAtStep, RunFolder, RunFolderError } from './run/run-folder.ts'
export { type LockHolder, RunLock, RunLockedError } from './run/run-lock.ts'
export { beginRun, type NewRunOptions, type PlanOptions, type RunPlan, resumeRun } from './run/run-plan.ts'
export { RunClock, runRecordObserver } from './run/run-process.ts'
export {
  type Cadence,
  type RecipeDifference,
  type RunDefinition,
  type RunOrigin,
  type RunProcess,
  type RunRecipe,
  type RunRecord,
  type RunSource,
  type RunTokenFiles,
  type RunTuning,
  readRecord,
  shellQuote,
} from './run/run-record.ts'
export { exitCodeOf, Stopped, type StopSignal, type StopSignalOptions, StopSignals } from './run/stop-signals.ts'

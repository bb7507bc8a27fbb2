/** The parts of training that need a file system. */
export { writeFileAtomically } from './atomic-file.ts'
export { type Disk, type FileSeal, nodeDisk } from './checkpoints/disk.ts'
export { type CheckpointEntry, listCheckpoints } from './checkpoints/list.ts'
export { type FindOptions, type LoadedCheckpoint, loadCheckpoint, takeUpCheckpoint } from './checkpoints/load.ts'
export type { CheckpointContext, CheckpointManifest } from './checkpoints/manifest.ts'
export { type SaveOptions, saveCheckpoint } from './checkpoints/save.ts'
export { type FileRanges, openFileRanges } from './file-ranges.ts'
export { MetricsLog } from './metrics-log.ts'
export { type LoadedModel, loadModel, saveModel, saveTokenizerConfig } from './model-folder.ts'
export {
  availableMemory,
  checkTrainingMemory,
  estimateTrainingMemory,
  type MemoryNeed,
  type MemoryShape,
} from './run/memory-need.ts'
export { parseRunAtStep, RunFolder, RunFolderError } from './run/run-folder.ts'
export { type LockHolder, RunLock, RunLockedError } from './run/run-lock.ts'
export { exitCodeOf, Stopped, type StopSignal, type StopSignalOptions, StopSignals } from './run/stop-signals.ts'
export { type TroubleReading, TroubleWatch } from './run/trouble-watch.ts'

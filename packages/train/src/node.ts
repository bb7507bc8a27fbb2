/** The parts of training that need a file system. */
export { writeFileAtomically } from './atomic-file.ts'
export { listCheckpoints, loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
export { MetricsLog } from './metrics-log.ts'
export { loadModel, saveModel } from './model-folder.ts'

/** The parts of models that need a file system. */
export { replaceFile } from './files/atomic-file.ts'
export { type FileRanges, openFileRanges } from './files/file-ranges.ts'
export { type SaveOptions, saveModel, saveTokenizerConfig } from './huggingface/export.ts'
export { type LoadedModel, type LoadOptions, loadModel } from './huggingface/import.ts'
export { openWeights, type WeightFiles } from './huggingface/weight-files.ts'

/** The parts of models that need a file system. */
export { replaceFile } from './files/atomic-file.ts'
export { type FileRanges, openFileRanges } from './files/file-ranges.ts'
export { saveModel, saveTokenizerConfig } from './huggingface/export.ts'
export { type LoadedModel, loadModel } from './huggingface/import.ts'

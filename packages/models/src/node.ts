/** The parts of models that need a file system. */
export { loadAdapter, saveAdapter } from './adapters/peft.ts'
export { replaceFile } from './files/atomic-file.ts'
export { type FileRanges, openFileRanges } from './files/file-ranges.ts'
export { type SaveOptions, saveModel, saveTokenizerConfig } from './huggingface/export.ts'
export { fetchFromHub, type HubOptions } from './huggingface/hub.ts'
export { type LoadedModel, type LoadOptions, loadModel, modelFolder } from './huggingface/import.ts'
export { copyTokenizerFiles } from './huggingface/model-files.ts'
export { openWeights, type WeightFiles } from './huggingface/weight-files.ts'

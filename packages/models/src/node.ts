/** Functions of @kumiki/models that need a file system (Node.js). */
export { loadAdapter, saveAdapter } from './adapters/peft.ts'
export { loadEvaluationTask } from './evaluate/task-files.ts'
export { replaceFile } from './files/atomic-file.ts'
export { type FileRanges, openFileRanges } from './files/file-ranges.ts'
export {
  type GgufOptions,
  type GgufTokenizer,
  type LoadedGguf,
  type LoadGgufOptions,
  loadGguf,
  saveGguf,
} from './gguf/gguf.ts'
export { type CardLicence, readCardLicence } from './huggingface/card-licence.ts'
export type { TokenIds } from './huggingface/config.ts'
export { type SaveOptions, saveModel, saveTokenizerConfig } from './huggingface/export.ts'
export { fetchFromHub, type HubOptions } from './huggingface/hub.ts'
export { type LoadedModel, type LoadOptions, loadModel, modelFolder } from './huggingface/import.ts'
export { type CardData, type CardScore, type ModelCard, modelCard } from './huggingface/model-card.ts'
export { copyLicenceFiles, copyTokenizerFiles } from './huggingface/model-files.ts'
export { openWeights, type WeightFiles } from './huggingface/weight-files.ts'

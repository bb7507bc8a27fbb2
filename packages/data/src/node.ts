/** Corpora and token files on disk; needs Node. */

export { type ExportedSource, type ExportOptions, exportTexts, type TextExport } from './blend/export-texts.ts'
export { type BuildTools, buildShard, bytesOfPart } from './build/build.ts'
export type { PartRecord } from './build/build-part.ts'
export { type BuildPart, type BuildPlan, type BuildSettings, planBuild } from './build/build-plan.ts'
export { type BuildResult, type MergeOptions, mergeParts, missingParts } from './build/merge-parts.ts'
export { loadBuildPlan, saveBuildPlan } from './build/saved-plan.ts'
export { conversationStream, type ReadConversation } from './conversations/conversation-stream.ts'
export { makeFolder } from './make-folder.ts'
export { type BuiltinCorpus, type BuiltinDocument, builtinCorpus } from './sources/builtin-corpus.ts'
export { type DocumentStreamOptions, documentStream, findTextFiles } from './sources/document-stream.ts'
export { type CorpusFile, readCorpus, readCorpusFiles } from './sources/read-corpus.ts'
export {
  type IndexedDatasetFile,
  openIndexedDataset,
  readDatasetIndex,
  writeIndexedDataset,
} from './tokens/indexed-dataset-files.ts'
export { readSubsets, type TokenSubset } from './tokens/subset-record.ts'

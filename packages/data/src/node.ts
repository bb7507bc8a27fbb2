/** Corpora and token files on disk; needs Node. */

export { makeFolder } from './make-folder.ts'
export { type BuiltinCorpus, type BuiltinDocument, builtinCorpus } from './sources/builtin-corpus.ts'
export { type CorpusFile, readCorpus, readCorpusFiles } from './sources/read-corpus.ts'
export {
  type IndexedDatasetFile,
  openIndexedDataset,
  readDatasetIndex,
  writeIndexedDataset,
} from './tokens/indexed-dataset-files.ts'

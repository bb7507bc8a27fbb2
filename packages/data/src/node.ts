/** Corpora and token files on disk; needs Node. */
export { type BuiltinCorpus, type BuiltinDocument, builtinCorpus } from './builtin-corpus.ts'
export { type IndexedDatasetFile, openIndexedDataset, writeIndexedDataset } from './indexed-dataset-files.ts'
export { makeFolder } from './make-folder.ts'
export { type CorpusFile, readCorpus, readCorpusFiles } from './read-corpus.ts'

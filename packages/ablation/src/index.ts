export { type Analysis, type AnalyzeOptions, analyze, type Effect } from './analyze.ts'
export {
  type AliasSet,
  aliases,
  type Design,
  type DesignOptions,
  design,
  type Factor,
  foldover,
  type Level,
  type Word,
} from './design.ts'
export { aliasTable, designCsv, designTable, effectsCsv, effectsTable } from './tables.ts'

/** Designs and their tables without the statistics of their analysis: what a page needs that only lays out runs. */
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
export { aliasTable, designCsv, designTable } from './tables.ts'

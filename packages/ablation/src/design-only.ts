/**
 * Designs and their tables, without the statistics of the analysis: a smaller entry point for applications that only
 * plan runs.
 */
export { type AliasSet, aliases, clearInteractions } from './designs/aliases.ts'
export { type Blocks, inBlocks } from './designs/blocks.ts'
export {
  type Design,
  type DesignOptions,
  design,
  type Factor,
  foldover,
  type Level,
  type Word,
} from './designs/design.ts'
export { fullFactorial, replicate } from './designs/full-factorial.ts'
export type { GivenFactor, LevelDesign, LevelFactor } from './designs/level-design.ts'
export { orthogonalArray } from './designs/orthogonal-arrays.ts'
export { plackettBurman } from './designs/plackett-burman.ts'
export { aliasTable, designCsv, designTable } from './tables.ts'

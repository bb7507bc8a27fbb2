/** Experimental designs for ablation studies, and their analysis. */
export {
  type Anova,
  type AnovaOptions,
  type AnovaTerm,
  analysisOfVariance,
  type Response,
} from './analysis/analysis-of-variance.ts'
export { type Analysis, type AnalyzeOptions, analyze, type Effect } from './analysis/analyze.ts'
export { type Lenth, type LenthEffect, lenth } from './analysis/lenth.ts'
export { curvature, type PowerRequest, power, replicatesNeeded } from './analysis/power.ts'
export { analyzeSeveral, type SeveralAnalyses, verdict } from './analysis/verdict.ts'
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
export { aliasTable, designCsv, designTable, effectsCsv, effectsTable } from './tables.ts'

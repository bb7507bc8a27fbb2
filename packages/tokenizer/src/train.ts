/**
 * Training of SentencePiece models.
 * @packageDocumentation
 */

export { TokenizerError } from './tokenizer-error.ts'
export { trainBpe } from './training/bpe.ts'
export type { NormalizationName, NormalizationRules } from './training/normalization-rules.ts'
export type { TrainOptions, TrainProgress } from './training/options.ts'
export { llmJpFixedScore, type ReestimateOptions, reestimateScores } from './training/reestimate.ts'
export { type StagedOptions, trainStaged, type VocabularyStage } from './training/staged.ts'
export { trainUnigram } from './training/unigram.ts'

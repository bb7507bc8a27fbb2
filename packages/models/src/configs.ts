/**
 * LLM-jp model configurations, and what follows from sizes alone: parameter counts, tensor shapes, FLOPs, config.json.
 * Pure data and arithmetic: this entry loads no tensor runtime.
 */
import type { ModelArchitecture } from './architecture.ts'
import { llmJp3, llmJp3Failed, llmJp3Moe } from './configs/llm-jp-3.ts'
import { llmJp4 } from './configs/llm-jp-4.ts'
import { type Model, presetOf } from './configs/model.ts'

export {
  type ArchitectureFamily,
  architectureFields,
  type ExpertArchitecture,
  type ModelArchitecture,
  padVocabSize,
  type RopeScaling,
  validateArchitecture,
} from './architecture.ts'
export {
  type CorpusBlend,
  type CorpusSubset,
  corpusShares,
  countCorpusTokens,
  languageShares,
} from './configs/corpus-blend.ts'
export { type LaunchNumbers, launchPlan, launchRecipe } from './configs/launch.ts'
export { llmJp3, llmJp3Failed, llmJp3Moe } from './configs/llm-jp-3.ts'
export { llmJp3Corpus } from './configs/llm-jp-3-corpus.ts'
export { llmJp4 } from './configs/llm-jp-4.ts'
export {
  llmJp4Corpus,
  llmJp4InstructionCorpus,
  llmJp4Phase2Corpus,
  llmJp4PlannedCorpus,
} from './configs/llm-jp-4-corpora.ts'
export type { Cooldown, DecayBranch, Model } from './configs/model.ts'
export { type CardCount, countAsCard } from './configs/model-card.ts'
export {
  type ParallelLayout,
  type RecipeOptimizer,
  scheduleNumbers,
  type TrainingRecipe,
  type WarmupCosine,
  type WarmupStableDecay,
} from './configs/recipe.ts'
export {
  fromHuggingFaceConfig,
  type HuggingFaceConfig,
  type HuggingFaceConfigOptions,
  toHuggingFaceConfig,
} from './huggingface/config.ts'
export {
  fromHuggingFaceGenerationConfig,
  type GenerationConfig,
  toHuggingFaceGenerationConfig,
} from './huggingface/generation-config.ts'
export {
  countParameters,
  flopsPerToken,
  type ParameterCount,
  type ParameterShape,
  parameterShapes,
} from './parameters.ts'

/** A model small enough to train in minutes on a laptop: 1.6 million parameters, the same layers as LLM-jp-3. */
export const nano: ModelArchitecture = {
  hiddenSize: 128,
  intermediateSize: 512,
  numHiddenLayers: 4,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  headDim: 32,
  vocabSize: 2048,
  paddedVocabSize: 2048,
  maxPositionEmbeddings: 256,
  ropeTheta: 10_000,
  rmsNormEps: 1e-5,
  initializerRange: 0.02,
  tieWordEmbeddings: false,
}

const models = new Map<string, Model>(
  [
    presetOf('nano', nano),
    ...Object.values(llmJp3),
    ...Object.values(llmJp3Failed),
    ...Object.values(llmJp3Moe),
    ...Object.values(llmJp4),
  ].map((model) => [model.name, model]),
)

/**
 * Every model known by name, smallest family first.
 * @example listModels().some(({ name }) => name === 'llm-jp-3-13b') // true
 */
export function listModels(): readonly Model[] {
  return [...models.values()]
}

/**
 * Finds a model by name, e.g. `llm-jp-3-1.8b` (any case; the `llm-jp-3-` of a dense model may be left out).
 * @throws RangeError listing the names there are; its fields `given` and `known` have them too
 * @example findModel('llm-jp-3-13b').recipe.globalBatchSize // 1024
 */
export function findModel(name: string): Model {
  const wanted = String(name).toLowerCase()
  const found = models.get(wanted) ?? models.get(`llm-jp-3-${wanted}`)
  if (found) return found
  const known = [...models.keys()]
  throw Object.assign(
    new RangeError(`findModel: no model is called ${JSON.stringify(name)}; there are ${known.join(', ')}`),
    { given: String(name), known },
  )
}

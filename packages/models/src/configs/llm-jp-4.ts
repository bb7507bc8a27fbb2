/** The LLM-jp-4 models and their first-phase launches, from the `params.sh` files of llm-jp/scripts at 0a703870. */
import type { ModelArchitecture } from '../architecture.ts'
import type { Model } from './llm-jp-3.ts'
import { llmJp4Common, llmJp4MixtureCommon, type TrainingRecipe } from './recipe.ts'

const common = {
  vocabSize: 196_608,
  paddedVocabSize: 196_608,
  maxPositionEmbeddings: 4096,
  ropeTheta: 500_000,
  rmsNormEps: 1e-6,
  tieWordEmbeddings: false,
} as const satisfies Partial<ModelArchitecture>

const mixtureCommon = { ...common, headDim: 128, initializerRange: 0.006, qkNorm: true } as const
const topEightOf128 = { numExperts: 128, numExpertsPerToken: 8, tensorNames: 'qwen3_moe' } as const

type Launch = Pick<
  TrainingRecipe,
  | 'learningRate'
  | 'minLearningRate'
  | 'globalBatchSize'
  | 'microBatchSize'
  | 'tensorParallel'
  | 'pipelineParallel'
  | 'source'
> &
  Partial<TrainingRecipe>

function launch(
  given: Launch,
  common: typeof llmJp4Common | typeof llmJp4MixtureCommon = llmJp4Common,
): TrainingRecipe {
  return { ...common, ...given, source: `llm-jp/scripts@0a703870 pretrain/scripts/${given.source}` }
}

const eightBillion: ModelArchitecture = {
  ...common,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  numHiddenLayers: 32,
  numAttentionHeads: 32,
  numKeyValueHeads: 8,
  headDim: 128,
  initializerRange: 0.02,
}

/** Dense and mixture models of LLM-jp-4, phase 1 (warm-up and stable part of a WSD schedule), and phase 2 of the 8B. */
export const llmJp4 = {
  'llm-jp-4-8b': {
    name: 'llm-jp-4-8b',
    architecture: eightBillion,
    recipe: launch({
      learningRate: 3e-4,
      minLearningRate: 3e-5,
      globalBatchSize: 512,
      microBatchSize: 1,
      tensorParallel: 1,
      pipelineParallel: 1,
      source: 'v4-8b-phase1',
    }),
  },
  // Goes on from phase 1 with four times the batch and another blend.
  'llm-jp-4-8b-phase2': {
    name: 'llm-jp-4-8b-phase2',
    architecture: eightBillion,
    recipe: launch({
      learningRate: 3e-4,
      minLearningRate: 3e-5,
      trainSteps: 1_000_000,
      decaySteps: 1_000_000,
      globalBatchSize: 2048,
      microBatchSize: 1,
      tensorParallel: 1,
      pipelineParallel: 1,
      source: 'v4-8b-phase2',
    }),
  },
  'llm-jp-4-32b': {
    name: 'llm-jp-4-32b',
    architecture: {
      ...common,
      hiddenSize: 5120,
      intermediateSize: 27_648,
      numHiddenLayers: 64,
      numAttentionHeads: 40,
      numKeyValueHeads: 8,
      headDim: 128,
      initializerRange: 0.02,
    },
    recipe: launch({
      learningRate: 2e-4,
      minLearningRate: 2e-5,
      globalBatchSize: 512,
      microBatchSize: 2,
      tensorParallel: 4,
      pipelineParallel: 1,
      source: 'v4-32b-phase1',
    }),
  },
  'llm-jp-4-32b-a3.8b': {
    name: 'llm-jp-4-32b-a3.8b',
    architecture: {
      ...mixtureCommon,
      hiddenSize: 2560,
      intermediateSize: 960,
      numHiddenLayers: 32,
      numAttentionHeads: 40,
      numKeyValueHeads: 4,
      experts: { ...topEightOf128, intermediateSize: 960 },
    },
    recipe: launch(
      {
        learningRate: 4e-4,
        minLearningRate: 4e-5,
        globalBatchSize: 1024,
        microBatchSize: 2,
        tensorParallel: 1,
        pipelineParallel: 1,
        expertParallel: 4,
        garbageCollectionSteps: 10,
        source: 'v4-32b-a3.8b-phase1',
      },
      llmJp4MixtureCommon,
    ),
  },
  'llm-jp-4-332b-a31b': {
    name: 'llm-jp-4-332b-a31b',
    architecture: {
      ...mixtureCommon,
      hiddenSize: 5120,
      intermediateSize: 2048,
      numHiddenLayers: 80,
      numAttentionHeads: 80,
      numKeyValueHeads: 4,
      experts: { ...topEightOf128, intermediateSize: 2048 },
    },
    recipe: launch(
      {
        learningRate: 4e-4,
        minLearningRate: 4e-5,
        globalBatchSize: 2048,
        microBatchSize: 1,
        tensorParallel: 2,
        pipelineParallel: 4,
        virtualPipeline: 5,
        expertParallel: 8,
        expertDispatch: 'deepep',
        // Until the load of the experts is balanced (about 2,000 steps).
        recompute: 'selective',
        recomputeModules: ['moe_act', 'layernorm'],
        // With virtual pipelines it does not train otherwise, its file says.
        memoryMappedData: false,
        source: 'v4-332b-a31b-phase1',
      },
      llmJp4MixtureCommon,
    ),
  },
  'llm-jp-4-291b-a27b': {
    name: 'llm-jp-4-291b-a27b',
    architecture: {
      ...mixtureCommon,
      hiddenSize: 5120,
      intermediateSize: 2048,
      numHiddenLayers: 70,
      numAttentionHeads: 80,
      numKeyValueHeads: 8,
      experts: { ...topEightOf128, intermediateSize: 2048 },
    },
    recipe: launch(
      {
        learningRate: 4e-4,
        minLearningRate: 4e-5,
        globalBatchSize: 2880,
        microBatchSize: 2,
        tensorParallel: 1,
        pipelineParallel: 6,
        virtualPipeline: 2,
        expertParallel: 8,
        nodes: 36,
        gpu: 'B200',
        recompute: 'selective',
        recomputeModules: ['moe'],
        routerFusion: true,
        source: 'v4-291b-a27b-phase1',
      },
      llmJp4MixtureCommon,
    ),
  },
} as const satisfies Record<string, Model>

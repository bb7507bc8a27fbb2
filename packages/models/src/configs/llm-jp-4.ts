/**
 * The LLM-jp-4 models: sizes, recipes and layouts, from the `params.sh` files of llm-jp/scripts at commit 0a703870 and
 * one branch of it.
 */
import type { ModelArchitecture } from '../architecture.ts'
import { llmJp4Corpus, llmJp4InstructionCorpus, llmJp4Phase2Corpus } from './llm-jp-4-corpora.ts'
import type { DecayBranch, Model } from './model.ts'
import {
  commonRecipe,
  type ParallelLayout,
  type TrainingRecipe,
  type WarmupStableDecay,
  withDataParallel,
} from './recipe.ts'

const script = (path: string, commit = '0a703870') =>
  `https://github.com/llm-jp/scripts/blob/${commit}/pretrain/scripts/${path}/params.sh`

const common = {
  vocabSize: 196_608,
  paddedVocabSize: 196_608,
  maxPositionEmbeddings: 4096,
  ropeTheta: 500_000,
  rmsNormEps: 1e-6,
  tieWordEmbeddings: false,
} as const satisfies Partial<ModelArchitecture>

const denseCommon = { ...common, headDim: 128, numKeyValueHeads: 8, initializerRange: 0.02 } as const
const mixtureCommon = { ...common, headDim: 128, initializerRange: 0.006, qkNorm: true } as const
const topEightOf128 = { numExperts: 128, numExpertsPerToken: 8, tensorNames: 'qwen3_moe' } as const

/** The stable run, which is not meant to decay: only its last step has the final learning rate. */
function stable(peak: number, final: number, steps = 12_000_000): WarmupStableDecay {
  return { kind: 'wsd', peak, final, warmupSteps: 2000, steps, decaySteps: 1, shape: 'linear' }
}

function recipeOf(schedule: WarmupStableDecay, globalBatchSize: number, rest: Partial<TrainingRecipe> = {}) {
  return { ...commonRecipe, schedule, trainSteps: schedule.steps, globalBatchSize, ...rest } satisfies TrainingRecipe
}

/** Router settings that the mixtures share. */
const routed = { auxiliaryLoss: 0.01, routerZLoss: 1e-3, routerPrecision: 'fp32' } as const

const dense: Omit<ParallelLayout, 'dataParallel' | 'microBatchSize' | 'tensorParallel'> = {
  pipelineParallel: 1,
  virtualPipeline: null,
  contextParallel: 1,
  expertParallel: 1,
  expertTensorParallel: 1,
  sequenceParallel: true,
  distributedOptimizer: true,
  nodes: null,
  gpusPerNode: 8,
  gpu: 'H200-SXM-141GB',
  expertDispatch: 'alltoall',
  recompute: 'none',
  recomputeModules: ['core_attn'],
  overlap: true,
  attentionBackend: 'fused',
  memoryMappedData: true,
  permuteFusion: false,
  routerFusion: false,
  garbageCollectionSteps: null,
  lossFusion: false,
  timeoutMinutes: 120,
}

const mixture = {
  ...dense,
  attentionBackend: 'flash',
  permuteFusion: true,
  garbageCollectionSteps: 100,
  lossFusion: true,
} as const satisfies typeof dense

/** The first phase, from random weights. */
const first = { corpus: llmJp4Corpus, startsFrom: null, branches: [], card: 'llm-jp-4', lesson: null } as const

/** Decays over the last 100,000 steps before 1, 2 and 3 million, to 0. */
function branchesOf(schedule: WarmupStableDecay, folder: string): DecayBranch[] {
  return [1, 2, 3].map((millions) => ({
    name: `decay${millions}m`,
    schedule: {
      kind: 'cooldown',
      schedule,
      start: millions * 1_000_000 - 100_000,
      steps: 100_000,
      final: 0,
      shape: 'minus_sqrt',
    },
    corpus: llmJp4Corpus,
    source: script(`${folder}/decay${millions}m`),
  }))
}

/** Branches with instruction pre-training count their own steps: 100,000 at the stable rate, 100,000 of decay. */
function instructionBranch(name: string): DecayBranch {
  return {
    name,
    schedule: {
      kind: 'wsd',
      peak: 3e-4,
      final: 0,
      warmupSteps: 2000,
      steps: 200_000,
      decaySteps: 100_000,
      shape: 'minus_sqrt',
    },
    corpus: llmJp4InstructionCorpus,
    source: script(`v4-8b-phase1/${name}`),
  }
}

const eightBillion: ModelArchitecture = {
  ...denseCommon,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  numHiddenLayers: 32,
  numAttentionHeads: 32,
}

/** The 8B in both phases and its mid-training on long sequences, the 32B, and the mixtures. */
export const llmJp4 = {
  'llm-jp-4-8b': {
    ...first,
    name: 'llm-jp-4-8b',
    architecture: eightBillion,
    recipe: recipeOf(stable(3e-4, 3e-5), 512),
    layout: withDataParallel({ ...dense, tensorParallel: 1, microBatchSize: 1 }),
    branches: [
      ...branchesOf(stable(3e-4, 3e-5), 'v4-8b-phase1'),
      instructionBranch('decay2m-ipt3.1'),
      instructionBranch('decay3m-ipt3.1'),
    ],
    source: script('v4-8b-phase1/base'),
  },
  // Four times the batch, and another blend.
  'llm-jp-4-8b-phase2': {
    ...first,
    name: 'llm-jp-4-8b-phase2',
    architecture: eightBillion,
    recipe: recipeOf(stable(3e-4, 3e-5, 1_000_000), 2048),
    layout: withDataParallel({ ...dense, tensorParallel: 1, microBatchSize: 1 }),
    corpus: llmJp4Phase2Corpus,
    startsFrom: 'llm-jp-4-8b',
    source: script('v4-8b-phase2/base'),
  },
  // Mid-training on sequences of 65,536 tokens; the blend is made for each task.
  'llm-jp-4-8b-65k': {
    ...first,
    name: 'llm-jp-4-8b-65k',
    architecture: { ...eightBillion, maxPositionEmbeddings: 65_536 },
    recipe: recipeOf(
      {
        kind: 'wsd',
        peak: 1.5e-4,
        final: 0,
        warmupSteps: 250,
        steps: 25_000,
        decaySteps: 12_500,
        shape: 'minus_sqrt',
      },
      128,
      { sequenceLength: 65_536 },
    ),
    layout: withDataParallel({
      ...dense,
      tensorParallel: 1,
      microBatchSize: 1,
      contextParallel: 8,
      recompute: 'selective',
    }),
    corpus: null,
    startsFrom: 'llm-jp-4-8b',
    // Branch v4_domain_common.
    source: script('v4-midtraining-domain-synka/task_template', 'v4_domain_common'),
  },
  'llm-jp-4-32b': {
    ...first,
    name: 'llm-jp-4-32b',
    architecture: {
      ...denseCommon,
      hiddenSize: 5120,
      intermediateSize: 27_648,
      numHiddenLayers: 64,
      numAttentionHeads: 40,
    },
    recipe: recipeOf(stable(2e-4, 2e-5), 512),
    layout: withDataParallel({ ...dense, tensorParallel: 4, microBatchSize: 2 }),
    branches: branchesOf(stable(2e-4, 2e-5), 'v4-32b-phase1'),
    source: script('v4-32b-phase1/base'),
  },
  'llm-jp-4-32b-a3.8b': {
    ...first,
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
    recipe: recipeOf(stable(4e-4, 4e-5), 1024, routed),
    layout: withDataParallel({
      ...mixture,
      tensorParallel: 1,
      microBatchSize: 2,
      expertParallel: 4,
      garbageCollectionSteps: 10,
    }),
    source: script('v4-32b-a3.8b-phase1/base'),
  },
  'llm-jp-4-332b-a31b': {
    ...first,
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
    recipe: recipeOf(stable(4e-4, 4e-5), 2048, routed),
    layout: withDataParallel({
      ...mixture,
      tensorParallel: 2,
      pipelineParallel: 4,
      virtualPipeline: 5,
      expertParallel: 8,
      microBatchSize: 1,
      expertDispatch: 'deepep',
      // Until the load of the experts is balanced (about 2,000 steps).
      recompute: 'selective',
      recomputeModules: ['moe_act', 'layernorm'],
      // According to its script, it does not train otherwise with virtual pipelines.
      memoryMappedData: false,
    }),
    source: script('v4-332b-a31b-phase1/base'),
  },
  'llm-jp-4-291b-a27b': {
    ...first,
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
    recipe: recipeOf(stable(4e-4, 4e-5), 2880, routed),
    layout: withDataParallel({
      ...mixture,
      tensorParallel: 1,
      pipelineParallel: 6,
      virtualPipeline: 2,
      expertParallel: 8,
      microBatchSize: 2,
      nodes: 36,
      gpu: 'B200',
      recompute: 'selective',
      recomputeModules: ['moe'],
      routerFusion: true,
    }),
    source: script('v4-291b-a27b-phase1/base'),
  },
} as const satisfies Record<string, Model>

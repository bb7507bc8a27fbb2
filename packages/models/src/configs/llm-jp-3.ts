/** The LLM-jp-3 models: sizes, recipes and layouts, from llm-jp/scripts at commit 0a703870 and two branches of it. */
import { type ModelArchitecture, padVocabSize } from '../architecture.ts'
import { llmJp3Corpus } from './llm-jp-3-corpus.ts'
import type { Model } from './model.ts'
import {
  commonRecipe,
  type ParallelLayout,
  type TrainingRecipe,
  type WarmupCosine,
  withDataParallel,
} from './recipe.ts'

/** Pieces of the tokenizer llm-jp-tokenizer ver3.0b1 as the LLM-jp-3 lecture and model cards count them. */
const vocabSize = 99_487

const scripts = (commit: string, folder: string) =>
  `https://github.com/llm-jp/scripts/tree/${commit}/pretrain/scripts/${folder}`

/** One model as its launch script states it. */
interface Launch {
  readonly layers: number
  readonly hidden: number
  readonly ffn: number
  readonly heads: number
  readonly keyValueHeads?: number
  readonly headDim?: number
  readonly nodes: number
  readonly tensorParallel?: number
  readonly pipelineParallel?: number
  readonly microBatchSize: number
  readonly globalBatchSize: number
  readonly learningRate: number
  /** `--train-iters`. */
  readonly steps: number
  /** `--lr-decay-iters`; the dense runs set it to steps - 2000. */
  readonly decaySteps?: number
  readonly source: string
}

const warmupSteps = 2000

/** All runs have the same warm-up, and a minimum of a tenth of the peak. */
function scheduleOf({ learningRate, steps, decaySteps = steps - warmupSteps }: Launch): WarmupCosine {
  // Rounded to the number in the script: 2.5e-5, not 2.5000000000000001e-5.
  const minimum = Number((learningRate / 10).toPrecision(12))
  return {
    kind: 'warmup',
    steps: warmupSteps,
    from: 0,
    shape: 'linear',
    // Megatron-LM subtracts the warm-up from --lr-decay-iters.
    schedule: { kind: 'cosine', from: learningRate, to: minimum, steps: decaySteps - warmupSteps },
  }
}

function modelOf(name: string, launch: Launch): Model & { recipe: TrainingRecipe; layout: ParallelLayout } {
  const { layers, hidden, ffn, heads, keyValueHeads = heads, headDim = 128, tensorParallel = 1, nodes } = launch
  const architecture: ModelArchitecture = {
    hiddenSize: hidden,
    intermediateSize: ffn,
    numHiddenLayers: layers,
    numAttentionHeads: heads,
    numKeyValueHeads: keyValueHeads,
    headDim,
    vocabSize,
    paddedVocabSize: padVocabSize(vocabSize, tensorParallel),
    maxPositionEmbeddings: 4096,
    ropeTheta: 10_000,
    rmsNormEps: 1e-5,
    initializerRange: 0.02,
    tieWordEmbeddings: false,
  }
  const recipe: TrainingRecipe = {
    ...commonRecipe,
    schedule: scheduleOf(launch),
    // llm-jp/Megatron-LM, megatron/core/tensor_parallel/cross_entropy.py: z_loss_strength=1e-4 under --use-z-loss.
    zLoss: 1e-4,
    trainSteps: launch.steps,
    globalBatchSize: launch.globalBatchSize,
  }
  const layout = withDataParallel({
    tensorParallel,
    pipelineParallel: launch.pipelineParallel ?? 1,
    virtualPipeline: null,
    contextParallel: 1,
    expertParallel: 1,
    expertTensorParallel: 1,
    // Megatron-LM itself switches it off where tensorParallel is 1.
    sequenceParallel: true,
    distributedOptimizer: true,
    microBatchSize: launch.microBatchSize,
    nodes,
    gpusPerNode: 8,
    gpu: 'H100-SXM-80GB',
    expertDispatch: 'alltoall',
    // --recompute-activations
    recompute: 'selective',
    recomputeModules: ['core_attn'],
    overlap: false,
    attentionBackend: 'flash',
    memoryMappedData: true,
    permuteFusion: false,
    routerFusion: false,
    garbageCollectionSteps: null,
    lossFusion: false,
    timeoutMinutes: null,
  })
  return {
    name,
    architecture,
    recipe,
    layout,
    corpus: llmJp3Corpus,
    startsFrom: null,
    branches: [],
    card: 'llm-jp-3',
    lesson: null,
    source: launch.source,
  }
}

const size150m = { layers: 12, hidden: 512, ffn: 2048, heads: 8, headDim: 64 }
const size1800m = { layers: 24, hidden: 2048, ffn: 7168, heads: 16 }
const size13b = { layers: 40, hidden: 5120, ffn: 13_824, heads: 40 }
const size172b = { layers: 96, hidden: 12_288, ffn: 38_464, heads: 96, keyValueHeads: 16 }
const small = { globalBatchSize: 512, learningRate: 3e-4, steps: 988_240 }
const large = { nodes: 16, globalBatchSize: 1024, steps: 494_120 }
const largest = { nodes: 64, tensorParallel: 4, pipelineParallel: 16, microBatchSize: 1, globalBatchSize: 1728 }

const dense172b = modelOf('llm-jp-3-172b', {
  ...size172b,
  ...largest,
  learningRate: 8e-5,
  steps: 292_812,
  source: scripts('0a703870', 'v3-172b-exp2-sakura'),
})

/** The eight dense LLM-jp-3 models by name. All but 172B use as many key/value heads as heads. */
export const llmJp3 = {
  'llm-jp-3-150m': modelOf('llm-jp-3-150m', {
    ...size150m,
    ...small,
    nodes: 8,
    microBatchSize: 8,
    source: scripts('0a703870', 'v3-152m-sakura'),
  }),
  'llm-jp-3-440m': modelOf('llm-jp-3-440m', {
    ...{ layers: 16, hidden: 1024, ffn: 3584, heads: 8 },
    ...small,
    nodes: 4,
    microBatchSize: 8,
    // Branch v3-440m.
    source: scripts('a1deaf1', 'v3-440m-sakura'),
  }),
  'llm-jp-3-980m': modelOf('llm-jp-3-980m', {
    ...{ layers: 20, hidden: 1536, ffn: 5376, heads: 8, headDim: 192 },
    ...small,
    nodes: 4,
    microBatchSize: 4,
    source: scripts('0a703870', 'v3-980m-sakura'),
  }),
  'llm-jp-3-1.8b': modelOf('llm-jp-3-1.8b', {
    ...size1800m,
    ...small,
    nodes: 4,
    microBatchSize: 4,
    source: scripts('0a703870', 'v3-1.8b-exp2-sakura'),
  }),
  'llm-jp-3-3.7b': modelOf('llm-jp-3-3.7b', {
    ...{ layers: 28, hidden: 3072, ffn: 8192, heads: 24 },
    ...large,
    microBatchSize: 2,
    learningRate: 3e-4,
    source: scripts('0a703870', 'v3-3.8b-exp1-sakura'),
  }),
  'llm-jp-3-7.2b': modelOf('llm-jp-3-7.2b', {
    ...{ layers: 32, hidden: 4096, ffn: 11_008, heads: 32 },
    ...large,
    ...{ tensorParallel: 2, pipelineParallel: 2, microBatchSize: 4 },
    learningRate: 2.5e-4,
    source: scripts('0a703870', 'v3-7.3b-exp1-sakura'),
  }),
  'llm-jp-3-13b': modelOf('llm-jp-3-13b', {
    ...size13b,
    ...large,
    ...{ tensorParallel: 2, pipelineParallel: 2, microBatchSize: 2 },
    learningRate: 2e-4,
    source: scripts('0a703870', 'v3-13b-exp4-sakura'),
  }),
  'llm-jp-3-172b': { ...dense172b, layout: { ...dense172b.layout, timeoutMinutes: 15 } },
} as const satisfies Record<string, Model>

const failed172b = modelOf('llm-jp-172b-exp1-failed', {
  ...size172b,
  ...largest,
  learningRate: 1e-4,
  steps: 296_699,
  decaySteps: 268_442,
  source: 'https://github.com/llm-jp/Megatron-LM/blob/172b-exp2/scripts/gcp/Llama-2-175B/llama-2-175b.sh',
})

/** The first training run of the 172B, on Google Cloud. */
export const llmJp3Failed = {
  'llm-jp-172b-exp1-failed': {
    ...failed172b,
    recipe: { ...failed172b.recipe, optimizer: { ...failed172b.recipe.optimizer, epsilon: 1e-5 } },
    // No model was published, and its script does not state the blend.
    card: null,
    corpus: null,
    lesson:
      "Adam's epsilon was 1e-5 where the other runs have 1e-8: gradients of a model this large are smaller than that, so the steps shrank, the loss stayed too high, and the run was restarted",
  },
} as const satisfies Record<string, Model>

function mixture(name: string, startsFrom: string, launch: Launch, expertParallel: number): Model {
  const experts = {
    numExperts: 8,
    numExpertsPerToken: 2,
    intermediateSize: launch.ffn,
    tensorNames: 'mixtral',
  } as const
  const model = modelOf(name, launch)
  return {
    ...model,
    architecture: { ...model.architecture, experts },
    recipe: { ...model.recipe, zLoss: null, auxiliaryLoss: 0.01 },
    layout: {
      ...model.layout,
      expertParallel,
      // The Megatron-LM version of these runs supported no other value.
      expertTensorParallel: launch.tensorParallel ?? 1,
      recompute: 'none',
      overlap: true,
    },
    startsFrom,
  }
}

/** The two LLM-jp-3 mixtures, upcycled from the dense 1.8B and 13B. */
export const llmJp3Moe = {
  'llm-jp-3-8x1.8b': mixture(
    'llm-jp-3-8x1.8b',
    'llm-jp-3-1.8b',
    {
      ...size1800m,
      ...{ nodes: 4, pipelineParallel: 2, microBatchSize: 2, globalBatchSize: 1024 },
      ...{ learningRate: 3e-4, steps: 492_120, decaySteps: 492_120 },
      // And v3-8x1.8b-exp1-sakura, with the same numbers.
      source: scripts('0a703870', 'v3-8x1.8b-exp2-sakura'),
    },
    1,
  ),
  'llm-jp-3-8x13b': mixture(
    'llm-jp-3-8x13b',
    'llm-jp-3-13b',
    {
      ...size13b,
      ...{ nodes: 32, tensorParallel: 2, pipelineParallel: 4, microBatchSize: 1, globalBatchSize: 1024 },
      ...{ learningRate: 3e-4, steps: 494_120, decaySteps: 494_120 },
      // Branch v3-8x13b-exp1.
      source: scripts('e9d4d7b', 'v3-8x13b-exp1-sakura'),
    },
    4,
  ),
} as const satisfies Record<string, Model>

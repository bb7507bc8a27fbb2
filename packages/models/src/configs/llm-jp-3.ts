/** The LLM-jp-3 models and the launches that trained them, from llm-jp/scripts at commit 0a703870. */
import { type ModelArchitecture, padVocabSize } from '../architecture.ts'
import { llmJp3Common, type TrainingRecipe } from './recipe.ts'

/** A model with a name: its sizes and, where it was trained for real, the launch. */
export interface Model {
  readonly name: string
  readonly architecture: ModelArchitecture
  /** null where there is no published training run (the `nano` preset). */
  readonly recipe: TrainingRecipe | null
}

/** Pieces of the tokenizer llm-jp-tokenizer ver3.0b1 as the LLM-jp-3 lecture and model cards count them. */
const vocabSize = 99_487

// Legend of a row: layers, hidden, ffn, heads, key/value heads, head width | nodes, TP, PP, micro batch, global batch |
// learning rate, train steps | folder of pretrain/scripts.
type Row = readonly [
  layers: number,
  hidden: number,
  ffn: number,
  heads: number,
  keyValueHeads: number,
  headDim: number,
  nodes: number,
  tensorParallel: number,
  pipelineParallel: number,
  microBatchSize: number,
  globalBatchSize: number,
  learningRate: number,
  trainSteps: number,
  folder: string,
]

function architectureOf(row: Row): ModelArchitecture {
  const [layers, hidden, ffn, heads, keyValueHeads, headDim, , tensorParallel] = row
  return {
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
}

function recipeOf(row: Row, minLearningRate: number): TrainingRecipe {
  const [, , , , , , nodes, tensorParallel, pipelineParallel, microBatchSize, globalBatchSize, learningRate, steps] =
    row
  return {
    ...llmJp3Common,
    learningRate,
    minLearningRate,
    trainSteps: steps,
    decaySteps: steps - llmJp3Common.warmupSteps,
    globalBatchSize,
    tensorParallel,
    pipelineParallel,
    microBatchSize,
    nodes,
    source: `llm-jp/scripts@0a703870 pretrain/scripts/${row[13]}`,
  }
}

function dense(name: string, row: Row, minLearningRate: number, rest: Partial<TrainingRecipe> = {}): Model {
  return { name, architecture: architectureOf(row), recipe: { ...recipeOf(row, minLearningRate), ...rest } }
}

/** The eight dense LLM-jp-3 models by name. All but 172B use as many key/value heads as heads. */
export const llmJp3 = {
  'llm-jp-3-150m': dense(
    'llm-jp-3-150m',
    [12, 512, 2048, 8, 8, 64, 8, 1, 1, 8, 512, 3e-4, 988_240, 'v3-152m-sakura'],
    3e-5,
  ),
  'llm-jp-3-440m': dense(
    'llm-jp-3-440m',
    [16, 1024, 3584, 8, 8, 128, 4, 1, 1, 8, 512, 3e-4, 988_240, 'v3-440m-sakura (branch v3-440m)'],
    3e-5,
  ),
  'llm-jp-3-980m': dense(
    'llm-jp-3-980m',
    [20, 1536, 5376, 8, 8, 192, 4, 1, 1, 4, 512, 3e-4, 988_240, 'v3-980m-sakura'],
    3e-5,
  ),
  'llm-jp-3-1.8b': dense(
    'llm-jp-3-1.8b',
    [24, 2048, 7168, 16, 16, 128, 4, 1, 1, 4, 512, 3e-4, 988_240, 'v3-1.8b-exp2-sakura'],
    3e-5,
  ),
  'llm-jp-3-3.7b': dense(
    'llm-jp-3-3.7b',
    [28, 3072, 8192, 24, 24, 128, 16, 1, 1, 2, 1024, 3e-4, 494_120, 'v3-3.8b-exp1-sakura'],
    3e-5,
  ),
  'llm-jp-3-7.2b': dense(
    'llm-jp-3-7.2b',
    [32, 4096, 11_008, 32, 32, 128, 16, 2, 2, 4, 1024, 2.5e-4, 494_120, 'v3-7.3b-exp1-sakura'],
    2.5e-5,
  ),
  'llm-jp-3-13b': dense(
    'llm-jp-3-13b',
    [40, 5120, 13_824, 40, 40, 128, 16, 2, 2, 2, 1024, 2e-4, 494_120, 'v3-13b-exp4-sakura'],
    2e-5,
  ),
  'llm-jp-3-172b': dense(
    'llm-jp-3-172b',
    [96, 12_288, 38_464, 96, 16, 128, 64, 4, 16, 1, 1728, 8e-5, 292_812, 'v3-172b-exp2-sakura'],
    8e-6,
    { timeoutMinutes: 15 },
  ),
} as const satisfies Record<string, Model>

/** A launch that is no longer in use and lies elsewhere. */
const failed172b: TrainingRecipe = {
  ...recipeOf([96, 12_288, 38_464, 96, 16, 128, 64, 4, 16, 1, 1728, 1e-4, 296_699, ''], 1e-5),
  decaySteps: 268_442,
  epsilon: 1e-5,
  source: 'llm-jp/Megatron-LM branch 172b-exp2 scripts/gcp/Llama-2-175B/llama-2-175b.sh',
}

/** The 172B as it was first trained: Adam's epsilon of 1e-5 stopped it from learning, and it was started again. */
export const llmJp3Failed = {
  'llm-jp-172b-exp1-failed': {
    name: 'llm-jp-172b-exp1-failed',
    architecture: llmJp3['llm-jp-3-172b'].architecture,
    recipe: failed172b,
  },
} as const satisfies Record<string, Model>

function mixture(name: string, row: Row, expertParallel: number, decaySteps: number): Model {
  const experts = { numExperts: 8, numExpertsPerToken: 2, intermediateSize: row[2], tensorNames: 'mixtral' } as const
  return {
    name,
    architecture: { ...architectureOf(row), experts },
    recipe: {
      ...recipeOf(row, 3e-5),
      decaySteps,
      expertParallel,
      // The Megatron-LM of the time had no other.
      expertTensorParallel: row[7],
      zLoss: null,
      auxiliaryLoss: 0.01,
      recompute: 'none',
      overlap: true,
    },
  }
}

/** The two LLM-jp-3 mixtures, upcycled from the dense 1.8B and 13B. */
export const llmJp3Moe = {
  'llm-jp-3-8x1.8b': mixture(
    'llm-jp-3-8x1.8b',
    [24, 2048, 7168, 16, 16, 128, 4, 1, 2, 2, 1024, 3e-4, 492_120, 'v3-8x1.8b-exp{1,2}-sakura'],
    1,
    492_120,
  ),
  'llm-jp-3-8x13b': mixture(
    'llm-jp-3-8x13b',
    [40, 5120, 13_824, 40, 40, 128, 32, 2, 4, 1, 1024, 3e-4, 494_120, 'v3-8x13b-exp1-sakura (branch v3-8x13b-exp1)'],
    4,
    494_120,
  ),
} as const satisfies Record<string, Model>

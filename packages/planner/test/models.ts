/** Models for the tests of the planner: LLM-jp (llm-jp/scripts@0a703870) and Megatron-LM's functional tests. */
import type { PlannerModel } from '../src/index.ts'

const llmJp3 = { vocab: 99_487, headDim: 128 }
const llmJp4 = { vocab: 196_608, headDim: 128 }

export const v3_13b: PlannerModel = { ...llmJp3, layers: 40, hidden: 5120, ffn: 13_824, heads: 40, kvHeads: 40 }
export const v3_172b: PlannerModel = { ...llmJp3, layers: 96, hidden: 12_288, ffn: 38_464, heads: 96, kvHeads: 16 }
export const v4_8b: PlannerModel = { ...llmJp4, layers: 32, hidden: 4096, ffn: 14_336, heads: 32, kvHeads: 8 }
export const v4_32b: PlannerModel = { ...llmJp4, layers: 64, hidden: 5120, ffn: 27_648, heads: 40, kvHeads: 8 }
export const v4_32bA3b: PlannerModel = {
  ...llmJp4,
  layers: 32,
  hidden: 2560,
  ffn: 960,
  heads: 40,
  kvHeads: 4,
  experts: { count: 128, topK: 8, ffn: 960 },
}
export const v4_332b: PlannerModel = {
  ...llmJp4,
  layers: 80,
  hidden: 5120,
  ffn: 2048,
  heads: 80,
  kvHeads: 4,
  experts: { count: 128, topK: 8, ffn: 2048 },
}
export const v4_291b: PlannerModel = { ...v4_332b, layers: 70, kvHeads: 8 }

/** gpt3_7b of Megatron-LM tests/functional_tests at d98e8a64: GELU, GQA, learned positions. */
export const ci7b: PlannerModel = {
  layers: 32,
  hidden: 4096,
  ffn: 16_384,
  heads: 32,
  kvHeads: 8,
  headDim: 128,
  vocab: 131_072,
  gatedMlp: false,
  learnedPositions: 8192,
}

/** LLM-jp-3's dense recipe, 13B's rates. */
export const recipe = {
  learningRate: 2e-4,
  minLearningRate: 2e-5,
  warmupSteps: 2000,
  schedule: 'cosine',
  trainSteps: 494_120,
  decaySteps: 492_120,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  maxGradNorm: 1,
  zLoss: 1e-4,
} as const

/** Converts a model configuration with Hugging Face's field names to a planner model. */
import { object } from '../check.ts'
import { type PlannerModel, validateModel } from './model.ts'

/** The fields that are read; others are ignored. */
export interface ArchitectureLike {
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly numKeyValueHeads: number
  readonly headDim: number
  readonly vocabSize: number
  readonly tieWordEmbeddings?: boolean
  readonly qkNorm?: boolean
  readonly experts?: {
    readonly numExperts: number
    readonly numExpertsPerToken: number
    readonly intermediateSize: number
  }
}

/**
 * The planner model of a SwiGLU decoder.
 * @throws RangeError or TypeError naming the field
 * @example
 * const heads = { numAttentionHeads: 4, numKeyValueHeads: 4, headDim: 32 }
 * const small = { hiddenSize: 128, intermediateSize: 384, numHiddenLayers: 4, vocabSize: 2048, ...heads }
 * fromArchitecture(small).layers // 4
 */
export function fromArchitecture(architecture: ArchitectureLike, name?: string): PlannerModel {
  object('architecture', architecture)
  const { experts } = architecture
  return validateModel({
    name,
    layers: architecture.numHiddenLayers,
    hidden: architecture.hiddenSize,
    ffn: architecture.intermediateSize,
    heads: architecture.numAttentionHeads,
    kvHeads: architecture.numKeyValueHeads,
    headDim: architecture.headDim,
    vocab: architecture.vocabSize,
    tiedEmbeddings: architecture.tieWordEmbeddings ?? false,
    qkNorm: architecture.qkNorm ?? false,
    experts: experts && {
      count: experts.numExperts,
      topK: experts.numExpertsPerToken,
      ffn: experts.intermediateSize,
    },
  })
}

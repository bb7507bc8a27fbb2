/** From a model configuration in Hugging Face's terms to the planner's. */
import { object } from '../check.ts'
import { type PlannerModel, validateModel } from './model.ts'

/** The fields that are read; whatever else there is does no harm. */
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
 * The planner's view of a SwiGLU decoder.
 * @throws RangeError or TypeError naming the field
 * @example
 * const small = { hiddenSize: 128, intermediateSize: 384, numHiddenLayers: 4, numAttentionHeads: 4, numKeyValueHeads: 4, headDim: 32, vocabSize: 2048 }
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

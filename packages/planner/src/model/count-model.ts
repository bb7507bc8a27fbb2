/** Parameter and FLOP counts of a planner model. */
import { layerParameters, modelFlopsPerToken, type PlannerModel, totalParameters, validateModel } from './model.ts'

/** Exact parameter counts, with the unpadded vocabulary. */
export interface ModelCount {
  readonly total: number
  /** Input and output embeddings (one if tied). Learned positions count as nonEmbedding. */
  readonly embedding: number
  readonly nonEmbedding: number
  /** Parameters one token uses: all except experts it is not routed to. */
  readonly activated: number
  /** Model FLOPs of training per token at a sequence length, with attention counted as half (causal) and in full. */
  flopsPerToken(sequenceLength: number): { readonly causal: number; readonly full: number }
}

/**
 * Counts a model.
 * @throws RangeError or TypeError naming the field
 * @example countModel(fromHuggingFace(config).model).total // 1364297728
 */
export function countModel(model: PlannerModel): ModelCount {
  const known = validateModel(model)
  const total = totalParameters(known)
  const embedding = known.hidden * known.vocab * (known.tiedEmbeddings ? 1 : 2)
  const { experts } = known
  const mixtures = experts ? known.layers - experts.firstDenseLayers : 0
  const all = mixtures > 0 ? layerParameters(known, known.layers - 1).experts : 0
  const idle = experts ? (mixtures * all * (experts.count - experts.topK)) / experts.count : 0
  return {
    total,
    embedding,
    nonEmbedding: total - embedding,
    activated: total - idle,
    flopsPerToken: (sequenceLength) => ({
      causal: modelFlopsPerToken(known, sequenceLength, true),
      full: modelFlopsPerToken(known, sequenceLength, false),
    }),
  }
}

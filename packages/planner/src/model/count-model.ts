/** Counts of a model in the planner's terms. */
import { layerParameters, modelFlopsPerToken, type PlannerModel, totalParameters, validateModel } from './model.ts'

/** Exact numbers of parameters, vocabulary not padded. */
export interface ModelCount {
  readonly total: number
  /** Input and output tables; one where they are tied. Learned positions are among the rest. */
  readonly embedding: number
  readonly nonEmbedding: number
  /** Parameters one token uses: all but the experts it does not visit. */
  readonly activated: number
  /** Model FLOPs of training on one token of a sequence of that length, causal attention counted half, and full. */
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

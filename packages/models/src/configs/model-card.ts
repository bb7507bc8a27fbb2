/** Parameters as the model cards count them. */
import type { ModelArchitecture } from '../architecture.ts'
import { countParameters } from '../parameters.ts'

/** The figures of a model card. */
export interface CardCount {
  readonly embedding: number
  readonly nonEmbedding: number
  readonly total: number
  /** Parameters one token uses. */
  readonly activated: number
}

/**
 * Counts parameters in the convention of a series' model cards.
 *
 * `llm-jp-3`: embedding parameters are both tables, and of a mixture's router only the rows of the chosen experts are
 * activated. `llm-jp-4`: embedding parameters are the input table alone, the output table is among the rest, and the
 * whole router is activated.
 * @throws RangeError naming a field outside its bounds, or an unknown convention
 * @example
 * countAsCard(findModel('llm-jp-3-8x1.8b').architecture, 'llm-jp-3').activated // 2924279808
 */
export function countAsCard(architecture: ModelArchitecture, convention: 'llm-jp-3' | 'llm-jp-4'): CardCount {
  if (convention !== 'llm-jp-3' && convention !== 'llm-jp-4')
    throw new RangeError(`countAsCard: convention must be llm-jp-3 or llm-jp-4, got ${String(convention)}`)
  const { total, embedding, inputEmbedding, nonEmbedding, activated } = countParameters(architecture)
  if (convention === 'llm-jp-4')
    return { embedding: inputEmbedding, nonEmbedding: total - inputEmbedding, total, activated }
  const { experts, numHiddenLayers, hiddenSize } = architecture
  const idleRows = experts ? numHiddenLayers * hiddenSize * (experts.numExperts - experts.numExpertsPerToken) : 0
  return { embedding, nonEmbedding, total, activated: activated - idleRows }
}

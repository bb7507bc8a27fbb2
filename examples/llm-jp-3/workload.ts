/**
 * Finds how much of a model this machine can train, with the planner's memory formula.
 */
import { countParameters, type ModelArchitecture } from '@kumiki/models/configs'
import { estimateLocalMemory, fromArchitecture, type LocalMemory } from '@kumiki/planner'
import { count } from './text.ts'

export interface Workload {
  readonly architecture: ModelArchitecture
  readonly batch: number
  readonly sequence: number
  /** Micro-batches per batch. */
  readonly accumulation: number
  readonly predicted: LocalMemory
  /** What is reduced compared with the whole model. */
  readonly reduced: readonly string[]
}

export interface Wish {
  readonly batch: number
  readonly sequence: number
  /** Vocabulary size of the text's tokenizer. */
  readonly pieces: number
  /** Bytes. */
  readonly limit: number
}

function predict(architecture: ModelArchitecture, batch: number, sequence: number, accumulation: number): LocalMemory {
  return estimateLocalMemory(fromArchitecture(architecture), {
    ...{ batch, sequence, accumulation },
    precision: 'bf16',
    positions: architecture.maxPositionEmbeddings,
  })
}

/** The fewest micro-batches in which the batch fits. */
function inParts(architecture: ModelArchitecture, { batch, sequence, limit }: Wish) {
  for (let accumulation = 1; accumulation <= batch; accumulation++) {
    if (batch % accumulation !== 0) continue
    const predicted = predict(architecture, batch, sequence, accumulation)
    if (predicted.total <= limit) return { accumulation, predicted }
  }
  return undefined
}

/**
 * Fits a model into memory: the whole model; else as many of its layers as fit, at full width; else one layer with only
 * the text's vocabulary; else that with half the width, and so on.
 */
export function fitWorkload(whole: ModelArchitecture, wish: Wish): Workload {
  const made = (architecture: ModelArchitecture, reduced: readonly string[]): Workload | undefined => {
    const fitting = inParts(architecture, wish)
    return fitting && { architecture, ...fitting, batch: wish.batch, sequence: wish.sequence, reduced }
  }
  for (let layers = whole.numHiddenLayers; layers >= 1; layers--) {
    const kept = layers < whole.numHiddenLayers ? [`${layers} of ${whole.numHiddenLayers} layers`] : []
    const workload = made({ ...whole, numHiddenLayers: layers }, kept)
    if (workload) return workload
  }
  const rows = { vocabSize: wish.pieces, paddedVocabSize: wish.pieces }
  for (let divisor = 1; divisor <= whole.numKeyValueHeads; divisor *= 2) {
    const narrow = narrowed({ ...whole, ...rows, numHiddenLayers: 1 }, divisor)
    if (!narrow) continue
    const workload = made(narrow, [
      `1 of ${whole.numHiddenLayers} layers`,
      `${count(wish.pieces)} of ${count(whole.vocabSize)} rows of the vocabulary`,
      ...(divisor === 1 ? [] : [`1/${divisor} of its width and heads`]),
    ])
    if (workload) return workload
  }
  throw new RangeError(
    `not even one reduced layer of the model with ${count(countParameters(whole).total)} parameters fits; raise --memory, or lower --batch and --sequence`,
  )
}

/** The same architecture with its width divided; undefined if the heads are not divisible. */
export function narrowed(whole: ModelArchitecture, divisor: number): ModelArchitecture | undefined {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads } = whole
  const parts = [hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads].map((n) => n / divisor)
  if (!parts.every(Number.isInteger)) return undefined
  const [hidden, inner, heads, keyValueHeads] = parts
  return {
    ...whole,
    hiddenSize: hidden,
    intermediateSize: inner,
    numAttentionHeads: heads,
    numKeyValueHeads: keyValueHeads,
  }
}

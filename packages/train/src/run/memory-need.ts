/** What training takes in memory, before anything is built. Node only. */
import { totalmem } from 'node:os'
import { countParameters, listModels, type ModelArchitecture } from '@kumiki/models/configs'
import type { PrecisionPolicy } from '../precision.ts'

export interface MemoryNeed {
  /** Weights, their float32 copy, gradients and the two moments of an Adam. */
  readonly stateBytes: number
  /** What the forward pass keeps for the backward one, and the pieces of logits. */
  readonly activationBytes: number
  readonly totalBytes: number
}

export interface MemoryShape {
  readonly architecture: ModelArchitecture
  readonly precision: PrecisionPolicy
  /** Sequences worked on at once: batchSize / accumulation. */
  readonly sequences: number
  readonly sequenceLength: number
}

/** Logits of a large vocabulary are made in pieces. */
const largestLogits = 2 ** 28

const bytesOf = { float32: 4, bfloat16: 2, float16: 2 } as const

/** An estimate from sizes alone, somewhat low rather than high: what it calls too much is too much. */
export function estimateTrainingMemory(shape: MemoryShape): MemoryNeed {
  const { architecture: a, precision, sequences, sequenceLength } = shape
  const parameters = countParameters(a).total
  const stored = bytesOf[precision.parameters]
  const master = precision.parameters !== 'float32' && precision.master !== false ? 4 : 0
  const moments = 2 * bytesOf[precision.moments ?? 'float32']
  const gradients = bytesOf[precision.gradients ?? 'float32']
  const stateBytes = parameters * (stored + master + moments + gradients)
  const tokens = sequences * sequenceLength
  const active = bytesOf[precision.activations]
  // A block keeps its residual and normed inputs, queries, keys, values, the attention's result, and SwiGLU's two halves.
  const heads = (a.numAttentionHeads + 2 * a.numKeyValueHeads) * a.headDim
  const width = a.experts ? a.experts.numExpertsPerToken * a.experts.intermediateSize : a.intermediateSize
  const perToken = 2 * 4 * a.hiddenSize + active * (2 * heads + 2 * width)
  const logits = Math.min(2 * 4 * tokens * a.vocabSize, largestLogits)
  const activationBytes = tokens * a.numHiddenLayers * perToken + logits
  return { stateBytes, activationBytes, totalBytes: stateBytes + activationBytes }
}

/** The cpu backend's memory is one WebAssembly memory: 4 GiB of addresses. */
const webAssemblyBytes = 2 ** 32

/** Bytes this process may use: the machine's memory, or its container's share. */
export function availableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/**
 * Holds a run's need against the memory there is.
 * @param device `cpu` is bound by WebAssembly's 4 GiB; on a GPU (whose memory is not told) only what the host needs is checked: float32 copies
 *   of weights and moments, for initial values and checkpoints
 * @throws RangeError with what is needed, what there is, and what would fit
 */
export function checkTrainingMemory(
  name: string,
  shape: MemoryShape,
  device: 'cpu' | 'webgpu',
  available: number = availableMemory(),
): void {
  const fits = (s: MemoryShape) =>
    needOn(s, device) <= (device === 'cpu' ? Math.min(available, webAssemblyBytes) : available)
  if (fits(shape)) return
  const need = estimateTrainingMemory(shape)
  const { architecture, precision } = shape
  const limit =
    device === 'cpu'
      ? available < webAssemblyBytes
        ? `this machine has ${gigabytes(available)}`
        : `the cpu device holds ${gigabytes(webAssemblyBytes)} at most (this machine has ${gigabytes(available)})`
      : `the host needs ${gigabytes(needOn(shape, device))} of it for float32 copies and has ${gigabytes(available)}`
  throw new RangeError(
    `${name}: training ${countParameters(architecture).total.toLocaleString('en')} parameters under ${precision.name} takes about ${gigabytes(need.totalBytes)} (${gigabytes(need.stateBytes)} for weights, gradients and moments, ${gigabytes(need.activationBytes)} for activations); ${limit}. ${whatFits(shape, fits)}`,
  )
}

function needOn(shape: MemoryShape, device: 'cpu' | 'webgpu'): number {
  return device === 'cpu' ? estimateTrainingMemory(shape).totalBytes : 12 * countParameters(shape.architecture).total
}

/** Smaller batches first, then smaller models, then other machines. */
function whatFits(shape: MemoryShape, fits: (shape: MemoryShape) => boolean): string {
  const smaller = { ...shape, sequences: 1 }
  if (shape.sequences > 1 && fits(smaller)) {
    let sequences = shape.sequences
    while (sequences > 1 && !fits({ ...shape, sequences })) sequences = Math.ceil(sequences / 2)
    return `${sequences} sequence${sequences === 1 ? '' : 's'} at once would fit: a smaller batch, or more accumulation`
  }
  const { vocabSize } = shape.architecture
  const models = listModels()
    .filter(({ architecture }) => !architecture.experts)
    .map(({ name, architecture }) => ({
      name,
      architecture: { ...architecture, vocabSize, paddedVocabSize: vocabSize },
    }))
    .filter(({ architecture }) => fits({ ...smaller, architecture }))
    .sort((x, y) => countParameters(y.architecture).total - countParameters(x.architecture).total)
  const best = models[0] ? `The largest known model that would fit (one sequence at once) is ${models[0].name}` : ''
  return `${best}${best ? '; l' : 'L'}arger ones train on many GPUs: see kumiki plan`
}

function gigabytes(bytes: number): string {
  const value = bytes / 2 ** 30
  return `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(2)} GiB`
}

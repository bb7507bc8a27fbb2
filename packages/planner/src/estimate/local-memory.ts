/**
 * Peak memory in bytes of a training step in Kumiki itself, on one device.
 *
 * It differs from the formulas of memory.ts, which are for Megatron-LM on many GPUs: Kumiki's compiler allocates
 * gradients only when they are computed, stores the residual stream and everything inside attention in float32 in every
 * precision, stores some rows of the logits at a time, and assigns memory by liveness. The peak is therefore not a sum
 * of parts but the maximum over a few moments of the step.
 *
 * Legend: T tokens of a batch, L layers, h hidden, f inner width of the MLP, q and k widths of all query and all key
 * heads, a heads, V vocabulary, w bytes of an input of a linear layer (4 or 2), and of SwiGLU's gate and up.
 */
import { type Fields, fields, flag, integer, object, oneOf } from '../check.ts'
import { attentionOutput, attentionWidths, layerParameters, type PlannerModel, validateModel } from '../model/model.ts'

/** Storage formats of a step: the fields of `@kumiki/train`'s precision policies that determine memory. */
export interface LocalPrecision {
  /** Matrices in the forward pass. Vectors (norm weights) are float32. */
  readonly parameters: 'float32' | 'bfloat16'
  /** Whether narrow matrices have float32 master weights; default true. */
  readonly master?: boolean
  /** Activations stored for the gradient: inputs of linear layers, and SwiGLU's gate and up. */
  readonly activations: 'float32' | 'bfloat16'
  /** Gradients of matrices before the update; default float32. */
  readonly gradients?: 'float32' | 'bfloat16'
  /** The two moments of Adam; default float32. */
  readonly moments?: 'float32' | 'bfloat16'
}

/** Policies that the formulas support, by name. */
export const localPrecisions = {
  f32: { parameters: 'float32', activations: 'float32' },
  bf16: { parameters: 'bfloat16', activations: 'bfloat16' },
  'bf16-pure': {
    parameters: 'bfloat16',
    master: false,
    activations: 'bfloat16',
    gradients: 'bfloat16',
    moments: 'bfloat16',
  },
} as const satisfies Record<string, LocalPrecision>

export interface LocalRun {
  /** Sequences per step. */
  readonly batch: number
  /** Tokens per sequence. */
  readonly sequence: number
  /** Micro-batches per batch (gradient accumulation); must divide it. Default 1. */
  readonly accumulation?: number
  /** A policy name, or formats. Default f32. */
  readonly precision?: keyof typeof localPrecisions | LocalPrecision
  /** Rows of the rotary tables (`maxPositionEmbeddings`). Default: the sequence. */
  readonly positions?: number
  /**
   * `webgpu` (default), where values that are alive at one time have buffers of their own, or `cpu`, where they lie
   * beside each other in one.
   */
  readonly device?: 'cpu' | 'webgpu'
}

/** The moment of peak memory: at the loss, in the backward pass of the last layer, or when all gradients exist. */
export type LocalMoment = 'loss' | 'backward' | 'update'

/** Memory of a step by part at its peak, in bytes. */
export interface LocalMemory {
  readonly parameters: number
  /** Weights that the forward pass reads. */
  readonly weights: number
  /** Master weights and Adam's two moments. */
  readonly optimizer: number
  /** Tokens, targets, rotary tables. */
  readonly inputs: number
  /** Gradients allocated at the peak. They are stored until the global norm is known. */
  readonly gradients: number
  /** Activations stored for the backward pass at the peak. */
  readonly activations: number
  /** The rows of logits allocated at the peak. */
  readonly logits: number
  /** Gradients of activations at the peak. */
  readonly working: number
  /**
   * Memory that cannot be shared on `webgpu`: a value larger than every free buffer (the embedding's gradient, computed
   * last) needs a new one.
   */
  readonly unshared: number
  readonly total: number
  readonly moment: LocalMoment
}

/** Logits up to this size in bytes are stored whole; of larger ones, some rows at a time. */
const logitsBytes = 16 << 20

/** Rows of logits that are stored at a time: as many as fit, at least half as many as hidden units, in tiles of 128. */
function logitRows(tokens: number, vocab: number, hidden: number): number {
  if (4 * tokens * vocab <= logitsBytes) return tokens
  const rows = Math.max(Math.floor(logitsBytes / 4 / vocab), Math.floor(hidden / 2), 1)
  return Math.min(tokens, rows < 128 ? rows : rows - (rows % 128))
}

const bytesOf = { float32: 4, bfloat16: 2 } as const

/** Bytes of activations that one layer stores per token. */
export interface LocalLayerBytes {
  readonly attention: number
  readonly mlp: number
}

/** @throws RangeError if the model has parts that Kumiki's decoder does not support */
function validateLocal(model: PlannerModel) {
  const known = validateModel(model)
  const unknown = [
    known.experts && 'experts',
    known.latentAttention && 'latentAttention',
    known.slidingWindow && 'slidingWindow',
    known.learnedPositions > 0 && 'learnedPositions',
    known.qkNorm && 'qkNorm',
    !known.gatedMlp && 'gatedMlp: false',
    known.gatedMlp && known.activation !== 'silu' && 'activation: gelu',
    known.biases !== 'none' && known.learnedPositions === 0 && 'biases',
    known.norm !== 'rms' && known.learnedPositions === 0 && 'norm: layer',
    known.normsPerLayer !== 2 && 'normsPerLayer',
  ].filter(Boolean)
  if (unknown.length > 0)
    throw new RangeError(
      `estimateLocalMemory: only dense decoders with SwiGLU and rotary positions are supported; the model has ${unknown.join(', ')}`,
    )
  return known
}

const runFields: Fields<LocalRun> = { batch: 1, sequence: 1, accumulation: 1, precision: 1, positions: 1, device: 1 }

/** Validates formats. @throws RangeError or TypeError naming the field */
function validatePrecision(given: LocalRun['precision']): Required<LocalPrecision> {
  const precision =
    given === undefined || typeof given === 'string'
      ? localPrecisions[oneOf('precision', given ?? 'f32', Object.keys(localPrecisions) as never[])]
      : given
  const formatsOf = object('precision', precision)
  if (formatsOf.fp8 !== undefined)
    throw new RangeError('precision.fp8: memory of fp8 operands is not modelled; leave it out')
  const formats = ['float32', 'bfloat16'] as const
  const parameters = oneOf('precision.parameters', formatsOf.parameters, formats)
  return {
    parameters,
    master: flag('precision.master', formatsOf.master, true) && parameters !== 'float32',
    activations: oneOf('precision.activations', formatsOf.activations, formats),
    gradients: oneOf('precision.gradients', formatsOf.gradients ?? 'float32', formats),
    moments: oneOf('precision.moments', formatsOf.moments ?? 'float32', formats),
  }
}

/**
 * Activations that a layer stores for its gradient, per token, in float32 unless stated: the residual before each half
 * (2 x 4h); each norm's output as input of its linear layers (2 x wh) and 1 / rms (2 x 4); rotated queries and keys,
 * values (4 (q + 2k)); attention's output (4q, plus wq if its projection reads a narrower copy) and the log-sum-exp of
 * its scores (4a); SwiGLU's gate and up (2wf), and their product (wf).
 */
export function localLayerBytes(model: PlannerModel, precision: LocalRun['precision']): LocalLayerBytes {
  const known = validateLocal(model)
  const w = bytesOf[validatePrecision(precision).activations]
  const { hidden: h, ffn: f, heads: a } = known
  const { query, key, value } = attentionWidths(known)
  const output = attentionOutput(known)
  const copied = w < 4 ? w * output : 0
  return {
    attention: 4 * h + w * h + 4 + 4 * (query + key + value) + 4 * output + copied + 4 * a,
    mlp: 4 * h + w * h + 4 + 3 * w * f,
  }
}

/**
 * Peak memory of one training step on one device, by formulas for the program that `@kumiki/train` compiles, including
 * its state, with AdamW and clipping by global norm.
 *
 * - *loss*: all activations, some rows of logits (reused for their gradient), the gradient of the output table, to
 * which each of them adds, and the gradient of the last hidden states, concatenated from theirs (4hT);
 * - *backward* of the last layer: its activations, the gradients of the residual stream (4hT) and of the MLP's inner
 * activations (4fT); logits are freed;
 * - *update*: the gradients of all parameters, those of matrices in the format `gradients`, until the global norm is
 * known.
 *
 * With gradient accumulation, activations and logits are those of one micro-batch, plus the float32 sums of gradients.
 * Kernels' scratch memory is not counted (a few MB).
 * @throws RangeError or TypeError naming field and bound; RangeError for mixtures and other architectures that Kumiki's
 * decoder does not support here
 * @see arXiv:2205.05198 for the same count in Megatron-LM (`estimate`); arXiv:1604.06174 for memory planning by
 * liveness
 * @example
 * const small = { layers: 4, hidden: 128, ffn: 384, heads: 4, kvHeads: 4, headDim: 32, vocab: 2048 }
 * estimateLocalMemory(small, { batch: 8, sequence: 128, precision: 'bf16' }).total // 55334400
 */
export function estimateLocalMemory(model: PlannerModel, run: LocalRun): LocalMemory {
  const known = validateLocal(model)
  fields('run', run, runFields)
  const batch = integer('run.batch', run.batch, 1, 1 << 20)
  const sequence = integer('run.sequence', run.sequence, 1, 1 << 28)
  const positions = integer('run.positions', run.positions ?? sequence, sequence, 1 << 28)
  const accumulation = integer('run.accumulation', run.accumulation ?? 1, 1, batch)
  if (batch % accumulation !== 0)
    throw new RangeError(`run.accumulation must divide run.batch ${batch}, got ${accumulation}`)
  const precision = validatePrecision(run.precision)
  const device = oneOf('run.device', run.device ?? 'webgpu', ['cpu', 'webgpu'] as const)
  const { hidden: h, ffn: f, layers: count, vocab, headDim, tiedEmbeddings } = known
  const tokens = (batch / accumulation) * sequence
  const w = bytesOf[precision.activations]

  const { attention, mlp, replicated } = layerParameters(known, 0)
  const table = vocab * h
  const matrices = count * (attention + mlp) + table * (tiedEmbeddings ? 1 : 2)
  const vectors = count * replicated + h
  const parameters = matrices + vectors
  const weights = bytesOf[precision.parameters] * matrices + 4 * vectors
  const optimizer = 2 * bytesOf[precision.moments] * parameters + (precision.master ? 4 * matrices : 0)
  const inputs = 2 * 4 * batch * sequence + 4 * positions * headDim

  const layer = localLayerBytes(model, run.precision)
  const layers = count * tokens * (layer.attention + layer.mlp)
  // After the last layer: the residual, the final norm's 1 / rms and output (for the output table's gradient); the loss
  // of each row.
  const afterLayers = tokens * (4 * h + 4 + w * h + 12)
  const logits = 4 * logitRows(tokens, vocab, h) * vocab

  const sums = accumulation > 1 ? 4 * parameters : 0
  const moments = {
    loss: {
      gradients: sums + 4 * table,
      activations: layers + afterLayers,
      logits,
      working: 4 * h * tokens,
    },
    backward: { gradients: sums + 4 * (table + h), activations: layers, logits: 0, working: 4 * (h + f) * tokens },
    update: {
      gradients: bytesOf[precision.gradients] * (matrices + (tiedEmbeddings ? table : 0)) + 4 * vectors,
      activations: 0,
      logits: 0,
      working: 4 * h * tokens,
    },
  }
  // Compared with the largest buffers that are free when the embedding's gradient is computed.
  const alone = device === 'webgpu' && 4 * table > Math.max(4 * tokens * f, logits) ? 4 * table : 0
  if (alone > 0) moments.update.gradients -= alone
  const sum = (part: (typeof moments)[LocalMoment]) => part.gradients + part.activations + part.logits + part.working
  const moment = (Object.keys(moments) as LocalMoment[]).reduce((a, b) => (sum(moments[b]) > sum(moments[a]) ? b : a))
  const at = moments[moment]
  return {
    parameters,
    weights,
    optimizer,
    inputs,
    ...at,
    unshared: alone,
    total: weights + optimizer + inputs + sum(at) + alone,
    moment,
  }
}

/**
 * Peak memory of a training step in Kumiki itself, on one device. Bytes throughout.
 *
 * Beside the formulas of memory.ts, which are Megatron-LM's on many GPUs: Kumiki's compiler gives gradients no buffers of their own
 * until they exist, keeps the residual stream and everything inside attention in float32 whatever the precision, holds a chunk of the
 * logits, and plans buffers by when they are needed. So the peak is not a sum over parts but the largest of a few moments.
 *
 * Legend: T tokens of a batch, L layers, h hidden, f inner width of the MLP, q and k widths of all query and all key heads, a heads,
 * V vocabulary, w bytes of an input of a linear layer (4 or 2), and of SwiGLU's gate and up.
 */
import { type Fields, fields, flag, integer, object, oneOf } from '../check.ts'
import { attentionOutput, attentionWidths, layerParameters, type PlannerModel, validateModel } from '../model/model.ts'

/** Formats of what a step keeps: the fields of `@kumiki/train`'s precision policies that memory depends on. */
export interface LocalPrecision {
  /** Matrices, as the forward pass reads them. Vectors (norm weights) are float32. */
  readonly parameters: 'float32' | 'bfloat16'
  /** Whether narrow matrices have a float32 copy for the optimizer; default true. */
  readonly master?: boolean
  /** Inputs of linear layers, and SwiGLU's gate and up, kept for the gradient. */
  readonly activations: 'float32' | 'bfloat16'
  /** Gradients of matrices while they wait for the update; default float32. */
  readonly gradients?: 'float32' | 'bfloat16'
  /** The two moments of Adam; default float32. */
  readonly moments?: 'float32' | 'bfloat16'
}

/** The policies whose memory the formulas know, by name. */
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
  /** Sequences of a step. */
  readonly batch: number
  /** Tokens of a sequence. */
  readonly sequence: number
  /** Parts that a batch is worked on in, one after another; divides it. Default 1. */
  readonly accumulation?: number
  /** A name, or formats. Default f32. */
  readonly precision?: keyof typeof localPrecisions | LocalPrecision
  /** Rows of the rotary tables (`maxPositionEmbeddings`). Default: the sequence. */
  readonly positions?: number
}

/** When a step needs most: at the loss, in the backward pass of the last layer, or when all gradients exist. */
export type LocalMoment = 'loss' | 'backward' | 'update'

/** Peak bytes of a step by part, at the moment when it needs most. */
export interface LocalMemory {
  readonly parameters: number
  /** What the forward pass reads. */
  readonly weights: number
  /** float32 copies and Adam's two moments. */
  readonly optimizer: number
  /** Tokens, targets, rotary tables. */
  readonly inputs: number
  /** Gradients that exist at the peak. They stay until the global norm is known. */
  readonly gradients: number
  /** Activations that exist at the peak, kept for the backward pass. */
  readonly activations: number
  /** The chunk of logits that exists at the peak. */
  readonly logits: number
  /** Gradients of activations at the peak. */
  readonly working: number
  /**
   * Space that nothing of another size can use: WebGPU binds buffers, so a value larger than every buffer that is free (the embedding's
   * gradient, which is made last) takes one of its own.
   */
  readonly unshared: number
  readonly total: number
  readonly moment: LocalMoment
}

/** Logits of at most so many bytes are kept whole; of larger ones a chunk of the vocabulary of at most so many exists at a time. */
const logitsBytes = 16 << 20

const bytesOf = { float32: 4, bfloat16: 2 } as const

/** Bytes of activations that one layer keeps for each token. */
export interface LocalLayerBytes {
  readonly attention: number
  readonly mlp: number
}

/** @throws RangeError where the model has parts that Kumiki's decoder does not build */
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
      `estimateLocalMemory: the formulas are of dense decoders with SwiGLU and rotary positions; model has ${unknown.join(', ')}`,
    )
  return known
}

const runFields: Fields<LocalRun> = { batch: 1, sequence: 1, accumulation: 1, precision: 1, positions: 1 }

/** Checks formats. @throws RangeError or TypeError naming the field */
function validatePrecision(given: LocalRun['precision']): Required<LocalPrecision> {
  const precision =
    given === undefined || typeof given === 'string'
      ? localPrecisions[oneOf('precision', given ?? 'f32', Object.keys(localPrecisions) as never[])]
      : given
  const formatsOf = object('precision', precision)
  if (formatsOf.fp8 !== undefined)
    throw new RangeError('precision.fp8: the fp8 copies of matmul operands are not modelled')
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
 * What a layer keeps for its gradient, for each token. Float32 unless said: the residual before each half (2 x 4h); each norm's result as
 * the input of its linear layers (2 x wh) and 1 / rms (2 x 4); rotated queries and keys, values (4 (q + 2k)); what attention gives (4q, and
 * wq again where its projection reads a narrower copy) and the log-sum-exp of its scores (4a); SwiGLU's gate and up (2wf),
 * and the product (wf).
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
 * Peak memory of one training step on one device, by formulas: what the program that `@kumiki/train` compiles needs, state
 * included, with AdamW and clipping by the global norm.
 *
 * - *loss*: all activations, the chunk of logits (their gradient takes its place), the gradient of the output table as it is joined from its
 *   chunks, and the gradient of the last hidden states with the summand of one chunk (8hT);
 * - *backward* of the last layer: its activations still exist, beside the gradients of the residual stream (4hT) and of the MLP's
 *   inner product (4fT); logits are gone;
 * - *update*: the gradients of all parameters, matrices' in the format of `gradients`. They wait for the global norm.
 *
 * Where gradients are accumulated, activations and logits are those of one part, and the float32 sums of the parts before lie beside them.
 * Kernels' scratch memory is not counted (a few MB).
 * @throws RangeError or TypeError naming field and bound; RangeError for mixtures and whatever else Kumiki's decoder does not build
 * @see arXiv:2205.05198 for the same count in Megatron-LM (`estimate`); arXiv:1604.06174 for planning by liveness
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
    throw new RangeError(`run.accumulation: ${accumulation} parts do not divide a batch of ${batch}`)
  const precision = validatePrecision(run.precision)
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
  // After the last layer: the residual, the final norm's 1 / rms and its result (for the output table's gradient); the rows' loss.
  const afterLayers = tokens * (4 * h + 4 + w * h + 12)
  const rows =
    4 * tokens * vocab <= logitsBytes ? vocab : Math.max(128, Math.floor(logitsBytes / 4 / tokens / 128) * 128)
  const logits = 4 * tokens * Math.min(rows, vocab)

  const sums = accumulation > 1 ? 4 * parameters : 0
  const moments = {
    loss: {
      gradients: sums + 4 * table,
      activations: layers + afterLayers,
      logits,
      working: (rows < vocab ? 8 : 4) * h * tokens,
    },
    backward: { gradients: sums + 4 * (table + h), activations: layers, logits: 0, working: 4 * (h + f) * tokens },
    update: {
      gradients: bytesOf[precision.gradients] * (matrices + (tiedEmbeddings ? table : 0)) + 4 * vectors,
      activations: 0,
      logits: 0,
      working: 4 * h * tokens,
    },
  }
  // The largest buffers that are free when the embedding's gradient is made.
  const alone = 4 * table > Math.max(4 * tokens * f, logits) ? 4 * table : 0
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

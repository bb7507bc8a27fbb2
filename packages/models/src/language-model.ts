/** The interface of a language model, through which training, evaluation, generation and number formats use it. */
import { cast, type Device, type DType, matmul, type Tensor } from '@kumiki/tensor'
import type { ParameterShape } from './parameters.ts'

/** Parameters by name, in the order of `LanguageModel.parameters`. */
export type Parameters = Record<string, Tensor>

/**
 * How a linear layer is computed: x [..., in] times weight [out, in], float32 [..., out]. `name` is the weight's, such
 * as `model.layers.0.self_attn.q_proj.weight`. A custom number format or kernel is supplied as such a rule.
 */
export type LinearRule = (x: Tensor, weight: Tensor, name: string) => Tensor

/**
 * How the layers of experts are computed: rows x [rows, in] in groups of `sizes` (int32 [experts]) times weight
 * [experts, out, in], float32 [rows, out].
 */
export type GroupedRule = (x: Tensor, weight: Tensor, sizes: Tensor, name: string) => Tensor

/** A linear layer that a model computes by the linear rule. */
export interface LinearLayer {
  /** The name of its weight [out, in] among the parameters. */
  readonly name: string
  /** Its role in the block, such as `query` or `down`. */
  readonly role: string
  /** Index of its block, from 0. */
  readonly block: number
}

/** A layer of experts, whose weight is [experts, out, in]. */
export interface GroupedLayer extends LinearLayer {
  /** Rows per token of the batch: the number of experts per token. */
  readonly rowsPerToken: number
}

/**
 * A model's state after the tokens so far, from which decoding continues: keys and values of attention, or a recurrent
 * state. Tensors by name, each with the batch as its first axis; opaque to everything but the model.
 */
export type ModelCache = Readonly<Record<string, Tensor>>

export interface ForwardOptions {
  /** Format in which inputs of linear layers are stored, also for the gradient. Default float32. */
  readonly activations?: DType
  /**
   * Computes the layers of `LanguageModel.linearLayers`. Default: `linear`, which multiplies values as stored and sums
   * in float32.
   */
  readonly linear?: LinearRule
  /**
   * Computes the layers of `LanguageModel.groupedLayers`. Default: `groupedMatmul` of values as stored, summed in
   * float32.
   */
  readonly grouped?: GroupedRule
  /**
   * int32 [batch, seq]: document numbers of packed sequences; attention is limited to positions with the same number.
   */
  readonly documents?: Tensor
  /**
   * `begin` returns a cache after this pass; a cache of an earlier pass continues after its tokens. Default: no cache.
   */
  readonly cache?: 'begin' | ModelCache
  /** Options of a key/value cache. */
  readonly cacheOptions?: CacheOptions
  /**
   * int32 [batch]: number of tokens in each row, without the padding that follows. `logits('last')` are those of the
   * last one, and the cache continues after it. Default: all are tokens. Only for models with `supportsPadding`.
   */
  readonly lengths?: Tensor
}

/** Capacity and format of a cache. A model whose state has a fixed size ignores them. */
export interface CacheOptions {
  /**
   * Capacity in tokens; a smaller cache of an earlier pass grows to it. Default: the model's contextLength, or the
   * earlier capacity.
   */
  readonly room?: number
  /** Storage format of keys and values; a continued cache keeps its own. Default float32. */
  readonly dtype?: CacheDType
}

/** Formats of a cache: 4, 2 or 1 bytes per number. float8 saturates at its largest value. */
export type CacheDType = 'float32' | 'bfloat16' | 'float8_e4m3fn' | 'float8_e5m2'

/** A forward pass: graphs, of which only the requested results are computed. */
export interface ForwardPass {
  /** float32 [batch, seq, hidden]: the input of the output layer. */
  readonly hidden: Tensor
  /**
   * Logits of the next token.
   * @param positions `all` (default), or only the `last` one of each row
   * @returns float32 [batch, seq or 1, vocabulary]
   */
  logits(positions?: 'all' | 'last'): Tensor
  /**
   * The loss of every position.
   * @param targets int32 [batch, seq]; negative ones are ignored (their loss is 0)
   * @returns float32 [batch * seq]: negative log-likelihood in nats plus zLoss * logsumexp^2
   */
  losses(targets: Tensor, options?: { readonly zLoss?: number }): Tensor
  /** Auxiliary training loss and metrics, such as those of expert routers. */
  readonly auxiliary?: {
    /** float32 scalar, per token: it is added to the mean loss. */
    readonly loss: Tensor
    /** float32 scalars by name. */
    readonly metrics: Readonly<Record<string, Tensor>>
  }
  /** The updated cache, if `ForwardOptions.cache` was given. */
  readonly cache?: ModelCache
}

/** Parameter counts. */
export interface ModelCounts {
  readonly total: number
}

/**
 * A language model: a description, without weights and without a device. `decoderModel` makes LLM-jp's; for a custom
 * model, implement these fields, with `outputLayer` for the usual layer over the vocabulary.
 */
export interface LanguageModel {
  /** Its name in messages. */
  readonly name: string
  /** Maximum sequence length in tokens. */
  readonly contextLength: number
  /** Token ids are from 0 to vocabSize - 1. */
  readonly vocabSize: number
  /**
   * Whether `forward` reads `ForwardOptions.lengths`. Without it, prompts of different lengths cannot be continued in
   * one batch.
   */
  readonly supportsPadding?: boolean
  /** Names and shapes, [out, in] for linear layers, in the order of the forward pass. */
  readonly parameters: readonly ParameterShape[]
  /** The layers that go through `ForwardOptions.linear`, in the order of the forward pass; possibly empty. */
  readonly linearLayers: readonly LinearLayer[]
  /** The layers that go through `ForwardOptions.grouped`. Default: none. */
  readonly groupedLayers?: readonly GroupedLayer[]
  /**
   * Initial values of all parameters.
   * @param options.seed default 0; the same seed gives the same values on every backend
   * @returns float32 tensors of the device
   */
  initialize(device: Device, options?: { readonly seed?: number }): Parameters
  /**
   * Builds the graph of a forward pass, inside or outside a compiled function.
   * @param parameters as returned by `initialize`, stored in any format
   * @param tokens int32 [batch, seq], seq at most contextLength
   * @throws RangeError for an option that the model does not support
   */
  forward(parameters: Parameters, tokens: Tensor, options?: ForwardOptions): ForwardPass
  countParameters(): ModelCounts
  /**
   * FLOP of training on one token, forward and backward.
   * @param sequenceLength tokens in a sequence; default contextLength
   */
  flopsPerToken(sequenceLength?: number): number
}

/**
 * The default linear rule.
 * @param x [..., in], stored as `activations`
 * @param weight [out, in]
 * @returns float32 [..., out]: products of narrow formats are summed in float32
 * @example linear(device.tensor([[1, 2]]), device.tensor([[1, 1], [0, 3]])) // [[3, 6]]
 */
export function linear(x: Tensor, weight: Tensor, activations: DType = 'float32'): Tensor {
  return matmul(cast(x, activations), weight.transpose(), { dtype: 'float32' })
}

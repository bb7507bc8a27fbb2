/** The contract of a language model: what training, evaluation, generation and number formats know of one. */
import { cast, type Device, type DType, matmul, type Tensor } from '@kumiki/tensor'
import type { ParameterShape } from './parameters.ts'

/** Parameters by name, in the order of `LanguageModel.parameters`. */
export type Parameters = Record<string, Tensor>

/**
 * How a linear layer is computed: x [..., in] times weight [out, in], float32 [..., out]. `name` is the weight's, such as
 * `model.layers.0.self_attn.q_proj.weight`. Whoever brings a number format or a kernel of their own puts it in here.
 */
export type LinearRule = (x: Tensor, weight: Tensor, name: string) => Tensor

/**
 * How the layers of experts are computed: rows x [rows, in] in groups of `sizes` (int32 [experts]) times weight [experts, out, in], float32
 * [rows, out].
 */
export type GroupedRule = (x: Tensor, weight: Tensor, sizes: Tensor, name: string) => Tensor

/** A linear layer that a model computes by the linear rule. */
export interface LinearLayer {
  /** The name of its weight [out, in] among the parameters. */
  readonly name: string
  /** What it is in its block, such as `query` or `down`. */
  readonly role: string
  /** Which block it is in, from 0. */
  readonly block: number
}

/** A layer of experts, whose weight is [experts, out, in]. */
export interface GroupedLayer extends LinearLayer {
  /** Rows for each token of the batch: how many experts it goes through. */
  readonly rowsPerToken: number
}

/**
 * What a model keeps of the tokens so far, to go on from them: keys and values of attention, the state of a recurrent model. Tensors by
 * name, each with the batch as its first axis; only the model that made one reads it.
 */
export type ModelCache = Readonly<Record<string, Tensor>>

export interface ForwardOptions {
  /** Inputs of linear layers are stored in this format, and kept in it for the gradient. Default float32. */
  readonly activations?: DType
  /** Computes the layers of `LanguageModel.linearLayers`. Default: `linear`, a product of what is stored, summed in float32. */
  readonly linear?: LinearRule
  /** Computes the layers of `LanguageModel.groupedLayers`. Default: `groupedMatmul` of what is stored, summed in float32. */
  readonly grouped?: GroupedRule
  /** int32 [batch, seq]: several documents in one sequence do not see each other; positions with the same number belong together. */
  readonly documents?: Tensor
  /** `begin` keeps what the tokens leave behind; a cache from an earlier pass goes on after its tokens. Default: nothing is kept. */
  readonly cache?: 'begin' | ModelCache
  /** Where the cache is one of keys and values. */
  readonly cacheOptions?: CacheOptions
  /**
   * int32 [batch]: how many tokens of each row are real; padding follows them. `logits('last')` are those of the last real one, and the
   * cache goes on after it. Default: all. Only for models that say `supportsPadding`.
   */
  readonly lengths?: Tensor
}

/** How much a cache holds, and how. A model whose state has one size does not read it. */
export interface CacheOptions {
  /** Tokens it has room for; a smaller one, of an earlier pass, grows. Default: the model's contextLength, or what the earlier one has. */
  readonly room?: number
  /** The format keys and values are stored in; an earlier pass's is kept. Default float32. */
  readonly dtype?: CacheDType
}

/** Formats of a cache: 4, 2 or 1 bytes a number. float8 is clamped to what the format holds. */
export type CacheDType = 'float32' | 'bfloat16' | 'float8_e4m3fn' | 'float8_e5m2'

/** A forward pass: graphs, of which only what is asked for is computed. */
export interface ForwardPass {
  /** float32 [batch, seq, hidden]: what the output layer reads. */
  readonly hidden: Tensor
  /**
   * Scores of the next token.
   * @param positions `all` (default), or the `last` one of each row alone
   * @returns float32 [batch, seq or 1, vocabulary]
   */
  logits(positions?: 'all' | 'last'): Tensor
  /**
   * The loss of every position.
   * @param targets int32 [batch, seq]; negative ones are ignored (their loss is 0)
   * @returns float32 [batch * seq]: negative log-likelihood in nats plus zLoss * logsumexp^2
   */
  losses(targets: Tensor, options?: { readonly zLoss?: number }): Tensor
  /** What a model adds to the loss while it is trained, and what it tells of itself, such as routers of experts do. */
  readonly auxiliary?: {
    /** float32 scalar, for each token: it is added to the mean loss. */
    readonly loss: Tensor
    /** float32 scalars by name. */
    readonly metrics: Readonly<Record<string, Tensor>>
  }
  /** Where `ForwardOptions.cache` is given: what the tokens so far left behind. */
  readonly cache?: ModelCache
}

/** How many parameters there are. */
export interface ModelCounts {
  readonly total: number
}

/**
 * A language model: a description, without weights and without a device. `decoderModel` gives LLM-jp's; write your own by giving these
 * fields, and `outputLayer` for what most models do after their last block.
 */
export interface LanguageModel {
  /** What messages call it. */
  readonly name: string
  /** The most tokens in a sequence. */
  readonly contextLength: number
  /** Token ids are below it. */
  readonly vocabSize: number
  /** Whether `forward` reads `ForwardOptions.lengths`. Without it, prompts of different lengths cannot be continued in one batch. */
  readonly supportsPadding?: boolean
  /** Names and shapes, [out, in] for linear layers, in the order of the forward pass. */
  readonly parameters: readonly ParameterShape[]
  /** The layers that go through `ForwardOptions.linear`, in the order of the forward pass; empty where none does. */
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
   * @param parameters as `initialize` gives them, in whatever formats they are stored
   * @param tokens int32 [batch, seq], seq at most contextLength
   * @throws RangeError for an option the model does not compute
   */
  forward(parameters: Parameters, tokens: Tensor, options?: ForwardOptions): ForwardPass
  countParameters(): ModelCounts
  /** FLOP of training on one token, forward and backward. @param sequenceLength tokens in a sequence; default contextLength */
  flopsPerToken(sequenceLength?: number): number
}

/**
 * The linear layer that models use where no other rule is given.
 * @param x [..., in], stored as `activations`
 * @param weight [out, in]
 * @returns float32 [..., out]: products of narrow formats are summed in float32
 * @example linear(device.tensor([[1, 2]]), device.tensor([[1, 1], [0, 3]])) // [[3, 6]]
 */
export function linear(x: Tensor, weight: Tensor, activations: DType = 'float32'): Tensor {
  return matmul(cast(x, activations), weight.transpose(), { dtype: 'float32' })
}

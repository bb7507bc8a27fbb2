/** The LLM-jp-3 decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases, untied or tied tables. */
import {
  attention,
  cast,
  type Device,
  type DType,
  linearCrossEntropy,
  matmul,
  rmsNorm,
  rotary,
  rotaryTables,
  sliceAxis,
  swiglu,
  type Tensor,
  take,
} from '@kumiki/tensor'
import { type ModelArchitecture, validateArchitecture } from './architecture.ts'
import { parameterShapes } from './parameters.ts'
import { fillNormal, hashName } from './random.ts'

/** Parameters by their Hugging Face names, in the order of `parameterShapes`. */
export type Parameters = Record<string, Tensor>

export interface DecoderOptions {
  /** Inputs of linear layers, and SwiGLU's gate and up, are stored in this format (and kept in it for the gradient). Default float32. */
  readonly activations?: DType
}

/**
 * How a linear layer inside the blocks is computed: x [..., in] times weight [out, in], float32 [..., out]. `name` is the weight's, such as
 * `model.layers.0.self_attn.q_proj.weight`. Whoever brings a number format or a kernel of their own puts it in here.
 */
export type LinearRule = (x: Tensor, weight: Tensor, name: string) => Tensor

export interface ForwardOptions {
  /** Default: a product of what is stored, summed in float32. */
  readonly linear?: LinearRule
}

export interface InitializeOptions {
  /** Default 0. The same seed gives the same weights on every backend. */
  readonly seed?: number
  /** Divide the deviation of o_proj and down_proj by sqrt(2 * layers), as Megatron-LM does by default. Default true. */
  readonly scaleOutputs?: boolean
}

/**
 * Initial weights: normal with deviation `initializerRange`, norm weights 1.
 * @returns float32 host tensors of the device
 */
export function initializeParameters(
  device: Device,
  architecture: ModelArchitecture,
  options: InitializeOptions = {},
): Parameters {
  const { seed = 0, scaleOutputs = true } = options
  const { initializerRange, numHiddenLayers } = architecture
  const parameters: Parameters = {}
  for (const { name, shape } of parameterShapes(architecture)) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
    if (shape.length === 1) values.fill(1)
    else {
      const output = scaleOutputs && /\.(o_proj|down_proj)\./.test(name)
      fillNormal(values, initializerRange / (output ? Math.sqrt(2 * numHiddenLayers) : 1), seed, hashName(name))
    }
    parameters[name] = device.tensor(values, shape)
  }
  return parameters
}

/** Builds the graph of a dense decoder. Holds no weights, only the rotary tables. */
export class Decoder {
  readonly architecture: ModelArchitecture
  private readonly activations: DType
  private readonly cos: Tensor
  private readonly sin: Tensor

  /** @throws RangeError for an architecture with experts, or with fields outside their bounds */
  constructor(device: Device, architecture: ModelArchitecture, options: DecoderOptions = {}) {
    validateArchitecture(architecture, 'Decoder')
    if (architecture.experts)
      throw new RangeError('Decoder: mixture-of-experts models are not built yet; give a dense architecture')
    this.architecture = architecture
    this.activations = options.activations ?? 'float32'
    const { maxPositionEmbeddings, headDim, ropeTheta } = architecture
    const tables = rotaryTables(maxPositionEmbeddings, headDim, ropeTheta)
    this.cos = device.tensor(tables.cos, tables.shape)
    this.sin = device.tensor(tables.sin, tables.shape)
  }

  /**
   * The hidden states after the final norm.
   * @param tokens int32 [batch, seq], seq at most maxPositionEmbeddings
   * @returns float32 [batch, seq, hidden]
   */
  hidden(p: Parameters, tokens: Tensor, options: ForwardOptions = {}): Tensor {
    const linear = options.linear ?? ((x, weight) => this.linear(x, weight))
    const { numHiddenLayers, rmsNormEps, maxPositionEmbeddings } = this.architecture
    const [, seq] = tokens.shape
    if (tokens.ndim !== 2 || seq > maxPositionEmbeddings) {
      throw new RangeError(
        `Decoder: tokens must be [batch, seq] with seq at most ${maxPositionEmbeddings} (maxPositionEmbeddings), got [${tokens.shape.join(', ')}]`,
      )
    }
    const cos = sliceAxis(this.cos, 0, 0, seq)
    const sin = sliceAxis(this.sin, 0, 0, seq)
    let x = cast(take(p['model.embed_tokens.weight'], tokens), 'float32') // [B, T, C]
    for (let i = 0; i < numHiddenLayers; i++) x = this.layer(p, `model.layers.${i}`, x, cos, sin, linear)
    return rmsNorm(x, p['model.norm.weight'], rmsNormEps)
  }

  /** Scores of the next token at every position: float32 [batch, seq, vocabulary]. */
  logits(p: Parameters, tokens: Tensor, options: ForwardOptions = {}): Tensor {
    return this.linear(this.hidden(p, tokens, options), this.head(p))
  }

  /**
   * The loss of every position.
   * @param targets int32 [batch, seq]; negative ones are ignored (their loss is 0)
   * @returns float32 [batch * seq]: negative log-likelihood in nats plus zLoss * logsumexp^2
   */
  losses(p: Parameters, tokens: Tensor, targets: Tensor, options: ForwardOptions & { zLoss?: number } = {}): Tensor {
    const x = this.hidden(p, tokens, options)
    const rows = cast(x.reshape([-1, this.architecture.hiddenSize]), this.activations)
    return linearCrossEntropy(rows, this.head(p), targets.reshape([-1]), { zLoss: options.zLoss })
  }

  /** One transformer block. @param x [B, T, C] */
  private layer(p: Parameters, prefix: string, x: Tensor, cos: Tensor, sin: Tensor, linear: LinearRule): Tensor {
    const { rmsNormEps } = this.architecture
    const h = x.add(
      this.attention(
        p,
        `${prefix}.self_attn`,
        rmsNorm(x, p[`${prefix}.input_layernorm.weight`], rmsNormEps),
        cos,
        sin,
        linear,
      ),
    )
    return h.add(
      this.feedForward(
        p,
        `${prefix}.mlp`,
        rmsNorm(h, p[`${prefix}.post_attention_layernorm.weight`], rmsNormEps),
        linear,
      ),
    )
  }

  /** @param x the normed residual, float32 [batch, seq, hidden] @returns float32 of the same shape */
  feedForward(
    p: Parameters,
    prefix: string,
    x: Tensor,
    linear: LinearRule = (y, weight) => this.linear(y, weight),
  ): Tensor {
    const apply = (input: Tensor, name: string) => linear(input, p[`${prefix}.${name}`], `${prefix}.${name}`)
    const n = this.store(x)
    const gate = this.store(apply(n, 'gate_proj.weight'))
    const up = this.store(apply(n, 'up_proj.weight'))
    return apply(swiglu(gate, up), 'down_proj.weight')
  }

  private attention(p: Parameters, prefix: string, x: Tensor, cos: Tensor, sin: Tensor, linear: LinearRule): Tensor {
    const { q, k, v } = this.project(p, prefix, x, linear)
    const [b, t] = x.shape
    const o = attention(rotary(q, cos, sin), rotary(k, cos, sin), v)
    const name = `${prefix}.o_proj.weight`
    return linear(o.reshape([b, t, -1]), p[name], name)
  }

  /** Queries [B, T, H, D], keys and values [B, T, KV, D], before rotation. */
  project(
    p: Parameters,
    prefix: string,
    x: Tensor,
    linear: LinearRule = (y, weight) => this.linear(y, weight),
  ): { q: Tensor; k: Tensor; v: Tensor } {
    const { numAttentionHeads, numKeyValueHeads, headDim } = this.architecture
    const [b, t] = x.shape
    const n = this.store(x)
    const heads = (name: string, count: number) => {
      const full = `${prefix}.${name}.weight`
      return linear(n, p[full], full).reshape([b, t, count, headDim])
    }
    return {
      q: heads('q_proj', numAttentionHeads),
      k: heads('k_proj', numKeyValueHeads),
      v: heads('v_proj', numKeyValueHeads),
    }
  }

  /** x times a weight [out, in]. Products of narrow formats are summed in float32, and the result is float32. */
  linear(x: Tensor, weight: Tensor): Tensor {
    return matmul(this.store(x), weight.transpose(), { dtype: 'float32' })
  }

  /** The output table: lm_head, or the embedding when tied. */
  head(p: Parameters): Tensor {
    return p[this.architecture.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight']
  }

  /** The rotary tables' rows of one position, for decoding a token at a time: [1, headDim / 2] each. */
  rotaryRow(position: number): { cos: Tensor; sin: Tensor } {
    return { cos: sliceAxis(this.cos, 0, position, position + 1), sin: sliceAxis(this.sin, 0, position, position + 1) }
  }

  private store(x: Tensor): Tensor {
    return cast(x, this.activations)
  }

  /** Frees the rotary tables. */
  dispose(): void {
    this.cos.dispose()
    this.sin.dispose()
  }
}

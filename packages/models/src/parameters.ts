/** Parameter counts, tensor shapes and FLOPs of an architecture, computed from its sizes alone. */
import { type ModelArchitecture, validateArchitecture } from './architecture.ts'

/** Exact numbers of parameters. */
export interface ParameterCount {
  /** embedding + nonEmbedding. */
  readonly total: number
  /**
   * Input and output tables together, as the LLM-jp-3 model cards count "Embedding parameters".
   * (The LLM-jp-4 cards count only the input table, `inputEmbedding`, and the output table with the rest.)
   */
  readonly embedding: number
  readonly inputEmbedding: number
  /** The LM head; 0 when tied to the input table. */
  readonly outputEmbedding: number
  /** The transformer block stack and its final norm. */
  readonly nonEmbedding: number
  /**
   * Parameters that one token uses: `total` without the experts it is not routed to. Counts the whole router, as
   * LLM-jp-4 cards do.
   */
  readonly activated: number
  /** One transformer layer. */
  readonly layer: number
  /** Query, key, value and output projections of one layer (including q/k norms). */
  readonly attention: number
  /** The MLP, or router and all experts, of one layer. */
  readonly mlp: number
  /** RMSNorm weights of the whole model (without q/k norms). */
  readonly norms: number
  /** `total` with `paddedVocabSize` rows in the tables: what Megatron-LM trains. */
  readonly totalPadded: number
}

/**
 * Counts parameters from the sizes alone.
 * @throws RangeError naming a field outside its bounds
 * @example countParameters(findModel('llm-jp-3-13b').architecture).total // 13706931200
 */
export function countParameters(config: ModelArchitecture): ParameterCount {
  validateArchitecture(config, 'countParameters')
  const { hiddenSize: h, numHiddenLayers: layers, headDim: d, experts } = config
  const queryWidth = config.numAttentionHeads * d
  const keyValueWidth = config.numKeyValueHeads * d
  const normed = !config.qkNorm ? 0 : config.qkNormOver === 'projection' ? queryWidth + keyValueWidth : 2 * d
  const biases = config.attentionBias ? queryWidth + 2 * keyValueWidth + (config.attentionBias === true ? h : 0) : 0
  const attention = 2 * h * queryWidth + 2 * h * keyValueWidth + normed + biases
  const expert = experts ? 3 * h * experts.intermediateSize : 0
  const dense = 3 * h * config.intermediateSize + (config.mlpBias ? 2 * config.intermediateSize + h : 0)
  const mlp = experts ? experts.numExperts * expert + h * experts.numExperts : dense
  const norms = (config.normPlacement === 'both' ? 4 : 2) * h
  const layer = attention + mlp + norms
  const nonEmbedding = layers * layer + h
  const tables = config.tieWordEmbeddings ? 1 : 2
  const inputEmbedding = config.vocabSize * h
  const embedding = tables * inputEmbedding
  const total = embedding + nonEmbedding
  const idle = experts ? layers * (experts.numExperts - experts.numExpertsPerToken) * expert : 0
  return {
    total,
    embedding,
    inputEmbedding,
    outputEmbedding: embedding - inputEmbedding,
    nonEmbedding,
    activated: total - idle,
    layer,
    attention,
    mlp,
    norms: layers * norms + h,
    totalPadded: nonEmbedding + tables * config.paddedVocabSize * h,
  }
}

/**
 * Model FLOPs of training on one token (forward and backward, no recomputation), by Megatron-LM's formula:
 * 3 (L [4 h^2 P (1 + g/a) + 2 s h P + 6 h f] + 2 h V) with P = heads x headDim / h and f the MLP width per token.
 * @param options.causal true (default): a causal mask halves attention, as Megatron-LM >= core_v0.12 counts; false:
 * full
 * @param options.sequenceLength tokens in a sequence; default `maxPositionEmbeddings`
 * @returns FLOP per token
 * @see megatron/training/training.py `num_floating_point_operations`
 * @example flopsPerToken(nano, { sequenceLength: 128 }) / countParameters(nano).total // 5.25
 */
export function flopsPerToken(
  config: ModelArchitecture,
  options: { causal?: boolean; sequenceLength?: number } = {},
): number {
  validateArchitecture(config, 'flopsPerToken')
  const { causal = true, sequenceLength: s = config.maxPositionEmbeddings } = options
  if (!Number.isInteger(s) || s < 1) {
    throw new RangeError(`flopsPerToken: sequenceLength must be an integer of at least 1, got ${s}`)
  }
  const { hiddenSize: h, headDim: d, experts } = config
  const queryWidth = config.numAttentionHeads * d
  const keyValueWidth = config.numKeyValueHeads * d
  const width = experts ? experts.numExpertsPerToken * experts.intermediateSize : config.intermediateSize
  const projections = 4 * h * (queryWidth + keyValueWidth)
  const attention = (causal ? 2 : 4) * s * queryWidth
  return 3 * (config.numHiddenLayers * (projections + attention + 6 * h * width) + 2 * h * config.vocabSize)
}

/** A parameter tensor: its Hugging Face name and its shape, [out, in] for linear layers. */
export interface ParameterShape {
  readonly name: string
  readonly shape: readonly number[]
}

/**
 * Every parameter tensor in the order of the forward pass, with Hugging Face names (Llama's and its relatives';
 * Mixtral's or Qwen3-MoE's for mixtures).
 * @param options.vocab rows of the embedding tables: `exact` (vocabSize, default) or `padded` (paddedVocabSize)
 * @param options.experts one tensor per expert (`separate`, default, as in files of the Hub), or one for all, [experts,
 * out, in] (`stacked`, as the decoder computes them)
 * @returns names and shapes; their element counts add up to `countParameters(config).total` (`totalPadded`)
 * @example parameterShapes(nano)[0] // { name: 'model.embed_tokens.weight', shape: [2048, 128] }
 */
export function parameterShapes(
  config: ModelArchitecture,
  options: { vocab?: 'exact' | 'padded'; experts?: 'separate' | 'stacked' } = {},
): ParameterShape[] {
  validateArchitecture(config, 'parameterShapes')
  const { hiddenSize: h, headDim: d } = config
  const rows = options.vocab === 'padded' ? config.paddedVocabSize : config.vocabSize
  const queryWidth = config.numAttentionHeads * d
  const keyValueWidth = config.numKeyValueHeads * d
  const shapes: ParameterShape[] = [{ name: 'model.embed_tokens.weight', shape: [rows, h] }]
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const prefix = `model.layers.${layer}`
    const norm = (name: string) => shapes.push({ name: `${prefix}.${name}.weight`, shape: [h] })
    const linear = (name: string, shape: readonly [number, number], bias: boolean) => {
      shapes.push({ name: `${prefix}.${name}.weight`, shape })
      if (bias) shapes.push({ name: `${prefix}.${name}.bias`, shape: [shape[0]] })
    }
    const { attentionBias = false, normPlacement = 'pre' } = config
    if (normPlacement !== 'post') norm('input_layernorm')
    linear('self_attn.q_proj', [queryWidth, h], attentionBias !== false)
    linear('self_attn.k_proj', [keyValueWidth, h], attentionBias !== false)
    linear('self_attn.v_proj', [keyValueWidth, h], attentionBias !== false)
    linear('self_attn.o_proj', [h, queryWidth], attentionBias === true)
    if (config.qkNorm) {
      const whole = config.qkNormOver === 'projection'
      shapes.push(
        { name: `${prefix}.self_attn.q_norm.weight`, shape: [whole ? queryWidth : d] },
        { name: `${prefix}.self_attn.k_norm.weight`, shape: [whole ? keyValueWidth : d] },
      )
    }
    norm('post_attention_layernorm')
    if (normPlacement === 'both') norm('pre_feedforward_layernorm')
    shapes.push(...mlpShapes(config, prefix, options.experts === 'stacked'))
    if (normPlacement !== 'pre') norm('post_feedforward_layernorm')
  }
  shapes.push({ name: 'model.norm.weight', shape: [h] })
  if (!config.tieWordEmbeddings) shapes.push({ name: 'lm_head.weight', shape: [rows, h] })
  return shapes
}

function mlpShapes(config: ModelArchitecture, prefix: string, stacked: boolean): ParameterShape[] {
  const { hiddenSize: h, intermediateSize: f, experts } = config
  if (!experts) {
    const layers = [
      { name: 'gate_proj', shape: [f, h] },
      { name: 'up_proj', shape: [f, h] },
      { name: 'down_proj', shape: [h, f] },
    ]
    return layers.flatMap(({ name, shape }) => [
      { name: `${prefix}.mlp.${name}.weight`, shape },
      ...(config.mlpBias ? [{ name: `${prefix}.mlp.${name}.bias`, shape: [shape[0]] }] : []),
    ])
  }
  const { router, gate, up, down } = namesOfExperts(config, prefix)
  const { numExperts, intermediateSize } = experts
  const layers = [
    { name: gate, shape: [intermediateSize, h] },
    { name: up, shape: [intermediateSize, h] },
    { name: down, shape: [h, intermediateSize] },
  ]
  const first = { name: router, shape: [numExperts, h] }
  if (stacked) return [first, ...layers.map(({ name, shape }) => ({ name, shape: [numExperts, ...shape] }))]
  const separate = Array.from({ length: numExperts }, (_, expert) =>
    layers.map(({ name, shape }) => ({ name: nameOfExpert(name, expert), shape })),
  )
  return [first, ...separate.flat()]
}

function namesOfExperts({ experts }: ModelArchitecture, prefix: string) {
  const mixtral = experts!.tensorNames === 'mixtral'
  const block = mixtral ? `${prefix}.block_sparse_moe` : `${prefix}.mlp`
  const [gate, up, down] = mixtral ? ['w1', 'w3', 'w2'] : ['gate_proj', 'up_proj', 'down_proj']
  const all = (layer: string) => `${block}.experts.${layer}.weight`
  return { router: `${block}.gate.weight`, gate: all(gate), up: all(up), down: all(down) }
}

/** Names of a layer's router and of the stacked weights of its experts. */
export const expertNames = (config: ModelArchitecture, layer: number) => namesOfExperts(config, `model.layers.${layer}`)

/** The name of one expert's weight, from the name of the stacked weight. */
export const nameOfExpert = (stacked: string, expert: number): string =>
  stacked.replace('.experts.', `.experts.${expert}.`)

/** Reads and writes the config.json fields of each Transformers class, beyond the sizes that all share. */
import { type ArchitectureFamily, type ModelArchitecture, slides } from '../architecture.ts'
import { type Fields, show } from './fields.ts'
import { type Rope, readLayeredRope, readRope, writeRopeScaling } from './rope.ts'

/** The fields of an architecture that depend on the class; sizes are read the same way for all. */
export type Choices = Partial<ModelArchitecture> & Pick<ModelArchitecture, 'ropeTheta'>

export interface Family {
  readonly modelType: string
  readonly className: string
  /** Defaults of the Transformers 5 class for missing sizes; sizes without an entry are required. */
  readonly defaults: Readonly<Record<string, number | boolean>>
  /** @param layers num_hidden_layers @param positions max_position_embeddings */
  read(fields: Fields, layers: number, positions: number): Choices
  write(architecture: ModelArchitecture): Record<string, unknown>
}

const activations = { silu: 'silu', swish: 'silu', gelu: 'gelu', gelu_pytorch_tanh: 'gelu_tanh' } as const

function readActivation(fields: Fields, key: string, fallback: keyof typeof activations) {
  const name = fields.raw(key) ?? fallback
  if (typeof name !== 'string' || !Object.hasOwn(activations, name))
    throw new RangeError(
      `${fields.owner}: ${key} must be "silu" or one of ${Object.keys(activations).join(', ')}, got ${show(name)}`,
    )
  return activations[name as keyof typeof activations]
}

const writeActivation = ({ activation = 'silu' }: ModelArchitecture) =>
  activation === 'gelu_tanh' ? 'gelu_pytorch_tanh' : activation

const ropeFields = ({ theta, scaling }: Rope): Choices => ({
  ropeTheta: theta,
  ...(scaling && { ropeScaling: scaling }),
})

const layerKinds = ['full_attention', 'sliding_attention']

/** `layer_types`, or the class's own pattern. */
function readLayerTypes(fields: Fields, layers: number, slidesByDefault: (layer: number) => boolean): boolean[] {
  if (!fields.has('layer_types')) return Array.from({ length: layers }, (_, i) => slidesByDefault(i))
  const types = fields.raw('layer_types')
  if (!Array.isArray(types) || types.length !== layers)
    throw new RangeError(
      `${fields.owner}: layer_types must have one entry for each of the ${layers} layers (num_hidden_layers), got ${show(types)}`,
    )
  const wrong = types.find((type) => !layerKinds.includes(type))
  if (wrong !== undefined)
    throw new RangeError(`${fields.owner}: layer_types has ${show(wrong)}; ${layerKinds.join(' and ')} are supported`)
  return types.map((type) => type === 'sliding_attention')
}

const writeLayerTypes = (a: ModelArchitecture) => ({
  layer_types: Array.from({ length: a.numHiddenLayers }, (_, i) => layerKinds[slides(a, i) ? 1 : 0]),
})

/** Qwen's layers from `max_window_layers` on use a sliding window if `use_sliding_window` is set. */
function readQwenWindow(fields: Fields, layers: number): Partial<ModelArchitecture> {
  const used = fields.flag('use_sliding_window', false)
  const window = fields.optionalNumber('sliding_window', 4096)
  const from = fields.number('max_window_layers', 28)
  const sliding = readLayerTypes(fields, layers, (i) => used && window !== undefined && i >= from)
  if (!used && sliding.includes(true))
    throw new RangeError(
      `${fields.owner}: layer_types has sliding layers, but use_sliding_window is not true; set it, or remove layer_types`,
    )
  return used && window !== undefined ? { slidingWindow: window, slidingLayers: sliding } : {}
}

const writeQwenWindow = (a: ModelArchitecture) => {
  const sliding = Array.from({ length: a.numHiddenLayers }, (_, i) => slides(a, i))
  const from = sliding.indexOf(true)
  return {
    use_sliding_window: from >= 0,
    sliding_window: a.slidingWindow ?? null,
    max_window_layers: from < 0 ? a.numHiddenLayers : from,
    ...writeLayerTypes(a),
  }
}

/** Qwen3-MoE's layers all use the sliding window if `use_sliding_window` is set: the class has no other pattern. */
function readWholeQwenWindow(fields: Fields, layers: number): Partial<ModelArchitecture> {
  const used = fields.flag('use_sliding_window', false)
  const window = fields.optionalNumber('sliding_window', 4096)
  // Written by earlier versions, and never read by the class.
  fields.raw('max_window_layers')
  const slides = used && window !== undefined
  if (readLayerTypes(fields, layers, () => slides).includes(!slides))
    throw new RangeError(
      `${fields.owner}: layer_types must be the same for all layers in this class, ${layerKinds[slides ? 1 : 0]} with use_sliding_window ${used}, got ${show(fields.raw('layer_types'))}`,
    )
  return slides ? { slidingWindow: window } : {}
}

const writeWholeQwenWindow = (a: ModelArchitecture) => ({
  use_sliding_window: a.slidingWindow !== undefined,
  sliding_window: a.slidingWindow ?? null,
})

const bias = (fields: Fields): Partial<ModelArchitecture> => ({ attentionBias: fields.flag('attention_bias', false) })

/** Fields that Gemma 2 and 3 share. @param pattern one of every `pattern` layers has full attention */
function readGemma(fields: Fields, layers: number, pattern: number, caps: readonly [number?, number?]) {
  fields.only('use_bidirectional_attention', [false], 'attention is causal')
  fields.only('hidden_act', [fields.raw('hidden_activation') ?? 'gelu_pytorch_tanh'], 'it must equal hidden_activation')
  const window = fields.optionalNumber('sliding_window', 4096)
  const sliding = readLayerTypes(fields, layers, (i) => (i + 1) % pattern !== 0)
  if (window === undefined && sliding.includes(true))
    throw new RangeError(`${fields.owner}: sliding_window must be a number for the sliding layers, got null`)
  return {
    activation: readActivation(fields, 'hidden_activation', 'gelu_pytorch_tanh'),
    normPlacement: 'both',
    normOffset: true,
    scaleEmbeddings: true,
    ...bias(fields),
    queryPreAttnScalar: fields.number('query_pre_attn_scalar', 256),
    attentionSoftcap: fields.optionalNumber('attn_logit_softcapping', caps[0]),
    logitSoftcap: fields.optionalNumber('final_logit_softcapping', caps[1]),
    ...(window !== undefined && { slidingWindow: window, slidingLayers: sliding }),
  } as const satisfies Partial<ModelArchitecture>
}

const writeGemma = (a: ModelArchitecture) => ({
  hidden_activation: writeActivation(a),
  attention_bias: a.attentionBias ?? false,
  query_pre_attn_scalar: a.queryPreAttnScalar ?? a.headDim,
  attn_logit_softcapping: a.attentionSoftcap ?? null,
  final_logit_softcapping: a.logitSoftcap ?? null,
  // The class builds the sliding mask even if no layer uses it, and needs a number.
  sliding_window: a.slidingWindow ?? 4096,
  rope_theta: a.ropeTheta,
  ...writeLayerTypes(a),
  ...writeRopeScaling(a.ropeScaling),
})

const writeLlamaLike = (a: ModelArchitecture) => ({
  hidden_act: writeActivation(a),
  rope_theta: a.ropeTheta,
  ...writeRopeScaling(a.ropeScaling),
})

const noWindow = (fields: Fields) =>
  fields.only('sliding_window', [false], 'a sliding window is not supported in this class')
const noMlpBias = (fields: Fields) => fields.only('mlp_bias', [false], 'biases are not supported in this class')
const noAttentionBias = (fields: Fields) =>
  fields.only('attention_bias', [false], 'biases are not supported in this class')
const swigluExperts = (fields: Fields) => fields.only('hidden_act', ['silu', 'swish'], 'experts are SwiGLU')

const gemmaSizes = {
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
}

/** The number of experts, by either of its names, and of experts per token. */
function readExperts(fields: Fields, defaults: { num_local_experts: number; num_experts_per_tok: number }) {
  // Marked as read: the coefficient affects training only.
  fields.raw('router_aux_loss_coef')
  const named = fields.optionalNumber('num_experts')
  return {
    numExperts: fields.number('num_local_experts', named ?? defaults.num_local_experts),
    numExpertsPerToken: fields.number('num_experts_per_tok', defaults.num_experts_per_tok),
  }
}

const writeExperts = ({ experts }: ModelArchitecture) => ({
  [experts!.tensorNames === 'mixtral' ? 'num_local_experts' : 'num_experts']: experts!.numExperts,
  num_experts_per_tok: experts!.numExpertsPerToken,
})

/** Defaults: the configuration classes of transformers 5.24. */
export const families: Readonly<Record<ArchitectureFamily, Family>> = {
  llama: {
    modelType: 'llama',
    className: 'LlamaForCausalLM',
    defaults: { rms_norm_eps: 1e-6 },
    read(fields, _, positions) {
      noWindow(fields)
      return {
        activation: readActivation(fields, 'hidden_act', 'silu'),
        ...bias(fields),
        mlpBias: fields.flag('mlp_bias', false),
        ...ropeFields(readRope(fields, positions)),
      }
    },
    write: (a) => ({
      ...writeLlamaLike(a),
      attention_bias: a.attentionBias ?? false,
      mlp_bias: a.mlpBias ?? false,
    }),
  },
  mistral: {
    modelType: 'mistral',
    className: 'MistralForCausalLM',
    defaults: { rms_norm_eps: 1e-6, num_key_value_heads: 8 },
    read(fields, _, positions) {
      noMlpBias(fields)
      noAttentionBias(fields)
      return {
        activation: readActivation(fields, 'hidden_act', 'silu'),
        slidingWindow: fields.optionalNumber('sliding_window', 4096),
        ...ropeFields(readRope(fields, positions)),
      }
    },
    write: (a) => ({ ...writeLlamaLike(a), sliding_window: a.slidingWindow ?? null }),
  },
  qwen2: {
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    defaults: { rms_norm_eps: 1e-6, num_key_value_heads: 32 },
    read(fields, layers, positions) {
      noMlpBias(fields)
      fields.only('use_mrope', [false], 'multimodal RoPE is not supported')
      return {
        activation: readActivation(fields, 'hidden_act', 'silu'),
        attentionBias: 'qkv',
        ...readQwenWindow(fields, layers),
        ...ropeFields(readRope(fields, positions)),
      }
    },
    write: (a) => ({ ...writeLlamaLike(a), ...writeQwenWindow(a) }),
  },
  qwen3: {
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    defaults: { rms_norm_eps: 1e-6, num_key_value_heads: 32, head_dim: 128 },
    read(fields, layers, positions) {
      noMlpBias(fields)
      return {
        activation: readActivation(fields, 'hidden_act', 'silu'),
        qkNorm: true,
        ...bias(fields),
        ...readQwenWindow(fields, layers),
        ...ropeFields(readRope(fields, positions)),
      }
    },
    write: (a) => ({ ...writeLlamaLike(a), attention_bias: a.attentionBias ?? false, ...writeQwenWindow(a) }),
  },
  gemma2: {
    modelType: 'gemma2',
    className: 'Gemma2ForCausalLM',
    defaults: { ...gemmaSizes, vocab_size: 256_000, max_position_embeddings: 8192 },
    read(fields, layers, positions) {
      noMlpBias(fields)
      return { ...readGemma(fields, layers, 2, [50, 30]), ...ropeFields(readRope(fields, positions)) }
    },
    write: writeGemma,
  },
  gemma3: {
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    defaults: { ...gemmaSizes, vocab_size: 262_208, max_position_embeddings: 131_072 },
    read(fields, layers, positions) {
      noMlpBias(fields)
      const pattern = fields.number('sliding_window_pattern', fields.number('_sliding_window_pattern', 6))
      if (!Number.isInteger(pattern) || pattern < 1)
        throw new RangeError(`${fields.owner}: sliding_window_pattern must be an integer of 1 or more, got ${pattern}`)
      const { all, local } = readLayeredRope(fields, positions)
      if (local.scaling)
        throw new RangeError(
          `${fields.owner}: rope_parameters.sliding_attention must not be scaled, got ${show(local.scaling.type)}`,
        )
      const gemma = readGemma(fields, layers, pattern, [])
      const window = gemma.slidingWindow !== undefined
      return { ...gemma, qkNorm: true, ...ropeFields(all), ...(window && { localRopeTheta: local.theta }) }
    },
    write: (a) => ({ ...writeGemma(a), rope_local_base_freq: a.localRopeTheta ?? a.ropeTheta }),
  },
  olmo2: {
    modelType: 'olmo2',
    className: 'Olmo2ForCausalLM',
    defaults: { rms_norm_eps: 1e-5 },
    read(fields, _, positions) {
      noWindow(fields)
      noMlpBias(fields)
      return {
        activation: readActivation(fields, 'hidden_act', 'silu'),
        normPlacement: 'post',
        qkNorm: true,
        qkNormOver: 'projection',
        ...bias(fields),
        ...ropeFields(readRope(fields, positions)),
      }
    },
    write: (a) => ({ ...writeLlamaLike(a), attention_bias: a.attentionBias ?? false }),
  },
  mixtral: {
    modelType: 'mixtral',
    className: 'MixtralForCausalLM',
    defaults: { rms_norm_eps: 1e-5, num_key_value_heads: 8 },
    read(fields, _, positions) {
      noMlpBias(fields)
      noAttentionBias(fields)
      fields.only('router_jitter_noise', [0], 'router jitter is not supported')
      swigluExperts(fields)
      return {
        experts: {
          ...readExperts(fields, { num_local_experts: 8, num_experts_per_tok: 2 }),
          intermediateSize: fields.number('intermediate_size', 14336),
          tensorNames: 'mixtral',
        },
        slidingWindow: fields.optionalNumber('sliding_window'),
        ...ropeFields(readRope(fields, positions, 1_000_000)),
      }
    },
    write: (a) => ({
      ...writeLlamaLike(a),
      ...writeExperts(a),
      sliding_window: a.slidingWindow ?? null,
      intermediate_size: a.experts!.intermediateSize,
    }),
  },
  qwen3_moe: {
    modelType: 'qwen3_moe',
    className: 'Qwen3MoeForCausalLM',
    defaults: { rms_norm_eps: 1e-6, num_key_value_heads: 4 },
    read(fields, layers, positions) {
      noMlpBias(fields)
      fields.only('decoder_sparse_step', [1], 'every layer must have experts')
      if (fields.has('mlp_only_layers') && (fields.raw('mlp_only_layers') as unknown[]).length !== 0)
        throw new RangeError(
          `${fields.owner}: mlp_only_layers must be empty (every layer must have experts), got ${show(fields.raw('mlp_only_layers'))}`,
        )
      swigluExperts(fields)
      return {
        qkNorm: true,
        experts: {
          ...readExperts(fields, { num_local_experts: 128, num_experts_per_tok: 8 }),
          intermediateSize: fields.number('moe_intermediate_size', 768),
          ...(!fields.flag('norm_topk_prob', false) && { normTopKProb: false }),
          tensorNames: 'qwen3_moe',
        },
        ...bias(fields),
        ...readWholeQwenWindow(fields, layers),
        ...ropeFields(readRope(fields, positions)),
      }
    },
    write: (a) => ({
      ...writeLlamaLike(a),
      ...writeExperts(a),
      ...writeWholeQwenWindow(a),
      attention_bias: a.attentionBias ?? false,
      moe_intermediate_size: a.experts!.intermediateSize,
      norm_topk_prob: a.experts!.normTopKProb ?? true,
      decoder_sparse_step: 1,
      mlp_only_layers: [],
    }),
  },
}

/** Reads a Hugging Face config.json for planning and counting. Only sizes are needed, no weights. */
import { object, show } from '../check.ts'
import { type PlannerModel, validateModel } from './model.ts'

/** A model read from a config.json. */
export interface HuggingFaceModel {
  readonly model: PlannerModel
  /** `model_type` of the (text) model. */
  readonly type: string
  /** Maximum positions; null if the file does not state them. */
  readonly positions: number | null
  /** RoPE theta, norm epsilon, and standard deviation of initial weights, if the file states them. */
  readonly ropeTheta?: number
  readonly rmsNormEps?: number
  readonly initializerRange?: number
  /** Parts that are not counted, or not included in a launch. */
  readonly notes: readonly string[]
}

/** Fields of a configuration, with the defaults of its class. */
class Fields {
  private readonly given: Record<string, unknown>
  constructor(given: Record<string, unknown>) {
    this.given = given
  }
  has(key: string): boolean {
    return Object.hasOwn(this.given, key) && this.given[key] !== null && this.given[key] !== undefined
  }
  get(key: string): unknown {
    return this.has(key) ? this.given[key] : undefined
  }
  /** @throws TypeError naming the key */
  number(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback
    if (typeof value === 'number') return value
    throw new TypeError(value === undefined ? `${key} is missing` : `${key} must be a number, got ${show(value)}`)
  }
  flag(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback
    if (typeof value === 'boolean') return value
    throw new TypeError(`${key} must be true or false, got ${show(value)}`)
  }
  /** @throws RangeError if a field has a value that would change the counts and is not supported */
  only(key: string, counted: unknown): void {
    const value = this.get(key) ?? counted
    if (JSON.stringify(value) !== JSON.stringify(counted))
      throw new RangeError(`${key} ${show(value)} is not supported; only ${show(counted)} is`)
  }
}

type Reader = (fields: Fields) => PlannerModel

/** Fields that Llama and related models share. */
function llamaLike(fields: Fields): PlannerModel {
  fields.only('attention_bias', false)
  fields.only('mlp_bias', false)
  const hidden = fields.number('hidden_size')
  const heads = fields.number('num_attention_heads')
  return {
    layers: fields.number('num_hidden_layers'),
    hidden,
    ffn: fields.number('intermediate_size'),
    heads,
    kvHeads: fields.number('num_key_value_heads', heads),
    headDim: fields.number('head_dim', hidden / heads),
    vocab: fields.number('vocab_size'),
    tiedEmbeddings: fields.flag('tie_word_embeddings', false),
  }
}

/** A sliding window in all layers. */
function windowed(fields: Fields): Pick<PlannerModel, 'slidingWindow'> {
  return fields.has('sliding_window') ? { slidingWindow: { window: fields.number('sliding_window'), share: 1 } } : {}
}

/** Gemma 2 and 3: norms before and after each half, GELU, tied embeddings. */
function gemma(fields: Fields, defaults: Readonly<Record<string, number>>, pattern: number): PlannerModel {
  fields.only('attention_bias', false)
  const number = (key: string) => fields.number(key, defaults[key])
  const window = number('sliding_window')
  const every = fields.number('sliding_window_pattern', fields.number('_sliding_window_pattern', pattern))
  return {
    layers: number('num_hidden_layers'),
    hidden: number('hidden_size'),
    ffn: number('intermediate_size'),
    heads: number('num_attention_heads'),
    kvHeads: number('num_key_value_heads'),
    headDim: number('head_dim'),
    vocab: number('vocab_size'),
    tiedEmbeddings: fields.flag('tie_word_embeddings', true),
    normsPerLayer: 4,
    activation: 'gelu',
    slidingWindow: { window, share: (every - 1) / every },
  }
}

const gemmaDefaults = {
  vocab_size: 256_000,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  sliding_window: 4096,
}

/** Readers by `model_type`. Defaults are those of the configuration classes (transformers 5). */
const readers: Readonly<Record<string, Reader>> = {
  llama: llamaLike,
  mistral: (fields) => ({ ...llamaLike(fields), ...windowed(fields) }),
  mixtral: (fields) => ({
    ...llamaLike(fields),
    ...windowed(fields),
    experts: {
      count: fields.number('num_local_experts', 8),
      topK: fields.number('num_experts_per_tok', 2),
      ffn: fields.number('intermediate_size'),
    },
  }),
  qwen2: (fields) => {
    fields.only('use_sliding_window', false)
    return { ...llamaLike(fields), biases: 'qkv' }
  },
  qwen3: (fields) => {
    fields.only('use_sliding_window', false)
    return { ...llamaLike(fields), headDim: fields.number('head_dim', 128), qkNorm: true }
  },
  qwen3_moe: (fields) => {
    fields.only('use_sliding_window', false)
    fields.only('decoder_sparse_step', 1)
    fields.only('mlp_only_layers', [])
    return {
      ...llamaLike(fields),
      headDim: fields.number('head_dim', fields.number('hidden_size') / fields.number('num_attention_heads')),
      qkNorm: true,
      experts: {
        count: fields.number('num_experts', 128),
        topK: fields.number('num_experts_per_tok', 8),
        ffn: fields.number('moe_intermediate_size', 768),
      },
    }
  },
  gemma2: (fields) => gemma(fields, gemmaDefaults, 2),
  gemma3_text: (fields) => ({
    ...gemma(fields, { ...gemmaDefaults, vocab_size: 262_208 }, 6),
    qkNorm: true,
  }),
  phi3: (fields) => ({ ...llamaLike(fields), ...windowed(fields) }),
  deepseek_v3: (fields) => {
    fields.only('attention_bias', false)
    fields.only('moe_layer_freq', 1)
    const heads = fields.number('num_attention_heads')
    const inner = fields.number('moe_intermediate_size')
    return {
      layers: fields.number('num_hidden_layers'),
      hidden: fields.number('hidden_size'),
      ffn: fields.number('intermediate_size'),
      heads,
      kvHeads: heads,
      headDim: fields.number('qk_nope_head_dim'),
      vocab: fields.number('vocab_size'),
      tiedEmbeddings: fields.flag('tie_word_embeddings', false),
      latentAttention: {
        queryRank: fields.number('q_lora_rank', 0),
        keyValueRank: fields.number('kv_lora_rank'),
        ropeDim: fields.number('qk_rope_head_dim'),
        valueDim: fields.number('v_head_dim'),
      },
      experts: {
        count: fields.number('n_routed_experts'),
        topK: fields.number('num_experts_per_tok'),
        ffn: inner,
        sharedFfn: inner * fields.number('n_shared_experts', 1),
        firstDenseLayers: fields.number('first_k_dense_replace', 0),
      },
    }
  },
  gpt2: (fields) => {
    fields.only('add_cross_attention', false)
    const hidden = fields.number('n_embd', 768)
    const heads = fields.number('n_head', 12)
    return {
      layers: fields.number('n_layer', 12),
      hidden,
      ffn: fields.number('n_inner', 4 * hidden),
      heads,
      kvHeads: heads,
      headDim: hidden / heads,
      vocab: fields.number('vocab_size', 50_257),
      gatedMlp: false,
      learnedPositions: fields.number('n_positions', 1024),
      tiedEmbeddings: fields.flag('tie_word_embeddings', true),
      norm: 'layer',
      biases: 'all',
    }
  },
}

/** Class names, for configurations without `model_type`. */
const classes: Readonly<Record<string, string>> = {
  LlamaForCausalLM: 'llama',
  MistralForCausalLM: 'mistral',
  MixtralForCausalLM: 'mixtral',
  Qwen2ForCausalLM: 'qwen2',
  Qwen3ForCausalLM: 'qwen3',
  Qwen3MoeForCausalLM: 'qwen3_moe',
  Gemma2ForCausalLM: 'gemma2',
  Gemma3ForCausalLM: 'gemma3_text',
  Phi3ForCausalLM: 'phi3',
  DeepseekV3ForCausalLM: 'deepseek_v3',
  GPT2LMHeadModel: 'gpt2',
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether an object looks like a config.json rather than a `PlannerModel`. */
export function isHuggingFaceConfig(json: object): boolean {
  return ['model_type', 'architectures', 'hidden_size', 'n_embd', 'text_config'].some((key) => Object.hasOwn(json, key))
}

/**
 * Reads a parsed config.json for planning, counts and memory: Llama (1 to 3; RoPE scaling does not affect these),
 * Mistral, Mixtral, Qwen2 (and 2.5), Qwen3, Qwen3-MoE, Gemma 2, Gemma 3 (its text model, nested or separate), Phi-3,
 * DeepSeek-V3, GPT-2. Fields that do not affect the counts are ignored; unsupported ones that do are rejected by name.
 * @throws RangeError for another `model_type`, naming it and the supported ones; RangeError or TypeError naming a field
 * @example fromHuggingFace(config).model.layers // 24
 */
export function fromHuggingFace(json: unknown): HuggingFaceModel {
  const given = object('the configuration', json)
  const nested = given.text_config
  if (typeof nested === 'object' && nested !== null) {
    const outer = Object.hasOwn(given, 'tie_word_embeddings') ? { tie_word_embeddings: given.tie_word_embeddings } : {}
    const inner = fromHuggingFace({ ...outer, ...nested })
    return {
      ...inner,
      notes: [...inner.notes, `only the text model of ${show(given.model_type)} is counted`],
    }
  }
  const known = Array.isArray(given.architectures)
    ? given.architectures.map((name) => (Object.hasOwn(classes, name) ? classes[name] : undefined)).find(Boolean)
    : undefined
  const type = given.model_type ?? known ?? show(given.architectures ?? null)
  if (typeof type !== 'string' || !Object.hasOwn(readers, type))
    throw new RangeError(`model_type ${show(type)} is not supported; supported are ${Object.keys(readers).join(', ')}`)
  const fields = new Fields(given)
  const model = readers[type](fields)
  if (!Number.isInteger(model.headDim))
    throw new RangeError(`hidden size ${model.hidden} must be a multiple of the ${model.heads} heads`)
  const positions =
    fields.get('max_position_embeddings') ?? fields.get('n_positions') ?? (model.learnedPositions || null)
  const notes: string[] = []
  if (fields.has('num_nextn_predict_layers') && fields.number('num_nextn_predict_layers') > 0)
    notes.push('multi-token prediction layers (num_nextn_predict_layers) are not counted')
  const rope = new Fields(['rope_parameters', 'rope_scaling'].map((key) => fields.get(key)).find(isObject) ?? {})
  const scaled = rope.get('rope_type') ?? rope.get('type') ?? 'default'
  if (scaled !== 'default') notes.push(`RoPE scaling (${show(scaled)}) is not included in launches`)
  validateModel(model)
  const theta = rope.has('rope_theta') ? rope : fields
  return {
    model,
    type,
    positions: typeof positions === 'number' ? positions : null,
    ...(theta.has('rope_theta') && { ropeTheta: theta.number('rope_theta') }),
    ...(fields.has('rms_norm_eps') && { rmsNormEps: fields.number('rms_norm_eps') }),
    ...(fields.has('layer_norm_epsilon') && { rmsNormEps: fields.number('layer_norm_epsilon') }),
    ...(fields.has('initializer_range') && { initializerRange: fields.number('initializer_range') }),
    notes,
  }
}

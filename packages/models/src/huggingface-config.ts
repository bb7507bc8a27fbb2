/** `config.json` of a Hugging Face LlamaForCausalLM, to and from a model architecture. */
import { type ModelArchitecture, padVocabSize, validateArchitecture } from './architecture.ts'

/** What `toHuggingFaceConfig` writes: the snake_case keys transformers reads. */
export interface HuggingFaceLlamaConfig {
  architectures: ['LlamaForCausalLM']
  model_type: 'llama'
  hidden_act: 'silu'
  attention_bias: false
  mlp_bias: false
  attention_dropout: 0
  hidden_size: number
  intermediate_size: number
  num_hidden_layers: number
  num_attention_heads: number
  num_key_value_heads: number
  head_dim: number
  vocab_size: number
  max_position_embeddings: number
  rope_theta: number
  rms_norm_eps: number
  initializer_range: number
  tie_word_embeddings: boolean
  torch_dtype: string
  use_cache: true
  bos_token_id?: number
  eos_token_id?: number
  pad_token_id?: number
}

/** What a checkpoint's config.json says besides the architecture. */
export interface HuggingFaceConfigOptions {
  /** Rows of the tables: `exact` (vocabSize, default) or `padded` (paddedVocabSize, as LLM-jp's checkpoints have). */
  readonly vocab?: 'exact' | 'padded'
  /** How the weights are stored; default `float32`. */
  readonly torchDtype?: 'float32' | 'bfloat16' | 'float16'
  readonly bosTokenId?: number
  readonly eosTokenId?: number
  readonly padTokenId?: number
}

/**
 * The config.json of a dense architecture, as LlamaForCausalLM.
 * @throws RangeError for a field outside its bounds, or an architecture Llama cannot express (experts, q/k norms)
 */
export function toHuggingFaceConfig(
  config: ModelArchitecture,
  options: HuggingFaceConfigOptions = {},
): HuggingFaceLlamaConfig {
  validateArchitecture(config, 'toHuggingFaceConfig')
  if (config.experts || config.qkNorm) {
    const part = config.experts ? 'experts' : 'q/k norms'
    throw new RangeError(
      `toHuggingFaceConfig: LlamaForCausalLM has no ${part}; only dense LLM-jp models can be written`,
    )
  }
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    attention_dropout: 0,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    vocab_size: options.vocab === 'padded' ? config.paddedVocabSize : config.vocabSize,
    max_position_embeddings: config.maxPositionEmbeddings,
    rope_theta: config.ropeTheta,
    rms_norm_eps: config.rmsNormEps,
    initializer_range: config.initializerRange,
    tie_word_embeddings: config.tieWordEmbeddings,
    torch_dtype: options.torchDtype ?? 'float32',
    use_cache: true,
    ...(options.bosTokenId === undefined ? {} : { bos_token_id: options.bosTokenId }),
    ...(options.eosTokenId === undefined ? {} : { eos_token_id: options.eosTokenId }),
    ...(options.padTokenId === undefined ? {} : { pad_token_id: options.padTokenId }),
  }
}

const fixed: readonly (readonly [field: string, allowed: unknown, why: string])[] = [
  ['hidden_act', 'silu', 'the MLP is SwiGLU'],
  ['attention_bias', false, 'projections have no bias'],
  ['mlp_bias', false, 'projections have no bias'],
  ['rope_scaling', null, 'rotary positions are not rescaled'],
]

/**
 * Reads a parsed config.json of a Llama model (transformers 4 and 5 key styles). The input is not trusted:
 * every field is checked for kind and bound before anything is built from it.
 * @param json what `JSON.parse` gave
 * @returns the architecture; `paddedVocabSize` is `vocab_size` rounded up to 128
 * @throws TypeError for a missing field or one of the wrong kind, RangeError for a value out of bounds;
 *   the message names the key, what was given and what is allowed
 */
export function fromHuggingFaceConfig(json: unknown): ModelArchitecture {
  const owner = 'config.json'
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    const kind = json === null ? 'null' : Array.isArray(json) ? 'an array' : typeof json
    throw new TypeError(`${owner}: must be a JSON object, got ${kind}`)
  }
  const given = json as Record<string, unknown>
  const has = (key: string) => Object.hasOwn(given, key) && given[key] !== null && given[key] !== undefined
  if (has('model_type') ? given.model_type !== 'llama' : !names(given.architectures).includes('LlamaForCausalLM')) {
    const found = has('model_type')
      ? `model_type ${show(given.model_type)}`
      : `architectures ${show(given.architectures)}`
    throw new RangeError(`${owner}: ${found} is not supported; only "llama" (LlamaForCausalLM) is`)
  }
  for (const [key, allowed, why] of fixed) {
    if (has(key) && given[key] !== allowed) {
      throw new RangeError(`${owner}: ${key} must be ${show(allowed)} (${why}), got ${show(given[key])}`)
    }
  }
  const number = (key: string, fallback?: number): number => {
    if (!has(key)) {
      if (fallback !== undefined) return fallback
      throw new TypeError(`${owner}: ${key} is missing; it must be a number`)
    }
    const value = given[key]
    if (typeof value !== 'number') throw new TypeError(`${owner}: ${key} must be a number, got ${show(value)}`)
    return value
  }
  const hiddenSize = number('hidden_size')
  const numAttentionHeads = number('num_attention_heads')
  const vocabSize = number('vocab_size')
  if (!has('head_dim') && hiddenSize % numAttentionHeads !== 0) {
    throw new RangeError(
      `${owner}: num_attention_heads must divide hidden_size where head_dim is missing, got ${numAttentionHeads} and ${hiddenSize}`,
    )
  }
  const tie = has('tie_word_embeddings') ? given.tie_word_embeddings : false
  if (typeof tie !== 'boolean') {
    throw new TypeError(`${owner}: tie_word_embeddings must be true or false, got ${show(tie)}`)
  }
  const architecture: ModelArchitecture = {
    hiddenSize,
    intermediateSize: number('intermediate_size'),
    numHiddenLayers: number('num_hidden_layers'),
    numAttentionHeads,
    numKeyValueHeads: number('num_key_value_heads', numAttentionHeads),
    headDim: number('head_dim', hiddenSize / numAttentionHeads),
    vocabSize,
    paddedVocabSize: padVocabSize(vocabSize),
    maxPositionEmbeddings: number('max_position_embeddings'),
    ropeTheta: ropeTheta(given, number, owner),
    rmsNormEps: number('rms_norm_eps', 1e-6),
    initializerRange: number('initializer_range', 0.02),
    tieWordEmbeddings: tie,
  }
  return inSnakeCase(() => validateArchitecture(architecture, owner))
}

/** transformers 5 nests theta in `rope_parameters`; before, it is a key of its own (10000 where missing). */
function ropeTheta(
  given: Record<string, unknown>,
  number: (key: string, fallback?: number) => number,
  owner: string,
): number {
  const nested = given.rope_parameters
  if (nested === undefined || nested === null) return number('rope_theta', 10_000)
  if (typeof nested !== 'object') {
    throw new TypeError(`${owner}: rope_parameters must be an object, got ${show(nested)}`)
  }
  const { rope_type: type = 'default', rope_theta: theta = 10_000 } = nested as Record<string, unknown>
  if (type !== 'default') {
    throw new RangeError(`${owner}: rope_parameters.rope_type must be "default", got ${show(type)}`)
  }
  if (typeof theta !== 'number') {
    throw new TypeError(`${owner}: rope_parameters.rope_theta must be a number, got ${show(theta)}`)
  }
  return theta
}

/** The reader of an error looks at the file, whose keys are snake_case. */
function inSnakeCase<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    const message = (error as Error).message
    throw new RangeError(
      message.replace(/\b[a-z]+(?:[A-Z][a-z]+)+\b/g, (word) => word.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)),
    )
  }
}

function names(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** `config.json` of a Hugging Face LlamaForCausalLM, to and from a model architecture. */
import { type ModelArchitecture, padVocabSize, validateArchitecture } from '../architecture.ts'

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

/** Fields that must have one of a few values (null and missing are the default, the first). */
const fixed: readonly (readonly [field: string, allowed: readonly unknown[], why: string])[] = [
  // Two names of one function.
  ['hidden_act', ['silu', 'swish'], 'the MLP is SwiGLU'],
  ['attention_bias', [false], 'projections have no bias'],
  ['mlp_bias', [false], 'projections have no bias'],
  ['partial_rotary_factor', [1], 'whole heads are rotated'],
  ['sliding_window', [false], 'every position sees all before it'],
  ['is_encoder_decoder', [false], 'a decoder stands alone'],
  ['add_cross_attention', [false], 'a decoder stands alone'],
  ['tie_encoder_decoder', [false], 'a decoder stands alone'],
  ['chunk_size_feed_forward', [0], 'the MLP is not cut'],
]

/** Fields that are read. */
const computed = [
  'architectures',
  'head_dim',
  'hidden_size',
  'initializer_range',
  'intermediate_size',
  'max_position_embeddings',
  'model_type',
  'num_attention_heads',
  'num_hidden_layers',
  'num_key_value_heads',
  'rms_norm_eps',
  'rope_parameters',
  'rope_scaling',
  'rope_theta',
  'tie_word_embeddings',
  'vocab_size',
  'pruned_heads',
  'auto_map',
]

/** Fields that change no logit: storage, special ids, dropout (training only), how text is generated, labels, notes of the library. */
const harmless = new Set(
  `torch_dtype dtype use_cache pretraining_tp transformers_version _name_or_path name_or_path _commit_hash
  _attn_implementation _attn_implementation_autoset attn_implementation attention_dropout hidden_dropout embd_pdrop resid_pdrop
  bos_token_id eos_token_id pad_token_id unk_token_id sep_token_id cls_token_id mask_token_id decoder_start_token_id
  tokenizer_class prefix max_sequence_length gradient_checkpointing use_bfloat16 tf_legacy_loss torchscript return_dict
  output_attentions output_hidden_states output_router_logits is_decoder cross_attention_hidden_size
  finetuning_task id2label label2id num_labels problem_type task_specific_params
  max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p typical_p
  repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences
  output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id remove_invalid_values
  exponential_decay_length_penalty suppress_tokens begin_suppress_tokens renormalize_logits`.split(/\s+/),
)

/**
 * Reads a parsed config.json of a Llama model (transformers 4 and 5 key styles). The input is not trusted:
 * every field is checked for kind and bound before anything is built from it. A field that is neither computed nor known to change no
 * number is refused; null counts as missing.
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
    if (has(key) && !allowed.includes(given[key])) {
      throw new RangeError(`${owner}: ${key} must be ${show(allowed[0])} (${why}), got ${show(given[key])}`)
    }
  }
  refuseUnknown(given, has, owner)
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

/** A field that is neither computed nor known to be harmless may change every number: it is refused. */
function refuseUnknown(given: Record<string, unknown>, has: (key: string) => boolean, owner: string): void {
  const pruned = given.pruned_heads
  if (has('pruned_heads') && (typeof pruned !== 'object' || Object.keys(pruned as object).length > 0))
    throw new RangeError(`${owner}: pruned_heads must be empty (every head is computed), got ${show(pruned)}`)
  const own = has('auto_map') && typeof given.auto_map === 'object' ? Object.keys(given.auto_map as object) : []
  const model = own.find((name) => name.startsWith('AutoModel'))
  if (model)
    throw new RangeError(
      `${owner}: auto_map.${model} names code of the model's own, which is not run; only plain Llama models load`,
    )
  const known = new Set([...computed, ...fixed.map(([key]) => key)])
  for (const key of Object.keys(given)) {
    if (!has(key) || known.has(key) || harmless.has(key)) continue
    const why =
      key === 'quantization_config'
        ? 'quantised weights cannot be read; give a folder in bfloat16, float16 or float32'
        : 'it is not known, and may change what the model computes; take it out if it does not'
    throw new RangeError(`${owner}: ${key} is set to ${show(given[key])}: ${why}`)
  }
}

/** Parameters of scaled rotary positions, which the plain ones pass over. */
const scalingFields = [
  'factor',
  'original_max_position_embeddings',
  'attention_factor',
  'beta_fast',
  'beta_slow',
  'short_factor',
  'long_factor',
  'low_freq_factor',
  'high_freq_factor',
]

/**
 * Theta, as transformers 5 finds it: in `rope_scaling` (the older name) or `rope_parameters`, else in `rope_theta` beside them, else 10000.
 */
function ropeTheta(
  given: Record<string, unknown>,
  number: (key: string, fallback?: number) => number,
  owner: string,
): number {
  const beside = number('rope_theta', 10_000)
  const thetas = ['rope_scaling', 'rope_parameters'].flatMap((key) => {
    const nested = given[key]
    if (nested === undefined || nested === null) return []
    if (typeof nested !== 'object' || Array.isArray(nested))
      throw new TypeError(`${owner}: ${key} must be an object, got ${show(nested)}`)
    if (Object.keys(nested).length === 0) return []
    return [nestedTheta(`${owner}: ${key}`, nested as Record<string, unknown>) ?? beside]
  })
  if (thetas.length === 2 && thetas[0] !== thetas[1])
    throw new RangeError(
      `${owner}: rope_scaling and rope_parameters give different rope_theta, ${thetas[0]} and ${thetas[1]}; leave one`,
    )
  return thetas[0] ?? beside
}

/** @returns undefined where the object has no theta of its own */
function nestedTheta(where: string, nested: Record<string, unknown>): number | undefined {
  const known = Object.fromEntries(Object.entries(nested).filter(([, value]) => value !== null))
  for (const key of ['rope_type', 'type'])
    if (known[key] !== undefined && known[key] !== 'default')
      throw new RangeError(
        where.endsWith('rope_scaling')
          ? `${where} must be null or of rope_type "default" (rotary positions are not rescaled), got ${show(nested)}`
          : `${where}.${key} must be "default" (rotary positions are not rescaled), got ${show(known[key])}`,
      )
  const { rope_type: _, type: __, rope_theta: theta, partial_rotary_factor: factor = 1, ...others } = known
  const unknown = Object.keys(others).find((key) => !scalingFields.includes(key))
  if (unknown) throw new RangeError(`${where}.${unknown} is not known, got ${show(others[unknown])}`)
  if (factor !== 1)
    throw new RangeError(`${where}.partial_rotary_factor must be 1 (whole heads are rotated), got ${show(factor)}`)
  if (theta === undefined || typeof theta === 'number') return theta
  throw new TypeError(`${where}.rope_theta must be a number, got ${show(theta)}`)
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

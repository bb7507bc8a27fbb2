/** `config.json` of Hugging Face's decoders, to and from a model architecture. */
import {
  type ArchitectureFamily,
  canonicalArchitecture,
  type ModelArchitecture,
  padVocabSize,
  validateArchitecture,
} from '../architecture.ts'
import { type Family, families } from './families.ts'
import { Fields, isObject, show } from './fields.ts'

/** What `toHuggingFaceConfig` writes: Transformers' snake_case keys, those below and the class's own. */
export interface HuggingFaceConfig extends Record<string, unknown> {
  architectures: string[]
  model_type: string
  hidden_size: number
  intermediate_size: number
  num_hidden_layers: number
  num_attention_heads: number
  num_key_value_heads: number
  head_dim: number
  vocab_size: number
  max_position_embeddings: number
  rms_norm_eps: number
  initializer_range: number
  tie_word_embeddings: boolean
  torch_dtype: string
}

/** Fields of a checkpoint's config.json besides the architecture. */
export interface HuggingFaceConfigOptions {
  /**
   * Rows of the embedding tables: `exact` (vocabSize, default) or `padded` (paddedVocabSize, as LLM-jp's checkpoints
   * have).
   */
  readonly vocab?: 'exact' | 'padded'
  /** Storage format of the weights; default `float32`. */
  readonly torchDtype?: 'float32' | 'bfloat16' | 'float16'
  readonly bosTokenId?: number
  /** The id that ends a text, or several. */
  readonly eosTokenId?: number | readonly number[]
  readonly padTokenId?: number
}

/** Ids of special tokens in a config.json. */
export type TokenIds = Pick<HuggingFaceConfigOptions, 'bosTokenId' | 'eosTokenId' | 'padTokenId'>

/** The family of an architecture; without `family`, by its experts, or Llama. */
function familyOf({ family, experts }: ModelArchitecture): ArchitectureFamily {
  const named = experts?.tensorNames ?? family ?? 'llama'
  if (family !== undefined && family !== named)
    throw new RangeError(`toHuggingFaceConfig: the class ${family} has no experts; ${named} has`)
  return named
}

/**
 * The config.json of an architecture, as its `family` (default: Llama, or the class that names the experts).
 * @throws RangeError for a field outside its bounds, or one that the class does not have
 * @example toHuggingFaceConfig(nano).num_hidden_layers // 4
 */
export function toHuggingFaceConfig(
  config: ModelArchitecture,
  options: HuggingFaceConfigOptions = {},
): HuggingFaceConfig {
  validateArchitecture(config, 'toHuggingFaceConfig')
  const family = families[familyOf(config)]
  const json: HuggingFaceConfig = {
    architectures: [family.className],
    model_type: family.modelType,
    attention_dropout: 0,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    vocab_size: options.vocab === 'padded' ? config.paddedVocabSize : config.vocabSize,
    max_position_embeddings: config.maxPositionEmbeddings,
    rms_norm_eps: config.rmsNormEps,
    initializer_range: config.initializerRange,
    tie_word_embeddings: config.tieWordEmbeddings,
    torch_dtype: options.torchDtype ?? 'float32',
    use_cache: true,
    ...family.write(config),
    ...(options.bosTokenId === undefined ? {} : { bos_token_id: options.bosTokenId }),
    ...(options.eosTokenId === undefined ? {} : { eos_token_id: options.eosTokenId }),
    ...(options.padTokenId === undefined ? {} : { pad_token_id: options.padTokenId }),
  }
  rejectLossyConfig(config, json, family)
  return json
}

const stableJson = (value: unknown) => JSON.stringify(value, isObject(value) ? Object.keys(value).sort() : undefined)

/** Rejects an architecture that would be read back differently, because the class has no such field. */
function rejectLossyConfig(config: ModelArchitecture, json: HuggingFaceConfig, family: Family): void {
  const given = canonicalArchitecture(config)
  const { vocabSize, paddedVocabSize } = given
  const again = { ...fromHuggingFaceConfig(json), vocabSize, paddedVocabSize }
  for (const field of new Set([...Object.keys(given), ...Object.keys(again)]) as Set<keyof ModelArchitecture>) {
    const [a, b] = [given[field], again[field]]
    if (stableJson(a) === stableJson(b)) continue
    const fault = a === undefined ? `always has ${field} ${show(b)}` : `has no ${field} ${show(a)}`
    throw new RangeError(`toHuggingFaceConfig: ${family.className} ${fault}; give the architecture another family`)
  }
}

/** Fields that must have one of a few values (null and missing are the default, the first). */
const fixed: readonly (readonly [field: string, allowed: readonly unknown[], why: string])[] = [
  ['partial_rotary_factor', [1], 'partial rotary embeddings are not supported'],
  ['is_encoder_decoder', [false], 'only decoder-only models are supported'],
  ['add_cross_attention', [false], 'only decoder-only models are supported'],
  ['tie_encoder_decoder', [false], 'only decoder-only models are supported'],
  ['chunk_size_feed_forward', [0], 'the MLP is not chunked'],
]

/**
 * Fields that do not affect logits: storage, special ids, dropout (training only), generation settings, labels, library
 * metadata.
 */
const ignored = new Set(
  `torch_dtype dtype use_cache pretraining_tp transformers_version _name_or_path name_or_path _commit_hash
  _attn_implementation _attn_implementation_autoset attn_implementation attention_dropout hidden_dropout embd_pdrop resid_pdrop
  bos_token_id eos_token_id pad_token_id unk_token_id sep_token_id cls_token_id mask_token_id decoder_start_token_id
  tokenizer_class prefix max_sequence_length gradient_checkpointing use_bfloat16 tf_legacy_loss torchscript return_dict
  output_attentions output_hidden_states output_router_logits is_decoder cross_attention_hidden_size
  finetuning_task id2label label2id num_labels problem_type task_specific_params
  max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p typical_p
  repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences
  output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id remove_invalid_values
  exponential_decay_length_penalty cache_implementation suppress_tokens begin_suppress_tokens renormalize_logits`.split(
    /\s+/,
  ),
)

/**
 * Reads a parsed config.json of Llama, Mistral, Qwen2, Qwen3, Gemma 2, Gemma 3 (text), OLMo 2, Mixtral or Qwen3-MoE
 * (transformers 4 and 5 key styles). The input is untrusted: the type and bounds of every field are checked before use.
 * A field that is neither supported nor known to leave logits unchanged is rejected; null counts as missing where the
 * class treats it so.
 * @param json the result of `JSON.parse`
 * @returns the architecture; `paddedVocabSize` is `vocab_size` rounded up to 128
 * @throws TypeError for a missing field or one of the wrong type, RangeError for a value out of bounds;
 *   the message names the key, what was given and what is allowed
 * @example fromHuggingFaceConfig(toHuggingFaceConfig(nano)).hiddenSize // 128
 */
export function fromHuggingFaceConfig(json: unknown): ModelArchitecture {
  const owner = 'config.json'
  if (!isObject(json)) {
    const kind = json === null ? 'null' : Array.isArray(json) ? 'an array' : typeof json
    throw new TypeError(`${owner}: must be a JSON object, got ${kind}`)
  }
  if (isObject(json.text_config)) return fromHuggingFaceConfig(languageModelOf(owner, json, json.text_config))
  const fields = new Fields(owner, json)
  const [name, family] = findFamily(fields)
  for (const [key, allowed, why] of fixed) fields.only(key, allowed, why)
  const size = (key: string, fallback?: number) =>
    fields.number(key, (family.defaults[key] as number | undefined) ?? fallback)
  const hiddenSize = size('hidden_size')
  const numAttentionHeads = size('num_attention_heads')
  const vocabSize = size('vocab_size')
  const headDim = size('head_dim', hiddenSize / numAttentionHeads)
  if (!fields.has('head_dim') && headDim !== Math.round(headDim)) {
    throw new RangeError(
      `${owner}: num_attention_heads must divide hidden_size if head_dim is missing, got ${numAttentionHeads} and ${hiddenSize}`,
    )
  }
  const keyValueHeads = fields.raw('num_key_value_heads') === null ? numAttentionHeads : undefined
  const numHiddenLayers = size('num_hidden_layers')
  const maxPositionEmbeddings = size('max_position_embeddings')
  const sizes = {
    hiddenSize,
    intermediateSize: size('intermediate_size'),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads: keyValueHeads ?? size('num_key_value_heads', numAttentionHeads),
    headDim,
    vocabSize,
    paddedVocabSize: padVocabSize(vocabSize),
    maxPositionEmbeddings,
    rmsNormEps: size('rms_norm_eps'),
    initializerRange: size('initializer_range', 0.02),
    tieWordEmbeddings: fields.flag('tie_word_embeddings', family.defaults.tie_word_embeddings === true),
    // The sizes are checked first, because arrays of one entry per layer are made below.
    ropeTheta: 10_000,
  }
  inSnakeCase(() => validateArchitecture(sizes, owner))
  const choices = family.read(fields, numHiddenLayers, maxPositionEmbeddings)
  rejectUnknown(fields)
  const architecture: ModelArchitecture = { ...sizes, ...choices, family: name }
  inSnakeCase(() => validateArchitecture(architecture, owner))
  return canonicalArchitecture(architecture)
}

/** The language model's configuration in a multimodal Gemma 3, whose other parts are not read. */
function languageModelOf(owner: string, json: Record<string, unknown>, text: Record<string, unknown>) {
  if (
    json.model_type !== 'gemma3' ||
    (text.model_type ?? 'gemma3_text') !== 'gemma3_text' ||
    isObject(text.text_config)
  )
    throw new RangeError(
      `${owner}: text_config of model_type ${show(json.model_type)} is not supported; that of "gemma3" is`,
    )
  const { architectures: _, ...own } = text
  return { tie_word_embeddings: json.tie_word_embeddings, ...own, model_type: 'gemma3_text' }
}

function findFamily(fields: Fields): [ArchitectureFamily, Family] {
  const classes = fields.raw('architectures')
  const known = Object.entries(families) as [ArchitectureFamily, Family][]
  const found = known.find(([, { modelType, className }]) =>
    fields.has('model_type')
      ? fields.raw('model_type') === modelType
      : Array.isArray(classes) && classes.includes(className),
  )
  if (!found) {
    const given = fields.has('model_type')
      ? `model_type ${show(fields.raw('model_type'))}`
      : `architectures ${show(classes)}`
    throw new RangeError(
      `${fields.owner}: ${given} is not supported; supported are ${known.map(([, f]) => `${f.modelType} (${f.className})`).join(', ')}`,
    )
  }
  const [, { className, modelType }] = found
  const other = Array.isArray(classes) && classes.length > 0 && !classes.includes(className) ? classes[0] : undefined
  if (other !== undefined)
    throw new RangeError(
      `${fields.owner}: architectures names ${show(other)}, but model_type "${modelType}" is ${className}; only its language model loads`,
    )
  return found
}

/** Rejects a field that is neither supported nor known to leave logits unchanged. */
function rejectUnknown(fields: Fields): void {
  const { owner } = fields
  const pruned = fields.raw('pruned_heads')
  if (fields.has('pruned_heads') && (typeof pruned !== 'object' || Object.keys(pruned as object).length > 0))
    throw new RangeError(`${owner}: pruned_heads must be empty (pruned heads are not supported), got ${show(pruned)}`)
  const map = fields.raw('auto_map')
  const model = isObject(map) && Object.keys(map).find((name) => name.startsWith('AutoModel'))
  if (model)
    throw new RangeError(
      `${owner}: auto_map.${model} names custom code, which is not run; only models of the supported classes can be loaded`,
    )
  for (const key of fields.unread()) {
    if (ignored.has(key)) continue
    const why =
      key === 'quantization_config'
        ? 'quantised weights cannot be read; give a folder in bfloat16, float16 or float32'
        : 'an unknown field, which may change what the model computes; remove it if it does not'
    throw new RangeError(`${owner}: ${key} is set to ${show(fields.raw(key))}: ${why}`)
  }
}

/** Rewrites field names in errors to the file's snake_case keys. */
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

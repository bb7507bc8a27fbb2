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

/** What `toHuggingFaceConfig` writes: the snake_case keys transformers reads, those below and the class's own. */
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

/** Which class has an architecture, where it does not say. */
function familyOf({ family, experts }: ModelArchitecture): ArchitectureFamily {
  const named = experts?.tensorNames ?? family ?? 'llama'
  if (family !== undefined && family !== named)
    throw new RangeError(`toHuggingFaceConfig: the class ${family} has no experts; ${named} has`)
  return named
}

/**
 * The config.json of an architecture, as its `family` (Llama where there is none, or the class that names the experts).
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
  refuseWhatIsLost(config, json, family)
  return json
}

const inOrder = (value: unknown) => JSON.stringify(value, isObject(value) ? Object.keys(value).sort() : undefined)

/** What the class cannot say would be another model when it is read again. */
function refuseWhatIsLost(config: ModelArchitecture, json: HuggingFaceConfig, family: Family): void {
  const given = canonicalArchitecture(config)
  const { vocabSize, paddedVocabSize } = given
  const again = { ...fromHuggingFaceConfig(json), vocabSize, paddedVocabSize }
  for (const field of new Set([...Object.keys(given), ...Object.keys(again)]) as Set<keyof ModelArchitecture>) {
    const [a, b] = [given[field], again[field]]
    if (inOrder(a) === inOrder(b)) continue
    const fault = a === undefined ? `always has ${field} ${show(b)}` : `has no ${field} ${show(a)}`
    throw new RangeError(`toHuggingFaceConfig: ${family.className} ${fault}; give the architecture another family`)
  }
}

/** Fields that must have one of a few values (null and missing are the default, the first). */
const fixed: readonly (readonly [field: string, allowed: readonly unknown[], why: string])[] = [
  ['partial_rotary_factor', [1], 'whole heads are rotated'],
  ['is_encoder_decoder', [false], 'a decoder stands alone'],
  ['add_cross_attention', [false], 'a decoder stands alone'],
  ['tie_encoder_decoder', [false], 'a decoder stands alone'],
  ['chunk_size_feed_forward', [0], 'the MLP is not cut'],
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
  exponential_decay_length_penalty cache_implementation suppress_tokens begin_suppress_tokens renormalize_logits`.split(
    /\s+/,
  ),
)

/**
 * Reads a parsed config.json of Llama, Mistral, Qwen2, Qwen3, Gemma 2, Gemma 3 (text), OLMo 2, Mixtral or Qwen3-MoE (transformers 4 and 5 key styles). The input
 * is not trusted: every field is checked for kind and bound before anything is built from it. A field that is neither computed nor known to
 * change no number is refused; null counts as missing where the class takes it so.
 * @param json what `JSON.parse` gave
 * @returns the architecture; `paddedVocabSize` is `vocab_size` rounded up to 128
 * @throws TypeError for a missing field or one of the wrong kind, RangeError for a value out of bounds;
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
      `${owner}: num_attention_heads must divide hidden_size where head_dim is missing, got ${numAttentionHeads} and ${hiddenSize}`,
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
    // Bounds of the sizes come first: the layers are written out below.
    ropeTheta: 10_000,
  }
  inSnakeCase(() => validateArchitecture(sizes, owner))
  const choices = family.read(fields, numHiddenLayers, maxPositionEmbeddings)
  refuseUnknown(fields)
  const architecture: ModelArchitecture = { ...sizes, ...choices, family: name }
  inSnakeCase(() => validateArchitecture(architecture, owner))
  return canonicalArchitecture(architecture)
}

/** The language model of a Gemma 3 that sees images too, whose other parts are not read. */
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
      `${fields.owner}: ${given} is not supported; there are ${known.map(([, f]) => `${f.modelType} (${f.className})`).join(', ')}`,
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

/** A field that is neither computed nor known to be harmless may change every number: it is refused. */
function refuseUnknown(fields: Fields): void {
  const { owner } = fields
  const pruned = fields.raw('pruned_heads')
  if (fields.has('pruned_heads') && (typeof pruned !== 'object' || Object.keys(pruned as object).length > 0))
    throw new RangeError(`${owner}: pruned_heads must be empty (every head is computed), got ${show(pruned)}`)
  const map = fields.raw('auto_map')
  const model = isObject(map) && Object.keys(map).find((name) => name.startsWith('AutoModel'))
  if (model)
    throw new RangeError(
      `${owner}: auto_map.${model} names code of the model's own, which is not run; only plain models load`,
    )
  for (const key of fields.unread()) {
    if (harmless.has(key)) continue
    const why =
      key === 'quantization_config'
        ? 'quantised weights cannot be read; give a folder in bfloat16, float16 or float32'
        : 'it is not known, and may change what the model computes; take it out if it does not'
    throw new RangeError(`${owner}: ${key} is set to ${show(fields.raw(key))}: ${why}`)
  }
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

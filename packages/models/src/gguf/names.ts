/**
 * llama.cpp's names of architectures, metadata and tensors.
 * @see llama.cpp gguf-py/gguf/constants.py
 */
import { canonicalArchitecture, type ModelArchitecture, padVocabSize, validateArchitecture } from '../architecture.ts'
import { familyOf, ggufFamily, ggufNames, ggufQueryScalar, ggufSlidingLayers } from './families.ts'
import type { GgufMetadata, GgufValue } from './format.ts'
import { ropeFactorsName } from './rope-factors.ts'

const parts: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  'mlp.gate': 'ffn_gate_inp',
  'mlp.experts.gate_proj': 'ffn_gate_exps',
  'mlp.experts.up_proj': 'ffn_up_exps',
  'mlp.experts.down_proj': 'ffn_down_exps',
  'block_sparse_moe.gate': 'ffn_gate_inp',
  'block_sparse_moe.experts.w1': 'ffn_gate_exps',
  'block_sparse_moe.experts.w3': 'ffn_up_exps',
  'block_sparse_moe.experts.w2': 'ffn_down_exps',
}

/** Names of norms if the architecture has norms after attention and MLP. */
const normsAfter: Readonly<Record<string, string>> = {
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
}

/** The GGUF name of a parameter (given by its Hugging Face name). */
export function ggufName(name: string, { normPlacement = 'pre' }: ModelArchitecture): string {
  const whole = { 'model.embed_tokens': 'token_embd', 'model.norm': 'output_norm', lm_head: 'output' } as const
  const [, module, kind] = /^(.*)\.(weight|bias)$/.exec(name)!
  const [, layer, part] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? []
  if (layer === undefined) return `${whole[module as keyof typeof whole]}.${kind}`
  return `blk.${layer}.${(normPlacement === 'pre' ? undefined : normsAfter[part]) ?? parts[part]}.${kind}`
}

/** An architecture as GGUF metadata. */
export function architectureMetadata(a: ModelArchitecture): GgufMetadata {
  const { name, windowPattern } = ggufFamily(a)
  const { ropeScaling, experts } = a
  const caps = { attn_logit_softcapping: a.attentionSoftcap, final_logit_softcapping: a.logitSoftcap }
  return [
    ['general.architecture', 'string', name],
    [`${name}.context_length`, 'uint32', a.maxPositionEmbeddings],
    [`${name}.embedding_length`, 'uint32', a.hiddenSize],
    [`${name}.block_count`, 'uint32', a.numHiddenLayers],
    [
      `${name}.feed_forward_length`,
      'uint32',
      experts?.tensorNames === 'mixtral' ? experts.intermediateSize : a.intermediateSize,
    ],
    [`${name}.attention.head_count`, 'uint32', a.numAttentionHeads],
    [`${name}.attention.head_count_kv`, 'uint32', a.numKeyValueHeads],
    [`${name}.attention.key_length`, 'uint32', a.headDim],
    [`${name}.attention.value_length`, 'uint32', a.headDim],
    [`${name}.attention.layer_norm_rms_epsilon`, 'float32', a.rmsNormEps],
    [`${name}.rope.freq_base`, 'float32', a.ropeTheta],
    [`${name}.rope.dimension_count`, 'uint32', a.headDim],
    [`${name}.vocab_size`, 'uint32', a.vocabSize],
    ...(experts
      ? ([
          [`${name}.expert_count`, 'uint32', experts.numExperts],
          [`${name}.expert_used_count`, 'uint32', experts.numExpertsPerToken],
          [`${name}.expert_feed_forward_length`, 'uint32', experts.intermediateSize],
        ] as const)
      : []),
    ...(windowPattern ? ([[`${name}.attention.sliding_window`, 'uint32', a.slidingWindow!]] as const) : []),
    ...Object.entries(caps).flatMap(([key, cap]) => (cap ? ([[`${name}.${key}`, 'float32', cap]] as const) : [])),
    // llama3 scaling is stored as a tensor, rope_freqs.weight.
    ...(ropeScaling?.type === 'linear'
      ? ([
          [`${name}.rope.scaling.type`, 'string', ropeScaling.type],
          [`${name}.rope.scaling.factor`, 'float32', ropeScaling.factor],
        ] as const)
      : []),
  ]
}

/**
 * The architecture a file's metadata describes.
 * @param shapes of the tensors, from which fields without metadata follow: vocabulary size, biases, tied embeddings
 * @throws TypeError or RangeError naming the key
 */
export function readArchitecture(
  metadata: ReadonlyMap<string, GgufValue>,
  shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): ModelArchitecture {
  const name = metadata.get('general.architecture')
  const mixture = metadata.has(`${name}.expert_count`) && metadata.get(`${name}.expert_count`) !== 0
  const found = familyOf(name, mixture)
  if (!found)
    throw new RangeError(`general.architecture ${JSON.stringify(name)} is not supported; ${ggufNames.join(', ')} are`)
  const [family, { always, windowPattern }] = found
  const used = new Set<string>()
  const get = (key: string) => {
    used.add(`${name}.${key}`)
    return metadata.get(`${name}.${key}`)
  }
  const number = (key: string, fallback?: number): number => {
    const value = get(key) ?? fallback
    const plain = typeof value === 'bigint' ? Number(value) : value
    if (typeof plain !== 'number') throw new TypeError(`${name}.${key} must be a number, got ${typeof value}`)
    return plain
  }
  const hiddenSize = number('embedding_length')
  const numAttentionHeads = number('attention.head_count')
  const headDim = number('attention.key_length', hiddenSize / numAttentionHeads)
  const vocabSize = shapes.get('token_embd.weight')?.shape[0] ?? number('vocab_size')
  if (number('vocab_size', vocabSize) !== vocabSize)
    throw new RangeError(`${name}.vocab_size is ${number('vocab_size')}, but token_embd.weight has ${vocabSize} rows`)
  for (const key of ['attention.value_length', 'rope.dimension_count'])
    if (number(key, headDim) !== headDim) throw new RangeError(`${name}.${key} must be ${headDim}, got ${number(key)}`)
  const scaling = get('rope.scaling.type')
  const factor = number('rope.scaling.factor', 1)
  if (scaling !== undefined && scaling !== 'none' && scaling !== 'linear')
    throw new RangeError(`${name}.rope.scaling.type must be none or linear, got ${JSON.stringify(scaling)}`)
  if (shapes.has(ropeFactorsName) && scaling === 'linear')
    throw new RangeError(
      `${ropeFactorsName} and ${name}.rope.scaling.type linear are both given; only one of them can be applied`,
    )
  const numHiddenLayers = number('block_count')
  const cap = (key: string, fallback?: number) => {
    const value = get(key) === undefined ? fallback : number(key)
    return value === undefined || value === 0 ? undefined : shortest(value)
  }
  const intermediateSize = number('feed_forward_length')
  const defaultCaps = family === 'gemma2' ? ([50, 30] as const) : []
  const caps = windowPattern
    ? {
        attentionSoftcap: cap('attn_logit_softcapping', defaultCaps[0]),
        logitSoftcap: cap('final_logit_softcapping', defaultCaps[1]),
      }
    : {}
  if (windowPattern && number('attention.sliding_window_pattern', windowPattern) !== windowPattern)
    throw new RangeError(`${name}.attention.sliding_window_pattern must be ${windowPattern}`)
  if (family === 'gemma3' && number('rope.freq_base_swa', 10_000) !== 10_000)
    throw new RangeError(`${name}.rope.freq_base_swa must be 10000, got ${number('rope.freq_base_swa')}`)
  const window = windowPattern && {
    slidingWindow: number('attention.sliding_window', family === 'gemma2' ? 4096 : undefined),
    slidingLayers: ggufSlidingLayers(windowPattern, numHiddenLayers),
    ...(family === 'gemma3' && { localRopeTheta: 10_000 }),
  }
  const experts = mixture && {
    experts: {
      numExperts: number('expert_count'),
      numExpertsPerToken: number('expert_used_count'),
      intermediateSize: number('expert_feed_forward_length', intermediateSize),
      tensorNames: family === 'mixtral' ? ('mixtral' as const) : ('qwen3_moe' as const),
    },
  }
  const unknown = [...metadata.keys()].find(
    (key) => key.startsWith(`${name}.`) && !used.has(key) && !isRead(key, `${name}`),
  )
  if (unknown) throw new RangeError(`unknown key ${unknown}, which may change what the model computes`)
  const bias = (part: string) => shapes.has(`blk.0.${part}.bias`)
  const architecture: ModelArchitecture = {
    hiddenSize,
    intermediateSize,
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads: number('attention.head_count_kv', numAttentionHeads),
    headDim,
    vocabSize,
    paddedVocabSize: padVocabSize(vocabSize),
    maxPositionEmbeddings: number('context_length'),
    ropeTheta: shortest(number('rope.freq_base', 10_000)),
    rmsNormEps: shortest(number('attention.layer_norm_rms_epsilon')),
    initializerRange: 0.02,
    tieWordEmbeddings: !shapes.has('output.weight'),
    family,
    ...always,
    ...caps,
    ...window,
    ...experts,
    qkNorm: shapes.has('blk.0.attn_q_norm.weight'),
    attentionBias: bias('attn_output') ? true : bias('attn_q') ? 'qkv' : false,
    ...(scaling === 'linear' && factor !== 1 && { ropeScaling: { type: 'linear', factor: shortest(factor) } }),
  }
  validateArchitecture(architecture, 'metadata')
  const queryPreAttnScalar = ggufQueryScalar(family, architecture)
  return canonicalArchitecture({ ...architecture, queryPreAttnScalar })
}

const isRead = (key: string, name: string) =>
  [
    'block_count',
    'feed_forward_length',
    'context_length',
    'attention.head_count_kv',
    'rope.freq_base',
    'attention.layer_norm_rms_epsilon',
  ].some((known) => key === `${name}.${known}`)

/** A decimal of 7 digits for a float32: 1e-5, not 0.00000999999974. */
const shortest = (x: number) => Number(x.toPrecision(7))

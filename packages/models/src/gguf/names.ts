/** What llama.cpp calls the parts of a model: architectures, metadata and tensors. @see llama.cpp gguf-py/gguf/constants.py */
import {
  type ArchitectureFamily,
  canonicalArchitecture,
  type ModelArchitecture,
  padVocabSize,
  validateArchitecture,
} from '../architecture.ts'
import type { GgufMetadata, GgufValue } from './format.ts'

/** `general.architecture`, and whether query and key rows are paired as neighbours instead of halves. */
const architectures: Partial<Record<ArchitectureFamily, { readonly name: string; readonly paired: boolean }>> = {
  llama: { name: 'llama', paired: true },
  qwen2: { name: 'qwen2', paired: false },
  qwen3: { name: 'qwen3', paired: false },
}

/** @throws RangeError for a family or choice that cannot be said in GGUF */
export function ggufArchitecture(architecture: ModelArchitecture): { readonly name: string; readonly paired: boolean } {
  // Without a window Mistral is Llama, for llama.cpp too.
  const {
    family = 'llama',
    slidingWindow,
    ropeScaling,
    activation,
    experts,
    mlpBias,
  } = canonicalArchitecture(architecture)
  const found = architectures[family === 'mistral' ? 'llama' : family]
  const known = [...Object.keys(architectures), 'mistral'].join(', ')
  if (!found) throw new RangeError(`GGUF: ${family} cannot be written; ${known} can`)
  const refused = {
    slidingWindow,
    activation,
    experts,
    mlpBias,
    ropeScaling: ropeScaling?.type !== 'linear' && ropeScaling,
  }
  for (const [field, value] of Object.entries(refused))
    if (value) throw new RangeError(`GGUF: ${field} ${JSON.stringify(value)} cannot be written`)
  return found
}

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
}

/** The name of a parameter of ours in a GGUF file. */
export function ggufName(name: string): string {
  const whole = { 'model.embed_tokens': 'token_embd', 'model.norm': 'output_norm', lm_head: 'output' } as const
  const [, module, kind] = /^(.*)\.(weight|bias)$/.exec(name)!
  const [, layer, part] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? []
  return layer === undefined ? `${whole[module as keyof typeof whole]}.${kind}` : `blk.${layer}.${parts[part]}.${kind}`
}

/** The sizes as metadata. */
export function architectureMetadata(a: ModelArchitecture): GgufMetadata {
  const { name } = ggufArchitecture(a)
  const { ropeScaling } = a
  return [
    ['general.architecture', 'string', name],
    [`${name}.context_length`, 'uint32', a.maxPositionEmbeddings],
    [`${name}.embedding_length`, 'uint32', a.hiddenSize],
    [`${name}.block_count`, 'uint32', a.numHiddenLayers],
    [`${name}.feed_forward_length`, 'uint32', a.intermediateSize],
    [`${name}.attention.head_count`, 'uint32', a.numAttentionHeads],
    [`${name}.attention.head_count_kv`, 'uint32', a.numKeyValueHeads],
    [`${name}.attention.key_length`, 'uint32', a.headDim],
    [`${name}.attention.value_length`, 'uint32', a.headDim],
    [`${name}.attention.layer_norm_rms_epsilon`, 'float32', a.rmsNormEps],
    [`${name}.rope.freq_base`, 'float32', a.ropeTheta],
    [`${name}.rope.dimension_count`, 'uint32', a.headDim],
    [`${name}.vocab_size`, 'uint32', a.vocabSize],
    ...(ropeScaling
      ? ([
          [`${name}.rope.scaling.type`, 'string', ropeScaling.type],
          [`${name}.rope.scaling.factor`, 'float32', ropeScaling.factor],
        ] as const)
      : []),
  ]
}

/**
 * The architecture a file's metadata describes.
 * @param shapes of the tensors, which say what metadata leaves out: the vocabulary, biases, an output table
 * @throws TypeError or RangeError naming the key
 */
export function readArchitecture(
  metadata: ReadonlyMap<string, GgufValue>,
  shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): ModelArchitecture {
  const name = metadata.get('general.architecture')
  const found = Object.entries(architectures).find(([, known]) => known.name === name)
  if (!found)
    throw new RangeError(
      `general.architecture ${JSON.stringify(name)} is not read; ${Object.values(architectures)
        .map((a) => a.name)
        .join(', ')} are`,
    )
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
  if (shapes.has('rope_freqs.weight')) throw new RangeError('rope_freqs.weight: frequencies of their own are not read')
  const unknown = [...metadata.keys()].find(
    (key) => key.startsWith(`${name}.`) && !used.has(key) && !isRead(key, `${name}`),
  )
  if (unknown) throw new RangeError(`${unknown} is not known, and may change what the model computes`)
  const bias = (part: string) => shapes.has(`blk.0.${part}.bias`)
  const architecture: ModelArchitecture = {
    hiddenSize,
    intermediateSize: number('feed_forward_length'),
    numHiddenLayers: number('block_count'),
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
    family: found[0] as ArchitectureFamily,
    qkNorm: shapes.has('blk.0.attn_q_norm.weight'),
    attentionBias: bias('attn_output') ? true : bias('attn_q') ? 'qkv' : false,
    ...(scaling === 'linear' && factor !== 1 && { ropeScaling: { type: 'linear', factor: shortest(factor) } }),
  }
  return canonicalArchitecture(validateArchitecture(architecture, 'metadata'))
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

/** The shortest decimal that gives the float32: 1e-5, not 0.00000999999974. */
const shortest = (x: number) => Number(x.toPrecision(7))

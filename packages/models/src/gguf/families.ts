/**
 * Model families that llama.cpp supports: their names and constraints.
 * @see llama.cpp src/llama-model.cpp
 */
import {
  type ArchitectureFamily,
  architectureDefaults,
  canonicalArchitecture,
  type ModelArchitecture,
  slides,
} from '../architecture.ts'

/** How a family is represented in a GGUF file. */
export interface GgufFamily {
  /** `general.architecture`. */
  readonly name: string
  /** RoPE rotates adjacent rows of queries and keys (2i, 2i + 1) instead of the two halves of a head. */
  readonly paired: boolean
  /** The file stores norm weights plus 1, because llama.cpp multiplies by the weight itself. */
  readonly shiftedNorms: boolean
  /** The last of every `windowPattern` layers has full attention, the others a sliding window. */
  readonly windowPattern?: number
  /** headDim must be hiddenSize / numAttentionHeads. */
  readonly evenHeads?: boolean
  /** Fixed properties of the family, which no metadata field states. */
  readonly always: Partial<ModelArchitecture>
}

const gemma = {
  activation: 'gelu_tanh',
  normPlacement: 'both',
  normOffset: true,
  scaleEmbeddings: true,
} as const satisfies Partial<ModelArchitecture>

const plain = { paired: false, shiftedNorms: false, always: {} }

const llama: GgufFamily = { ...plain, name: 'llama', paired: true }

/** llama.cpp treats Mistral without a window as Llama, and Mixtral as Llama with experts. */
const families: Readonly<Record<ArchitectureFamily, GgufFamily>> = {
  llama,
  mistral: llama,
  mixtral: llama,
  qwen2: { ...plain, name: 'qwen2', evenHeads: true },
  qwen3: { ...plain, name: 'qwen3' },
  qwen3_moe: { ...plain, name: 'qwen3moe', always: { qkNorm: true } },
  gemma2: { ...plain, name: 'gemma2', shiftedNorms: true, windowPattern: 2, always: gemma },
  gemma3: { ...plain, name: 'gemma3', shiftedNorms: true, windowPattern: 6, always: { ...gemma, qkNorm: true } },
  olmo2: {
    ...plain,
    name: 'olmo2',
    evenHeads: true,
    always: { normPlacement: 'post', qkNorm: true, qkNormOver: 'projection' },
  },
}

/** Values of `general.architecture` that can be read. */
export const ggufNames: readonly string[] = [...new Set(Object.values(families).map(({ name }) => name))]

/** The family of a file by its `general.architecture`. @param experts whether it has experts */
export function familyOf(name: unknown, experts: boolean): readonly [ArchitectureFamily, GgufFamily] | undefined {
  if (name === 'llama' && experts) return ['mixtral', families.mixtral]
  const found = Object.entries(families).find(([, family]) => family.name === name)
  return found as [ArchitectureFamily, GgufFamily] | undefined
}

/** Layer counts of the largest Gemma models, by which llama.cpp selects another query scale. */
const largeGemma = { gemma2: 46, gemma3: 62 } as const

/** The number whose square root llama.cpp divides attention scores by. */
export function ggufQueryScalar(family: ArchitectureFamily, a: ModelArchitecture): number {
  const large = largeGemma[family as keyof typeof largeGemma] === a.numHiddenLayers
  return large ? a.hiddenSize / a.numAttentionHeads : a.headDim
}

export const familyOfArchitecture = (architecture: ModelArchitecture): ArchitectureFamily => {
  const { family, experts } = canonicalArchitecture(architecture)
  return family ?? experts?.tensorNames ?? 'llama'
}

/** Whether a layer uses the sliding window, as llama.cpp decides it. */
const slidesInLlamaCpp = (pattern: number, layer: number) => layer % pattern < pattern - 1

export const ggufSlidingLayers = (pattern: number, layers: number): boolean[] =>
  Array.from({ length: layers }, (_, layer) => slidesInLlamaCpp(pattern, layer))

/** @throws RangeError naming a field that GGUF cannot represent */
export function ggufFamily(architecture: ModelArchitecture): GgufFamily {
  const family = familyOfArchitecture(architecture)
  const found = families[family]
  const { windowPattern, always, name } = found
  const a = canonicalArchitecture(architecture)
  const fail = (field: string, value: unknown, why: string): never => {
    throw new RangeError(`GGUF: ${field} ${JSON.stringify(value)} of ${family} cannot be written: ${why}`)
  }
  for (const field of [
    'activation',
    'normPlacement',
    'normOffset',
    'scaleEmbeddings',
    'qkNormOver',
    'mlpBias',
  ] as const)
    if (a[field] !== canonicalArchitecture({ ...a, [field]: undefined, ...always })[field])
      fail(
        field,
        a[field] ?? architectureDefaults[field],
        `llama.cpp computes ${name} with ${JSON.stringify(always[field] ?? architectureDefaults[field])}`,
      )
  if (found.evenHeads && a.headDim * a.numAttentionHeads !== a.hiddenSize)
    fail('headDim', a.headDim, 'llama.cpp requires hiddenSize / numAttentionHeads')
  const { ropeScaling, slidingWindow, experts, attentionBias, tieWordEmbeddings } = a
  if (ropeScaling?.type === 'dynamic') fail('ropeScaling', ropeScaling, 'GGUF has no dynamic scaling')
  if (ropeScaling?.type === 'llama3' && name !== 'llama')
    fail('ropeScaling', ropeScaling, 'llama.cpp reads rope_freqs only for llama')
  if (experts && !['mixtral', 'qwen3_moe'].includes(family))
    fail('experts', experts, 'llama.cpp has no experts in this family')
  if (family === 'qwen3_moe' && (attentionBias || experts?.normTopKProb === false))
    fail(
      attentionBias ? 'attentionBias' : 'experts.normTopKProb',
      attentionBias || false,
      'llama.cpp does not support it in this family',
    )
  if (windowPattern === undefined) {
    if (slidingWindow !== undefined)
      fail('slidingWindow', slidingWindow, 'llama.cpp has no sliding window in this family')
    if (a.attentionSoftcap ?? a.logitSoftcap)
      fail('attentionSoftcap', a.attentionSoftcap, 'llama.cpp has no soft cap in this family')
    if (a.queryPreAttnScalar !== undefined) fail('queryPreAttnScalar', a.queryPreAttnScalar, 'llama.cpp uses headDim')
    return found
  }
  if (slidingWindow === undefined) fail('slidingWindow', null, 'llama.cpp requires a sliding window in this family')
  for (let layer = 0; layer < a.numHiddenLayers; layer++)
    if (slides(a, layer) !== slidesInLlamaCpp(windowPattern, layer))
      fail('slidingLayers', a.slidingLayers, `in llama.cpp only every ${windowPattern}th layer has full attention`)
  if (!tieWordEmbeddings) fail('tieWordEmbeddings', false, 'llama.cpp ties the two tables in this family')
  if (attentionBias) fail('attentionBias', attentionBias, 'llama.cpp has no biases in this family')
  const scalar = ggufQueryScalar(family, a)
  if ((a.queryPreAttnScalar ?? a.headDim) !== scalar)
    fail('queryPreAttnScalar', a.queryPreAttnScalar ?? a.headDim, `llama.cpp uses ${scalar}`)
  if (family === 'gemma2' && !(a.attentionSoftcap && a.logitSoftcap))
    fail('attentionSoftcap', a.attentionSoftcap ?? null, 'llama.cpp always caps scores and logits in this family')
  if (family === 'gemma3') {
    if (a.attentionSoftcap) fail('attentionSoftcap', a.attentionSoftcap, 'llama.cpp has no soft cap in this family')
    if ((a.localRopeTheta ?? a.ropeTheta) !== 10_000)
      fail('localRopeTheta', a.localRopeTheta ?? a.ropeTheta, 'llama.cpp uses 10000')
  }
  return found
}

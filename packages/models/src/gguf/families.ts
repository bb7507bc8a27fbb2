/** Which decoders llama.cpp computes, under which name, and what each of them can say. @see llama.cpp src/llama-model.cpp */
import { type ArchitectureFamily, canonicalArchitecture, type ModelArchitecture, slides } from '../architecture.ts'

/** How one of our families stands in a file. */
export interface GgufFamily {
  /** `general.architecture`. */
  readonly name: string
  /** Query and key rows are paired as neighbours instead of halves. */
  readonly paired: boolean
  /** Norm weights stand in the file with 1 added: llama.cpp multiplies by them alone. */
  readonly shiftedNorms: boolean
  /** Of every how many layers the last sees everything, and the others a window. */
  readonly windowPattern?: number
  /** Heads are as wide as hiddenSize / numAttentionHeads. */
  readonly evenHeads?: boolean
  /** What is always so there, and stands in no field. */
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

/** Without a window Mistral is Llama, for llama.cpp too; Mixtral is Llama with experts. */
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

/** Names that files are read by. */
export const ggufNames: readonly string[] = [...new Set(Object.values(families).map(({ name }) => name))]

/** The family of a file. @param experts whether it has any */
export function familyOf(name: unknown, experts: boolean): readonly [ArchitectureFamily, GgufFamily] | undefined {
  if (name === 'llama' && experts) return ['mixtral', families.mixtral]
  const found = Object.entries(families).find(([, family]) => family.name === name)
  return found as [ArchitectureFamily, GgufFamily] | undefined
}

/** Layers of the largest Gemmas, by which llama.cpp knows that their scores are divided by another number. */
const largeGemma = { gemma2: 46, gemma3: 62 } as const

/** What llama.cpp divides scores by the square root of. */
export function ggufQueryScalar(family: ArchitectureFamily, a: ModelArchitecture): number {
  const large = largeGemma[family as keyof typeof largeGemma] === a.numHiddenLayers
  return large ? a.hiddenSize / a.numAttentionHeads : a.headDim
}

export const familyOfArchitecture = (architecture: ModelArchitecture): ArchitectureFamily => {
  const { family, experts } = canonicalArchitecture(architecture)
  return family ?? experts?.tensorNames ?? 'llama'
}

/** Whether a layer slides, as llama.cpp has it. */
const slidesThere = (pattern: number, layer: number) => layer % pattern < pattern - 1

export const ggufSlidingLayers = (pattern: number, layers: number): boolean[] =>
  Array.from({ length: layers }, (_, layer) => slidesThere(pattern, layer))

/** @throws RangeError for a choice that cannot be said in GGUF, by name */
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
      fail(field, a[field] ?? null, `llama.cpp computes ${name} with ${JSON.stringify(always[field] ?? 'its default')}`)
  if (found.evenHeads && a.headDim * a.numAttentionHeads !== a.hiddenSize)
    fail('headDim', a.headDim, 'it is hiddenSize / numAttentionHeads there')
  const { ropeScaling, slidingWindow, experts, attentionBias, tieWordEmbeddings } = a
  if (ropeScaling?.type === 'dynamic') fail('ropeScaling', ropeScaling, 'GGUF has none for it')
  if (ropeScaling?.type === 'llama3' && name !== 'llama')
    fail('ropeScaling', ropeScaling, 'llama.cpp reads rope_freqs of llama alone')
  if (experts && !['mixtral', 'qwen3_moe'].includes(family)) fail('experts', experts, 'it has none there')
  if (family === 'qwen3_moe' && (attentionBias || experts?.normTopKProb === false))
    fail(
      attentionBias ? 'attentionBias' : 'experts.normTopKProb',
      attentionBias || false,
      'llama.cpp computes it without',
    )
  if (windowPattern === undefined) {
    if (slidingWindow !== undefined) fail('slidingWindow', slidingWindow, 'llama.cpp computes none there')
    if (a.attentionSoftcap ?? a.logitSoftcap) fail('attentionSoftcap', a.attentionSoftcap, 'it has none there')
    if (a.queryPreAttnScalar !== undefined) fail('queryPreAttnScalar', a.queryPreAttnScalar, 'it is headDim there')
    return found
  }
  if (slidingWindow === undefined) fail('slidingWindow', null, 'llama.cpp has a window in it always')
  for (let layer = 0; layer < a.numHiddenLayers; layer++)
    if (slides(a, layer) !== slidesThere(windowPattern, layer))
      fail('slidingLayers', a.slidingLayers, `every ${windowPattern}th layer alone sees everything there`)
  if (!tieWordEmbeddings) fail('tieWordEmbeddings', false, 'its two tables are one there')
  if (attentionBias) fail('attentionBias', attentionBias, 'it has none there')
  const scalar = ggufQueryScalar(family, a)
  if ((a.queryPreAttnScalar ?? a.headDim) !== scalar)
    fail('queryPreAttnScalar', a.queryPreAttnScalar ?? a.headDim, `it is ${scalar} there`)
  if (family === 'gemma2' && !(a.attentionSoftcap && a.logitSoftcap))
    fail('attentionSoftcap', a.attentionSoftcap ?? null, 'llama.cpp caps scores and logits always')
  if (family === 'gemma3') {
    if (a.attentionSoftcap) fail('attentionSoftcap', a.attentionSoftcap, 'it has none there')
    if ((a.localRopeTheta ?? a.ropeTheta) !== 10_000)
      fail('localRopeTheta', a.localRopeTheta ?? a.ropeTheta, 'it is 10000 there')
  }
  return found
}

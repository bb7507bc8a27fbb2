/** The architecture of a decoder: its sizes and options. */

/** Mixture-of-experts sizes; each expert is one SwiGLU MLP. */
export interface ExpertArchitecture {
  /** Routed experts in each layer. */
  readonly numExperts: number
  /** Experts that process each token (top-k). */
  readonly numExpertsPerToken: number
  /** Inner width of one expert's SwiGLU MLP. */
  readonly intermediateSize: number
  /** The weights of a token's experts add up to 1, which is the softmax over the chosen ones alone. Default true. */
  readonly normTopKProb?: boolean
  /** Which Hugging Face class names the tensors: Mixtral (`block_sparse_moe`) or Qwen3-MoE (`mlp.experts`). */
  readonly tensorNames: 'mixtral' | 'qwen3_moe'
}

const architectureFamilies = [
  'llama',
  'mistral',
  'qwen2',
  'qwen3',
  'gemma2',
  'gemma3',
  'olmo2',
  'mixtral',
  'qwen3_moe',
] as const

/** Which Hugging Face class an architecture is written as. */
export type ArchitectureFamily = (typeof architectureFamilies)[number]

/**
 * Scaling of rotary position embeddings (RoPE) for contexts longer than in pre-training. `linear` divides positions by
 * the factor; `dynamic` raises theta with the length of the sequence once it is over `maxPositionEmbeddings`; `llama3`
 * divides only low frequencies.
 */
export type RopeScaling =
  | { readonly type: 'linear' | 'dynamic'; readonly factor: number }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalMaxPositionEmbeddings: number
    }

/**
 * A decoder. Without the optional fields it is Llama's: RMSNorm before each half of a block, rotary positions, SwiGLU,
 * grouped-query attention over all earlier positions, no biases. Sizes are counts of elements (not bytes).
 */
export interface ModelArchitecture {
  readonly hiddenSize: number
  /** Inner width of the SwiGLU MLP (dense models; mixture models keep the width of one expert here too). */
  readonly intermediateSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  /** Key/value heads ("query groups" in Megatron-LM); divides `numAttentionHeads`. */
  readonly numKeyValueHeads: number
  /** Width of one head; `numAttentionHeads * headDim` need not equal `hiddenSize`. Even, for rotary positions. */
  readonly headDim: number
  /** Size of the tokenizer's vocabulary, as model cards count it. */
  readonly vocabSize: number
  /**
   * Rows of the embedding in a Megatron-LM checkpoint: `vocabSize` rounded up to a multiple of 128 x tensorParallel.
   */
  readonly paddedVocabSize: number
  readonly maxPositionEmbeddings: number
  readonly ropeTheta: number
  readonly rmsNormEps: number
  /** Standard deviation of the normal distribution that weights are drawn from. */
  readonly initializerRange: number
  readonly tieWordEmbeddings: boolean
  /** RMSNorm of queries and keys. Default false. */
  readonly qkNorm?: boolean
  /**
   * What `qkNorm` normalizes over: each `head` (Qwen3, Gemma 3; default), or the `projection`, all heads together (OLMo
   * 2).
   */
  readonly qkNormOver?: 'head' | 'projection'
  readonly experts?: ExpertArchitecture
  /** Which class config.json names. Default: `llama`, or by the experts' names. */
  readonly family?: ArchitectureFamily
  /** Biases of query, key and value (`qkv`: Qwen2), or of the output projection too (true). Default false. */
  readonly attentionBias?: boolean | 'qkv'
  /** Biases of the three layers of the MLP. Default false. */
  readonly mlpBias?: boolean
  /** Default `silu`. `gelu` uses erf, `gelu_tanh` the tanh approximation. */
  readonly activation?: 'silu' | 'gelu' | 'gelu_tanh'
  /**
   * Norms before each half of a block (`pre`, default), after it and before the sum (`post`: OLMo 2), or at both places
   * (`both`: Gemma).
   */
  readonly normPlacement?: 'pre' | 'post' | 'both'
  /** Norms multiply by 1 + weight (Gemma). Default false. */
  readonly normOffset?: boolean
  /** Embeddings are multiplied by sqrt(hiddenSize) (Gemma). Default false. */
  readonly scaleEmbeddings?: boolean
  /** Scores are divided by its square root. Default `headDim`. */
  readonly queryPreAttnScalar?: number
  /** Attention scores s become c tanh(s / c). Default: no cap. */
  readonly attentionSoftcap?: number
  /** The same cap for the logits. Default: no cap. */
  readonly logitSoftcap?: number
  readonly ropeScaling?: RopeScaling
  /** Keys that a query of a sliding-window layer attends to, including its own. */
  readonly slidingWindow?: number
  /**
   * Whether each layer uses the sliding window, one value per layer. Default: all layers do if `slidingWindow` is set.
   */
  readonly slidingLayers?: readonly boolean[]
  /**
   * RoPE theta of the sliding-window layers, without `ropeScaling` (Gemma 3). Default: the theta and scaling of the
   * other layers.
   */
  readonly localRopeTheta?: number
}

const everyField: Readonly<Record<keyof ModelArchitecture, true>> = {
  hiddenSize: true,
  intermediateSize: true,
  numHiddenLayers: true,
  numAttentionHeads: true,
  numKeyValueHeads: true,
  headDim: true,
  vocabSize: true,
  paddedVocabSize: true,
  maxPositionEmbeddings: true,
  ropeTheta: true,
  rmsNormEps: true,
  initializerRange: true,
  tieWordEmbeddings: true,
  qkNorm: true,
  qkNormOver: true,
  experts: true,
  family: true,
  attentionBias: true,
  mlpBias: true,
  activation: true,
  normPlacement: true,
  normOffset: true,
  scaleEmbeddings: true,
  queryPreAttnScalar: true,
  attentionSoftcap: true,
  logitSoftcap: true,
  ropeScaling: true,
  slidingWindow: true,
  slidingLayers: true,
  localRopeTheta: true,
}

/** Names of all fields, those that the decoder supports and a file may contain. */
export const architectureFields: readonly string[] = /* @__PURE__ */ Object.keys(everyField)

/** Upper bounds that keep a hostile configuration from requesting excessive memory; all known models are far below. */
const upperBounds = {
  hiddenSize: 1 << 20,
  intermediateSize: 1 << 22,
  numHiddenLayers: 1 << 12,
  numAttentionHeads: 1 << 14,
  numKeyValueHeads: 1 << 14,
  headDim: 1 << 14,
  vocabSize: 1 << 24,
  paddedVocabSize: 1 << 25,
  maxPositionEmbeddings: 1 << 28,
} as const

function checkCount(owner: string, field: string, value: unknown, upper: number): void {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > upper) {
    throw new RangeError(`${owner}: ${field} must be an integer from 1 to ${upper}, got ${show(value)}`)
  }
}

function checkReal(owner: string, field: string, value: unknown, above: number, below: number): void {
  if (typeof value !== 'number' || !(value > above) || !(value < below)) {
    throw new RangeError(`${owner}: ${field} must be a number above ${above} and below ${below}, got ${show(value)}`)
  }
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text === undefined ? String(value) : text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/**
 * Checks every field of an architecture.
 * @param architecture the sizes to check
 * @param owner the configuration's name in errors (a file or model)
 * @returns the same object
 * @throws RangeError naming the field, its bound and what was given
 */
export function validateArchitecture(
  architecture: ModelArchitecture,
  owner = 'model configuration',
): ModelArchitecture {
  for (const [field, upper] of Object.entries(upperBounds)) {
    checkCount(owner, field, architecture[field as keyof typeof upperBounds], upper)
  }
  const { numAttentionHeads, numKeyValueHeads, headDim, vocabSize, paddedVocabSize, experts } = architecture
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    throw new RangeError(
      `${owner}: numKeyValueHeads must divide numAttentionHeads, got ${numKeyValueHeads} and ${numAttentionHeads}`,
    )
  }
  if (headDim % 2 !== 0) throw new RangeError(`${owner}: headDim must be even for rotary positions, got ${headDim}`)
  if (paddedVocabSize < vocabSize) {
    throw new RangeError(
      `${owner}: paddedVocabSize must be at least vocabSize, got ${paddedVocabSize} for a vocabulary of ${vocabSize}`,
    )
  }
  checkReal(owner, 'ropeTheta', architecture.ropeTheta, 0, 1e12)
  checkReal(owner, 'rmsNormEps', architecture.rmsNormEps, 0, 1)
  checkReal(owner, 'initializerRange', architecture.initializerRange, 0, 100)
  checkChoices(architecture, owner)
  if (experts) {
    checkCount(owner, 'experts.numExperts', experts.numExperts, 1 << 14)
    checkCount(owner, 'experts.numExpertsPerToken', experts.numExpertsPerToken, experts.numExperts)
    checkCount(owner, 'experts.intermediateSize', experts.intermediateSize, upperBounds.intermediateSize)
  }
  return architecture
}

const choices = {
  qkNorm: [true, false],
  qkNormOver: ['head', 'projection'],
  attentionBias: [true, false, 'qkv'],
  mlpBias: [true, false],
  activation: ['silu', 'gelu', 'gelu_tanh'],
  normPlacement: ['pre', 'post', 'both'],
  normOffset: [true, false],
  scaleEmbeddings: [true, false],
  family: architectureFamilies,
} as const satisfies { [field in keyof ModelArchitecture]?: readonly unknown[] }

/** Checks the fields that extend Llama's decoder. */
function checkChoices(architecture: ModelArchitecture, owner: string): void {
  for (const [field, allowed] of Object.entries(choices)) {
    const value = architecture[field as keyof typeof choices]
    if (value !== undefined && !(allowed as readonly unknown[]).includes(value))
      throw new RangeError(`${owner}: ${field} must be one of ${allowed.map(show).join(', ')}, got ${show(value)}`)
  }
  for (const field of ['queryPreAttnScalar', 'attentionSoftcap', 'logitSoftcap', 'localRopeTheta'] as const)
    if (architecture[field] !== undefined) checkReal(owner, field, architecture[field], 0, 1e12)
  const { ropeScaling, slidingWindow, slidingLayers, localRopeTheta, numHiddenLayers } = architecture
  if (slidingWindow !== undefined) checkCount(owner, 'slidingWindow', slidingWindow, upperBounds.maxPositionEmbeddings)
  if (slidingLayers !== undefined) {
    if (slidingWindow === undefined)
      throw new RangeError(
        `${owner}: slidingLayers needs slidingWindow, the number of keys that these layers attend to`,
      )
    if (!Array.isArray(slidingLayers) || slidingLayers.length !== numHiddenLayers)
      throw new RangeError(
        `${owner}: slidingLayers must hold true or false for each of the ${numHiddenLayers} layers, got ${show(slidingLayers)}`,
      )
  }
  if (localRopeTheta !== undefined && slidingWindow === undefined)
    throw new RangeError(
      `${owner}: localRopeTheta applies to sliding-window layers only; set slidingWindow too, or remove it`,
    )
  if (ropeScaling === undefined) return
  if (!['linear', 'dynamic', 'llama3'].includes(ropeScaling?.type))
    throw new RangeError(`${owner}: ropeScaling must be linear, dynamic or llama3, got ${show(ropeScaling)}`)
  checkReal(owner, 'ropeScaling.factor', ropeScaling.factor, 0, 1e6)
  if (ropeScaling.type === 'dynamic') {
    checkReal(owner, 'ropeScaling.factor', ropeScaling.factor, 1 - 1e-12, 1e6)
    if (architecture.headDim < 4)
      throw new RangeError(`${owner}: dynamic ropeScaling needs a headDim of at least 4, got ${architecture.headDim}`)
  }
  if (ropeScaling.type !== 'llama3') return
  checkReal(owner, 'ropeScaling.lowFreqFactor', ropeScaling.lowFreqFactor, 0, 1e6)
  checkReal(owner, 'ropeScaling.highFreqFactor', ropeScaling.highFreqFactor, ropeScaling.lowFreqFactor, 1e6)
  const original = ropeScaling.originalMaxPositionEmbeddings
  checkCount(owner, 'ropeScaling.originalMaxPositionEmbeddings', original, upperBounds.maxPositionEmbeddings)
}

/** What an optional field is without a value. */
export const architectureDefaults: Partial<ModelArchitecture> = {
  qkNorm: false,
  qkNormOver: 'head',
  family: 'llama',
  attentionBias: false,
  mlpBias: false,
  activation: 'silu',
  normPlacement: 'pre',
  normOffset: false,
  scaleEmbeddings: false,
}

/**
 * The architecture without fields that have their default or no effect, so that architectures that compute the same are
 * equal.
 */
export function canonicalArchitecture(architecture: ModelArchitecture): ModelArchitecture {
  const {
    slidingWindow,
    slidingLayers: _,
    localRopeTheta,
    queryPreAttnScalar,
    family,
    experts,
    ...others
  } = architecture
  const kept = Object.entries(others).filter(
    ([field, value]) => value !== undefined && value !== architectureDefaults[field as keyof ModelArchitecture],
  )
  const layers = Array.from({ length: architecture.numHiddenLayers }, (_, i) => slides(architecture, i))
  const window = layers.includes(true)
  // Without scaling, localRopeTheta differs from ropeTheta even where the numbers are equal.
  const ownTheta = localRopeTheta !== architecture.ropeTheta || architecture.ropeScaling !== undefined
  return {
    ...(Object.fromEntries(kept) as unknown as ModelArchitecture),
    // The class of a mixture follows from `tensorNames` of its experts.
    ...(family !== undefined && family !== (experts?.tensorNames ?? 'llama') && { family }),
    ...(experts && { experts: canonicalExperts(experts) }),
    ...(queryPreAttnScalar !== undefined && queryPreAttnScalar !== architecture.headDim && { queryPreAttnScalar }),
    ...(window && { slidingWindow }),
    ...(window && layers.includes(false) && { slidingLayers: layers }),
    ...(window && localRopeTheta !== undefined && ownTheta && { localRopeTheta }),
  }
}

const canonicalExperts = ({ normTopKProb = true, ...sizes }: ExpertArchitecture): ExpertArchitecture => ({
  ...sizes,
  ...(!normTopKProb && { normTopKProb }),
})

/** Whether a layer uses the sliding window. @param layer index from 0 */
export function slides({ slidingWindow, slidingLayers }: ModelArchitecture, layer: number): boolean {
  return slidingWindow !== undefined && (slidingLayers?.[layer] ?? true)
}

/**
 * Rows of a Megatron-LM embedding: the vocabulary rounded up to a multiple of `divisor * tensorParallel`.
 * @see Megatron-LM `--make-vocab-size-divisible-by` (default 128)
 */
export function padVocabSize(vocabSize: number, tensorParallel = 1, divisor = 128): number {
  const multiple = divisor * tensorParallel
  return Math.ceil(vocabSize / multiple) * multiple
}

/** What a model is: the sizes a LLM-jp (Llama-style) decoder is built from. */

/** Mixture-of-experts sizes; each expert is one SwiGLU MLP. */
export interface ExpertArchitecture {
  /** Routed experts in each layer. */
  readonly numExperts: number
  /** Experts a token goes through (top-k). */
  readonly numExpertsPerToken: number
  /** Inner width of one expert's SwiGLU MLP. */
  readonly intermediateSize: number
  /** Which Hugging Face class names the tensors: Mixtral (`block_sparse_moe`) or Qwen3-MoE (`mlp.experts`). */
  readonly tensorNames: 'mixtral' | 'qwen3_moe'
}

/**
 * A decoder with RMSNorm, rotary positions, SwiGLU, grouped-query attention and no biases.
 * Sizes are counts of elements (not bytes).
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
  /** Tokens the tokenizer knows: the number model cards count with. */
  readonly vocabSize: number
  /** Rows of the embedding in a Megatron-LM checkpoint: `vocabSize` rounded up to a multiple of 128 x tensorParallel. */
  readonly paddedVocabSize: number
  readonly maxPositionEmbeddings: number
  readonly ropeTheta: number
  readonly rmsNormEps: number
  /** Standard deviation of the normal distribution weights start from. */
  readonly initializerRange: number
  readonly tieWordEmbeddings: boolean
  /** RMSNorm over each head's queries and keys. Default false. */
  readonly qkNorm?: boolean
  readonly experts?: ExpertArchitecture
}

/** Upper bounds that keep a hostile configuration from asking for absurd memory; all known models are far below. */
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
 * @param owner what an error calls the configuration (a file or model name)
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
  if (experts) {
    checkCount(owner, 'experts.numExperts', experts.numExperts, 1 << 14)
    checkCount(owner, 'experts.numExpertsPerToken', experts.numExpertsPerToken, experts.numExperts)
    checkCount(owner, 'experts.intermediateSize', experts.intermediateSize, upperBounds.intermediateSize)
  }
  return architecture
}

/**
 * Rows of a Megatron-LM embedding: the vocabulary rounded up to a multiple of `divisor * tensorParallel`.
 * @see Megatron-LM `--make-vocab-size-divisible-by` (default 128)
 */
export function padVocabSize(vocabSize: number, tensorParallel = 1, divisor = 128): number {
  const multiple = divisor * tensorParallel
  return Math.ceil(vocabSize / multiple) * multiple
}

/** How a model was trained: the numbers of a pre-training launch. */

/** One pre-training run. Steps are optimizer steps, batch sizes are sequences, lengths are tokens. */
export interface TrainingRecipe {
  /** Peak learning rate, reached at the end of the warm-up. */
  readonly learningRate: number
  /** Learning rate at the end of the decay. */
  readonly minLearningRate: number
  readonly warmupSteps: number
  /** `cosine`: linear warm-up, then half a cosine. `wsd`: warm-up, stable, decay. */
  readonly schedule: 'cosine' | 'wsd'
  /** Planned optimizer steps (`--train-iters`). */
  readonly trainSteps: number
  /** Length in steps of the schedule (`--lr-decay-iters`); the v3 runs set it to trainSteps - warmupSteps. */
  readonly decaySteps: number
  /** Sequences in one optimizer step over all GPUs. */
  readonly globalBatchSize: number
  /** Tokens in one sequence. */
  readonly sequenceLength: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  /** Largest global gradient norm. */
  readonly gradientClip: number
  /** Coefficient of log(Z)^2 in the loss; null where the run has none. */
  readonly zLoss: number | null
  readonly precision: 'bf16'
  readonly dropout: number
  readonly tensorParallel: number
  readonly pipelineParallel: number
  /** Model chunks per pipeline stage (interleaved schedule); null without interleaving. */
  readonly virtualPipeline: number | null
  readonly contextParallel: number
  readonly expertParallel: number
  readonly sequenceParallel: boolean
  readonly distributedOptimizer: boolean
  /** Sequences a GPU processes at once. */
  readonly microBatchSize: number
  /** Nodes of the launch; null where the scripts take it as an argument. */
  readonly nodes: number | null
  readonly gpusPerNode: number
  readonly gpu: string
  /** Load-balancing loss coefficient of mixture models; null for dense ones. */
  readonly auxiliaryLoss: number | null
  /** Coefficient of the router's own z-loss; null where the run has none. */
  readonly routerZLoss: number | null
  /** Format the router computes in where it is not that of the activations; null otherwise. */
  readonly routerPrecision: 'fp32' | null
  /** Tensor parallelism inside an expert. */
  readonly expertTensorParallel: number
  /** How tokens reach experts. */
  readonly expertDispatch: 'alltoall' | 'deepep'
  /** What the backward pass computes again, and the parts of a layer where it is `selective`. */
  readonly recompute: 'none' | 'selective'
  readonly recomputeModules: readonly ('core_attn' | 'moe_act' | 'layernorm' | 'moe')[]
  /** Gradients are reduced and parameters gathered beside computation. */
  readonly overlap: boolean
  /** Kernels of attention. */
  readonly attentionBackend: 'fused' | 'flash'
  /** Token files are mapped into memory (Megatron-LM's default) or read. */
  readonly memoryMappedData: boolean
  /** Permuting tokens for experts, and the router, run as one kernel each. */
  readonly permuteFusion: boolean
  readonly routerFusion: boolean
  /** Steps between collections of Python's garbage on all ranks at once; null where Python decides. */
  readonly garbageCollectionSteps: number | null
  /** The loss is computed by one kernel. */
  readonly lossFusion: boolean
  /** Minutes that collectives wait: token files of many terabytes take long to index. null: Megatron-LM's 10. */
  readonly timeoutMinutes: number | null
  /** Where every number stands. */
  readonly source: string
}

/** The values every LLM-jp-3 dense run shares: the v3 launch scripts of llm-jp/scripts at commit 0a703870. */
export const llmJp3Common = {
  warmupSteps: 2000,
  schedule: 'cosine',
  sequenceLength: 4096,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  gradientClip: 1,
  // llm-jp/Megatron-LM, megatron/core/tensor_parallel/cross_entropy.py: z_loss_strength=1e-4 under --use-z-loss.
  zLoss: 1e-4,
  precision: 'bf16',
  dropout: 0,
  virtualPipeline: null,
  contextParallel: 1,
  expertParallel: 1,
  // Megatron-LM itself switches it off where tensorParallel is 1.
  sequenceParallel: true,
  distributedOptimizer: true,
  gpusPerNode: 8,
  gpu: 'H100-SXM-80GB',
  auxiliaryLoss: null,
  routerZLoss: null,
  routerPrecision: null,
  expertTensorParallel: 1,
  expertDispatch: 'alltoall',
  // --recompute-activations
  recompute: 'selective',
  recomputeModules: ['core_attn'],
  overlap: false,
  attentionBackend: 'flash',
  memoryMappedData: true,
  permuteFusion: false,
  routerFusion: false,
  garbageCollectionSteps: null,
  lossFusion: false,
  timeoutMinutes: null,
} as const satisfies Partial<TrainingRecipe>

/** The values every LLM-jp-4 run shares: the v4 `params.sh` files of llm-jp/scripts at commit 0a703870. */
export const llmJp4Common = {
  ...llmJp3Common,
  schedule: 'wsd',
  zLoss: null,
  nodes: null,
  gpu: 'H200-SXM-141GB',
  trainSteps: 12_000_000,
  decaySteps: 12_000_000,
  recompute: 'none',
  overlap: true,
  attentionBackend: 'fused',
  timeoutMinutes: 120,
} as const satisfies Partial<TrainingRecipe>

/** What the LLM-jp-4 mixtures share besides. */
export const llmJp4MixtureCommon = {
  ...llmJp4Common,
  auxiliaryLoss: 0.01,
  routerZLoss: 1e-3,
  routerPrecision: 'fp32',
  attentionBackend: 'flash',
  permuteFusion: true,
  garbageCollectionSteps: 100,
  lossFusion: true,
} as const satisfies Partial<TrainingRecipe>

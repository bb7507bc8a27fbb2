/** How a model was trained: its recipe, and the layout of the launch that trained it. */

/** AdamW, in the JSON that `optimizerFromJSON` of @kumiki/optim reads. */
export interface RecipeOptimizer {
  readonly kind: 'adamw'
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Multiplied by the learning rate. */
  readonly weightDecay: number
}

/** Linear warm-up from 0, then a cosine decay; in the JSON that `scheduleFromJSON` of @kumiki/optim reads. */
export interface WarmupCosine {
  readonly kind: 'warmup'
  /** Steps of the warm-up. */
  readonly steps: number
  readonly from: 0
  readonly shape: 'linear'
  readonly schedule: {
    readonly kind: 'cosine'
    /** Peak learning rate. */
    readonly from: number
    /** Learning rate at the end. */
    readonly to: number
    /** Steps after the warm-up. */
    readonly steps: number
  }
}

/** Warm-up, stable, decay; in the JSON that `scheduleFromJSON` of @kumiki/optim reads. */
export interface WarmupStableDecay {
  readonly kind: 'wsd'
  /** Peak learning rate. */
  readonly peak: number
  /** Learning rate at the end of the decay. */
  readonly final: number
  readonly warmupSteps: number
  /** Total steps, warm-up and decay included. */
  readonly steps: number
  /** Steps of the decay at the end. 1: the stable run does not decay before its planned end. */
  readonly decaySteps: number
  readonly shape: 'linear' | 'minus_sqrt'
}

/** One pre-training run. Steps are optimizer steps, batch sizes are sequences, lengths are tokens. */
export interface TrainingRecipe {
  readonly optimizer: RecipeOptimizer
  readonly schedule: WarmupCosine | WarmupStableDecay
  /** Global gradient norm above which gradients are clipped. */
  readonly maxGradNorm: number
  /** Planned optimizer steps (`--train-iters`). */
  readonly trainSteps: number
  /** Sequences in one optimizer step over all GPUs. */
  readonly globalBatchSize: number
  /** Tokens in one sequence. */
  readonly sequenceLength: number
  /** Coefficient of log(Z)^2 in the loss; null where the run has none. */
  readonly zLoss: number | null
  readonly precision: 'bf16'
  readonly dropout: number
  /** Load-balancing loss coefficient of mixture models; null for dense ones. */
  readonly auxiliaryLoss: number | null
  /** Coefficient of the router's own z-loss; null where the run has none. */
  readonly routerZLoss: number | null
  /** Format the router computes in where it is not that of the activations; null otherwise. */
  readonly routerPrecision: 'fp32' | null
}

/** The parallel plan of a run, and other settings of its launch. */
export interface ParallelLayout {
  readonly tensorParallel: number
  readonly pipelineParallel: number
  /** Model chunks per pipeline stage (interleaved schedule); null without interleaving. */
  readonly virtualPipeline: number | null
  readonly contextParallel: number
  /** Replicas of the model; null where the scripts take the number of nodes as an argument. */
  readonly dataParallel: number | null
  readonly expertParallel: number
  /** Tensor parallelism inside an expert. */
  readonly expertTensorParallel: number
  readonly sequenceParallel: boolean
  readonly distributedOptimizer: boolean
  /** Sequences a GPU processes at once. */
  readonly microBatchSize: number
  /** Nodes of the launch; null where the scripts take it as an argument. */
  readonly nodes: number | null
  readonly gpusPerNode: number
  readonly gpu: string
  /** How tokens are dispatched to experts. */
  readonly expertDispatch: 'alltoall' | 'deepep'
  /** What the backward pass recomputes, and the parts of a layer where it is `selective`. */
  readonly recompute: 'none' | 'selective'
  readonly recomputeModules: readonly ('core_attn' | 'moe_act' | 'layernorm' | 'moe')[]
  /** Gradient reduction and parameter gathering overlap with computation. */
  readonly overlap: boolean
  /** Attention kernels. */
  readonly attentionBackend: 'fused' | 'flash'
  /** Token files are mapped into memory (Megatron-LM's default) or read. */
  readonly memoryMappedData: boolean
  /** Permuting tokens for experts, and the router, run as one kernel each. */
  readonly permuteFusion: boolean
  readonly routerFusion: boolean
  /** Steps between Python garbage collections, synchronized over all ranks; null: Python's own timing. */
  readonly garbageCollectionSteps: number | null
  /** The loss is computed by one kernel. */
  readonly lossFusion: boolean
  /**
   * Timeout of collectives in minutes, because indexing many terabytes of token files takes long. null: Megatron-LM's
   * 10.
   */
  readonly timeoutMinutes: number | null
}

/** Peak and final learning rate of a schedule, and the steps of its warm-up. */
export function scheduleNumbers(schedule: TrainingRecipe['schedule']): {
  readonly learningRate: number
  readonly minLearningRate: number
  readonly warmupSteps: number
} {
  if (schedule.kind === 'wsd') {
    const { peak, final, warmupSteps } = schedule
    return { learningRate: peak, minLearningRate: final, warmupSteps }
  }
  const { steps, schedule: cosine } = schedule
  return { learningRate: cosine.from, minLearningRate: cosine.to, warmupSteps: steps }
}

/** The numbers that every LLM-jp run shares. */
export const commonRecipe = {
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 },
  maxGradNorm: 1,
  sequenceLength: 4096,
  zLoss: null,
  precision: 'bf16',
  dropout: 0,
  auxiliaryLoss: null,
  routerZLoss: null,
  routerPrecision: null,
} as const satisfies Partial<TrainingRecipe>

/** Adds the number of replicas that follows from the number of nodes. */
export function withDataParallel(layout: Omit<ParallelLayout, 'dataParallel'>): ParallelLayout {
  const { nodes, gpusPerNode, tensorParallel, pipelineParallel, contextParallel } = layout
  const dataParallel =
    nodes === null ? null : (nodes * gpusPerNode) / (tensorParallel * pipelineParallel * contextParallel)
  return { ...layout, dataParallel }
}

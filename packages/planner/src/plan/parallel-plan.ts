/** A way to spread training over GPUs. */

/** Parts of a layer that selective recomputation can drop. */
export const recomputeModules = ['core_attn', 'moe_act', 'layernorm', 'mla_up_proj', 'mlp', 'moe'] as const
export type RecomputeModule = (typeof recomputeModules)[number]

/**
 * A plan. Axes: tensor (TP), pipeline (PP), context (CP), expert (EP), data (DP); GPUs = TP x PP x CP x DP, and experts
 * are laid over the same GPUs.
 */
export interface ParallelPlan {
  readonly tensorParallel: number
  readonly pipelineParallel: number
  /** Model chunks per pipeline stage (interleaved schedule); default 1. */
  readonly virtualPipeline?: number
  /** Default 1. */
  readonly contextParallel?: number
  /** Default 1. */
  readonly expertParallel?: number
  /** Tensor parallelism inside an expert; default 1 (Megatron-LM's own default is tensorParallel). */
  readonly expertTensorParallel?: number
  /** Sequences a GPU processes at once. */
  readonly microBatchSize: number
  /** Sequences in one optimizer step. */
  readonly globalBatchSize: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  /** Norms and dropout split over TP ranks; default: where tensorParallel > 1. */
  readonly sequenceParallel?: boolean
  /**
   * What data-parallel ranks share: `none`; `optimizer` states (Megatron's distributed optimizer, the default);
   * `gradients` too (ZeRO-2); `full`: weights too (ZeRO-3, FSDP).
   */
  readonly sharding?: 'none' | 'optimizer' | 'gradients' | 'full'
  /**
   * What the backward pass recomputes: `none` (default); `selective`: `recomputeModules`; `operators`: about two fifths
   * of the activations, as torch's per-operator checkpointing does; `full`: every layer.
   */
  readonly recompute?: 'none' | 'selective' | 'operators' | 'full'
  /** What selective recomputation drops; default `['core_attn']`. Names of Megatron-LM's `--recompute-modules`. */
  readonly recomputeModules?: readonly RecomputeModule[]
  /** bf16 (default), fp16, or fp8 matrix products over bf16 weights. */
  readonly precision?: 'bf16' | 'fp16' | 'fp8'
  /** Gradient reduction and parameter gathering run beside computation; default true. */
  readonly overlap?: boolean
  /** Tensor-parallel communication runs beside matrix products; default false. */
  readonly overlapTensorParallel?: boolean
  /**
   * How tokens reach experts: `alltoall` (default) sends one copy for each chosen expert; `deepep` sends one copy to each
   * node and spreads it there.
   */
  readonly expertDispatch?: 'alltoall' | 'deepep'
  /**
   * Kernels of attention: `fused` (default: cuDNN's or FlashAttention 3), `flash` (FlashAttention 2, slower on Hopper), `unfused`
   * (scores are written out).
   */
  readonly attentionBackend?: 'fused' | 'flash' | 'unfused'
  /** Dropout masks are kept; default false. */
  readonly dropout?: boolean
  /** Norms, activations, residuals and the loss run as fused kernels (Transformer Engine, torch.compile); default true. */
  readonly fusedKernels?: boolean
  /** Kernels that give the same bits each time: as slow as if they were not fused, with the memory of fused ones; default false. */
  readonly deterministic?: boolean
  /** Layers replay as CUDA graphs, so that launches cost next to nothing; default false. */
  readonly cudaGraphs?: boolean
  /** Gradients are kept and reduced in fp32 (default true) or bf16. */
  readonly gradientsInFp32?: boolean
  /** Adam's moments are kept in fp32 (default true) or bf16 (precision-aware optimizer). */
  readonly momentsInFp32?: boolean
  /** Layers may be laid over stages unevenly (`--pipeline-model-parallel-layout`); default false. */
  readonly anyLayout?: boolean
  /** Adam's moments in 8 bits, by blocks of 256 with a scale each (bitsandbytes), whatever `momentsInFp32`; default false. */
  readonly eightBitMoments?: boolean
  /** Master weights and moments lie in the host's memory and are updated there; default false. */
  readonly offloadOptimizer?: boolean
  /**
   * Low-rank adapters of this rank are trained, the weights themselves are frozen in bf16; default 0: all is trained. Adapters are on
   * every linear layer, in a model with experts on those of attention alone.
   */
  readonly loraRank?: number
}

/** A plan with every default filled in. */
export interface ResolvedPlan extends Required<ParallelPlan> {
  readonly dataParallel: number
  /** Micro-batches in one step for each data-parallel rank. */
  readonly microBatches: number
}

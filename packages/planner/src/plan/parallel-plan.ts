/** Parallelism plans: how training is distributed over GPUs. */

/** Parts of a layer that selective recomputation can drop. */
export const recomputeModules = ['core_attn', 'moe_act', 'layernorm', 'mla_up_proj', 'mlp', 'moe'] as const
export type RecomputeModule = (typeof recomputeModules)[number]

/**
 * A plan. Axes: tensor (TP), pipeline (PP), context (CP), expert (EP), data (DP); GPUs = TP x PP x CP x DP, and experts
 * are distributed over the same GPUs.
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
  /** Norms and dropout are split over TP ranks; default: if tensorParallel > 1. */
  readonly sequenceParallel?: boolean
  /**
   * What is sharded over data-parallel ranks: `none`; `optimizer` states (Megatron-LM's distributed optimizer, the
   * default); also `gradients` (ZeRO-2); `full`: also weights (ZeRO-3, FSDP).
   */
  readonly sharding?: 'none' | 'optimizer' | 'gradients' | 'full'
  /**
   * What the backward pass recomputes: `none` (default); `selective`: `recomputeModules`; `operators`: about two fifths
   * of the activations, as torch's per-operator checkpointing does; `full`: every layer.
   */
  readonly recompute?: 'none' | 'selective' | 'operators' | 'full'
  /** What selective recomputation recomputes; default `['core_attn']`. Names of Megatron-LM's `--recompute-modules`. */
  readonly recomputeModules?: readonly RecomputeModule[]
  /** bf16 (default), fp16, or fp8 matrix products over bf16 weights. */
  readonly precision?: 'bf16' | 'fp16' | 'fp8'
  /** Gradient reduction and parameter gathering overlap with computation; default true. */
  readonly overlap?: boolean
  /** Tensor-parallel communication overlaps with matrix products; default false. */
  readonly overlapTensorParallel?: boolean
  /**
   * How tokens are dispatched to experts: `alltoall` (default) sends one copy per selected expert; `deepep` sends one
   * copy to each node and distributes it there.
   */
  readonly expertDispatch?: 'alltoall' | 'deepep'
  /**
   * Attention kernels: `fused` (default: cuDNN's or FlashAttention 3), `flash` (FlashAttention 2, slower on Hopper),
   * `unfused` (scores are stored).
   */
  readonly attentionBackend?: 'fused' | 'flash' | 'unfused'
  /** Training with dropout, whose masks are stored; default false. */
  readonly dropout?: boolean
  /**
   * Norms, activations, residuals and the loss run as fused kernels (Transformer Engine, torch.compile); default true.
   */
  readonly fusedKernels?: boolean
  /**
   * Bitwise deterministic kernels: as slow as unfused ones, with the memory of fused ones; default false.
   */
  readonly deterministic?: boolean
  /** Layers are replayed as CUDA graphs, with negligible launch overhead; default false. */
  readonly cudaGraphs?: boolean
  /** Gradients are stored and reduced in fp32 (default true) or bf16. */
  readonly gradientsInFp32?: boolean
  /** Adam's moments are stored in fp32 (default true) or bf16 (precision-aware optimizer). */
  readonly momentsInFp32?: boolean
  /** Layers may be distributed unevenly over stages (`--pipeline-model-parallel-layout`); default false. */
  readonly anyLayout?: boolean
  /**
   * Adam's moments are stored in 8 bits, with a scale per block of 256 (bitsandbytes), regardless of `momentsInFp32`;
   * default false.
   */
  readonly eightBitMoments?: boolean
  /** Master weights and moments are stored in host memory and updated there; default false. */
  readonly offloadOptimizer?: boolean
  /**
   * Rank of LoRA adapters, with weights frozen in bf16; default 0: all weights are trained. All linear layers have
   * adapters; in a model with experts, only those of attention.
   */
  readonly loraRank?: number
}

/** A plan with all defaults filled in. */
export interface ResolvedPlan extends Required<ParallelPlan> {
  readonly dataParallel: number
  /** Micro-batches per step on each data-parallel rank. */
  readonly microBatches: number
}

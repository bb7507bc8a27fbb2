/** Compute time of one layer and of the head for one micro-batch, in seconds. */
import type { ResolvedCluster } from '../cluster/cluster.ts'
import { attendedTokens, attentionOutput, attentionWidths, mlpMatrices, type ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { productLatency } from './efficiency.ts'
import { elementwiseBytes, paddedVocab, recomputes } from './memory.ts'

/** Times of one layer and one micro-batch: parts of the forward pass, and both passes. */
export interface LayerTime {
  readonly projections: number
  readonly attention: number
  readonly mlp: number
  readonly experts: number
  readonly elementwise: number
  /** Recomputation in the backward pass. */
  readonly again: number
  readonly forward: number
  readonly backward: number
}

/** Seconds of an [m, k] x [k, n] product: at the sustained rate, plus one transfer of the operands. */
function product(cluster: ResolvedCluster, plan: ResolvedPlan, m: number, k: number, n: number): number {
  const { gpu, efficiency } = cluster
  const rate =
    plan.precision === 'fp8'
      ? gpu.peakFp8! * gpu.matmulEfficiency * efficiency.fp8
      : gpu.peakBf16 * gpu.matmulEfficiency
  const launch = plan.cudaGraphs ? 0.2 * productLatency : productLatency
  return (2 * m * k * n) / rate + (2 * (m * k + k * n + m * n)) / gpu.memoryBandwidth + launch
}

/** Time of one layer. @param mixture whether the layer has routed experts */
export function layerTime(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  mixture: boolean,
): LayerTime {
  const { tensorParallel: t, contextParallel: c, expertTensorParallel } = plan
  const { hidden: h, heads: a, headDim, experts, latentAttention: latent } = model
  const { gpu, efficiency } = cluster
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const inner = mlpMatrices(model) - 1
  const widths = attentionWidths(model)
  const output = attentionOutput(model)
  let projections = product(cluster, plan, tokens, output / t, h)
  let up = 0
  if (latent) {
    const { queryRank, keyValueRank, ropeDim } = latent
    up = product(cluster, plan, tokens, keyValueRank, (a * headDim + widths.value) / t)
    if (queryRank > 0) up += product(cluster, plan, tokens, queryRank, widths.query / t)
    else projections += product(cluster, plan, tokens, h, widths.query / t)
    projections += up + product(cluster, plan, tokens, h, queryRank + keyValueRank + ropeDim)
  } else {
    projections += product(cluster, plan, tokens, h, (widths.query + widths.key + widths.value) / t)
  }
  let mlp = 0
  let routedProducts = 0
  const feedForward = (width: number) =>
    product(cluster, plan, tokens, h, (inner * width) / t) + product(cluster, plan, tokens, width / t, h)
  if (!mixture || !experts) mlp = feedForward(model.ffn)
  else {
    const local = experts.count / plan.expertParallel
    const rows = ((tokens / (plan.sequenceParallel ? t : 1)) * expertTensorParallel * experts.topK) / local
    const width = experts.ffn / expertTensorParallel
    routedProducts = local * (product(cluster, plan, rows, h, inner * width) + product(cluster, plan, rows, width, h))
    if (experts.sharedFfn > 0) mlp = feedForward(experts.sharedFfn)
  }
  // A causal mask leaves half of the scores; kernels for head dimensions below 128 reach a smaller fraction of the
  // peak.
  const scores = (tokens * attendedTokens(model, plan.sequenceLength) * (widths.query + output)) / t
  const narrow = Math.min(1, Math.sqrt(headDim / 128))
  const rate =
    gpu.peakBf16 * gpu.attentionEfficiency * narrow * (plan.attentionBackend === 'flash' ? gpu.flash2Efficiency : 1)
  // Unfused attention also computes the masked half, and transfers the s x s scores about eight times.
  const attention =
    plan.attentionBackend !== 'unfused'
      ? scores / rate
      : (2 * scores) / (gpu.peakBf16 * gpu.matmulEfficiency) +
        (8 * 2 * a * (plan.sequenceLength / c) * tokens) / t / gpu.memoryBandwidth
  const latency = (mixture ? efficiency.expertLatency : efficiency.layerLatency) * (plan.cudaGraphs ? 0.2 : 1)
  const moved = elementwiseBytes(model, plan, mixture) / (gpu.memoryBandwidth * efficiency.memory)
  const elementwise = moved / (plan.fusedKernels && !plan.deterministic ? 1 : efficiency.unfused) + latency
  const products = projections + mlp + routedProducts
  const forward = products + attention + elementwise
  return {
    projections,
    attention,
    mlp,
    experts: routedProducts,
    elementwise,
    forward,
    // Frozen weights have no gradients; those of adapters are negligible.
    backward:
      (plan.loraRank > 0 ? 1 : 2) * products +
      (plan.attentionBackend === 'unfused' ? 2 : 2.5) * attention +
      2 * elementwise,
    again: again(),
  }

  function again(): number {
    if (plan.recompute === 'full') return forward
    if (plan.recompute === 'operators') return 0.3 * forward
    let seconds = 0
    if (recomputes(plan, 'core_attn')) seconds += attention
    if (recomputes(plan, 'mla_up_proj')) seconds += up
    if (recomputes(plan, 'mlp') && !mixture) seconds += mlp + 0.3 * elementwise
    if (recomputes(plan, 'moe') && mixture) seconds += mlp + routedProducts + 0.6 * elementwise
    else if (recomputes(plan, 'moe_act') && mixture) seconds += 0.1 * moved
    if (recomputes(plan, 'layernorm')) seconds += 0.2 * moved
    return seconds
  }
}

/** Output projection and loss of one micro-batch, forward and backward. */
export function headSeconds(model: ResolvedModel, cluster: ResolvedCluster, plan: ResolvedPlan): number {
  const tokens = (plan.sequenceLength * plan.microBatchSize) / plan.contextParallel
  const columns = paddedVocab(model, plan) / plan.tensorParallel
  const bf16 = plan.precision === 'fp8' ? ({ ...plan, precision: 'bf16' } as const) : plan
  const softmax = (20 * tokens * columns) / (cluster.gpu.memoryBandwidth * cluster.efficiency.memory)
  return 3 * product(cluster, bf16, tokens, model.hidden, columns) + softmax
}

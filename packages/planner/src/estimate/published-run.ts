/** Estimates of runs as papers and repositories publish them, from loosely formatted rows. */
import { integer, object, positive, show } from '../check.ts'
import { findGpu, type Gpu, gpus } from '../cluster/gpus.ts'
import type { PlannerExperts, PlannerModel } from '../model/model.ts'
import type { ParallelPlan } from '../plan/parallel-plan.ts'
import type { RunCost } from './cost.ts'
import type { Efficiency } from './efficiency.ts'
import { estimate } from './estimate.ts'

/** The estimate of a row. */
export interface RunEstimate {
  readonly id: string
  readonly memoryBytes: number
  readonly stepSeconds: number
  readonly tokensPerSecondPerGpu: number
  /** Model FLOP/s per GPU, with causal attention counted as half. */
  readonly modelFlopsPerGpu: number
  readonly mfu: number
  /** Utilisation with attention counted in full. */
  readonly mfuFullAttention: number
  /** Missing fields, and the values assumed for them. */
  readonly assumptions: readonly string[]
}

/**
 * Estimates one row of a table of published runs:
 * `{ id, model, gpu_type, gpu, gpus, gpus_per_node, tp, pp, vpp, cp, ep, dp, sharding, sequence_parallel,
 *    micro_batch, global_batch, seq, recompute, precision, overlap }`, where `model` is
 * `{ layers, hidden, ffn, gated_mlp, heads, kv_groups, head_dim, vocab, tied_embeddings, positional, experts,
 *    topk, moe_ffn, ... }`.
 * A field `measured` is never read. Missing and null fields get usual values, listed in `assumptions`.
 * @param efficiency sustained fractions instead of the fitted ones
 * @throws TypeError or RangeError naming the field that is missing or out of bounds
 * @example
 * const model = { layers: 24, hidden: 2304, ffn: 9216, heads: 24, vocab: 51200 }
 * const row = { id: 'mine', model, gpu_type: 'A100', gpus: 32, tp: 1, pp: 1, global_batch: 512, seq: 2048 }
 * estimateRun(row).stepSeconds // 2.34
 */
export function estimateRun(row: unknown, efficiency?: Partial<Efficiency>): RunEstimate {
  const given = object('row', row)
  const id = typeof given.id === 'string' ? given.id : 'row'
  try {
    const assumptions: string[] = []
    const made = request(given, id, assumptions, efficiency)
    // Throughput of a training run's README or log includes interruptions; that of a benchmark does not.
    const steady = !/training README|training log/i.test(text(given, 'source', ''))
    const result = estimate({ ...made, run: { tokens: 1e12, checkpointSteps: 1000 } })
    const goodput = steady ? 1 : (result.run as RunCost).lost.goodput
    if (!steady) assumptions.push(`lost time: ${(100 * (1 - goodput)).toFixed(1)} %`)
    return {
      id,
      memoryBytes: result.memoryBytes,
      stepSeconds: result.stepSeconds / goodput,
      tokensPerSecondPerGpu: result.tokensPerSecondPerGpu * goodput,
      modelFlopsPerGpu: result.modelFlopsPerGpu * goodput,
      mfu: result.mfu * goodput,
      mfuFullAttention: result.mfuFullAttention * goodput,
      assumptions,
    }
  } catch (error) {
    if (error instanceof Error) error.message = `${id.slice(0, 80)}: ${error.message}`
    throw error
  }
}

function request(row: Record<string, unknown>, id: string, assumptions: string[], efficiency?: Partial<Efficiency>) {
  const reported = new Set<string>()
  /** Reads a count; from a string, its first number, or else the fallback, with a note in the assumptions. */
  const count = (field: string, fallback: number) => {
    const given = row[field]
    if (typeof given !== 'string') return integer(field, given ?? fallback, 1, 1e6)
    const found = /\d{1,6}/.exec(given.slice(0, 200))
    const taken = found ? integer(field, Number(found[0]), 1, 1e6) : fallback
    if (!reported.has(field)) assumptions.push(`${field}: ${taken} (given in words: ${show(given)})`)
    reported.add(field)
    return taken
  }
  const degrees = ['tp', 'pp', 'cp', 'dp'].map((field) => count(field, 1))
  const product = row.dp ? degrees.reduce((a, b) => a * b) : undefined
  const gpuCount =
    typeof row.gpus === 'string' ? count('gpus', product ?? 1) : integer('gpus', row.gpus ?? product, 1, 1e6)
  const gpusPerNode = Math.min(gpuCount, nodeSize(row, gpuCount))
  const [tp, pp, cp] = [count('tp', 1), count('pp', 1), count('cp', 1)]
  const sequenceLength = integer('seq', row.seq, 1, 1 << 28)
  const model = modelOf(row, sequenceLength)
  const { experts } = model
  const gpu = gpuOf(row)
  if (gpuCount % (tp * pp * cp) !== 0) {
    throw new RangeError(`tp x pp x cp = ${tp * pp * cp} must divide gpus = ${gpuCount}`)
  }
  const dataParallel = gpuCount / (tp * pp * cp)
  if (typeof row.dp === 'number' && row.dp !== dataParallel) {
    throw new RangeError(`dp must be gpus / (tp x pp x cp) = ${dataParallel}, got ${show(row.dp)}`)
  }
  const batch =
    row.global_batch === null || row.global_batch === undefined || wordless(row.global_batch)
      ? null
      : typeof row.global_batch === 'string'
        ? count('global_batch', 1)
        : integer('global_batch', row.global_batch, 1, 1 << 30)
  let microBatchSize: number
  if (row.micro_batch === null || row.micro_batch === undefined || wordless(row.micro_batch)) {
    // With pipelines one sequence (with FSDP as many micro-batches as stages); otherwise up to four.
    const perRank = batch === null ? 1 : Math.max(1, Math.floor(batch / dataParallel))
    const fsdp = sharding(text(row, 'sharding', '')) === 'full'
    microBatchSize = pp === 1 ? largestDivisor(perRank, 4) : fsdp ? Math.max(1, Math.floor(perRank / pp)) : 1
    assumptions.push(`micro_batch: ${microBatchSize}`)
  } else if (typeof row.micro_batch === 'string') microBatchSize = count('micro_batch', 1)
  else microBatchSize = integer('micro_batch', row.micro_batch, 1, 1 << 20)
  // A published run must have been valid, so a batch that does not divide is rounded.
  const perStep = microBatchSize * dataParallel
  const globalBatchSize = batch === null ? perStep : Math.max(1, Math.round(batch / perStep)) * perStep
  if (batch !== globalBatchSize) assumptions.push(`global_batch: ${globalBatchSize}`)
  const precisionText = text(row, 'precision', 'bf16')
  const fp16 = /fp16/.test(precisionText)
  const precision = /fp8|float8|fp4|fp6|\bmx/i.test(precisionText) ? 'fp8' : fp16 ? 'fp16' : 'bf16'
  if (/fp4|fp6/i.test(precisionText)) assumptions.push('precision: fp8')
  const recomputeText = text(row, 'recompute', 'none')
  const shardingText = text(row, 'sharding', 'distributed optimizer')
  const overlapText = text(row, 'overlap', '')
  if (recomputeText === 'unknown') assumptions.push('recompute: none')
  // Runs before fused kernels (2021 and 2022, fp16) had unfused attention.
  const unfused = /unfused/.test(recomputeText) || (fp16 && !/flash|fused/.test(recomputeText))
  const source = text(row, 'source', '')
  const bridge = /Megatron-Bridge/.test(source)
  // Releases up to 2024 without overlap also had more unfused kernels.
  const early = /^none/.test(overlapText)
  // Megatron-LM's functional tests use deterministic kernels, without fused gradient accumulation.
  const deterministic = /functional test/.test(source)
  // Activations of experts with biases (GPT-OSS) are not fused into their grouped products.
  const biased = experts !== undefined && object('model', row.model).bias === true
  const ep = count('ep', 1)
  const microBatches = globalBatchSize / perStep
  const wantedChunks = count('vpp', 1)
  const virtualPipeline = microBatches % pp === 0 ? wantedChunks : 1
  if (virtualPipeline !== wantedChunks) assumptions.push('vpp: 1')
  const plan: ParallelPlan = {
    tensorParallel: tp,
    pipelineParallel: pp,
    virtualPipeline: pp > 1 ? virtualPipeline : 1,
    contextParallel: cp,
    expertParallel: ep,
    // By default Megatron-LM applies tensor parallelism to experts too; recipes with expert parallelism turn that off.
    expertTensorParallel: experts && ep === 1 && row.etp !== 1 ? count('etp', tp) : count('etp', 1),
    microBatchSize,
    globalBatchSize,
    sequenceLength,
    sequenceParallel: row.sequence_parallel !== false,
    sharding: sharding(shardingText),
    ...recompute(recomputeText),
    precision,
    overlap: !/^none|off$/.test(overlapText),
    // Megatron-Bridge's performance recipes overlap tensor-parallel communication.
    overlapTensorParallel: /tp-comm|async ?TP/i.test(`${overlapText} ${id}`) || bridge,
    // FlashAttention 2 if the run used torch's attention or did not request fused attention.
    attentionBackend: unfused
      ? 'unfused'
      : early || /\+ flash attention/.test(recomputeText) || (sharding(shardingText) === 'full' && !bridge)
        ? 'flash'
        : 'fused',
    // Megatron-Bridge's mixtures dispatch tokens by DeepEP or HybridEP.
    expertDispatch: bridge ? 'deepep' : 'alltoall',
    // Megatron-Bridge's recipes for Blackwell replay layers as CUDA graphs.
    cudaGraphs: bridge && gpu.architecture === 'blackwell',
    dropout: unfused || /dropout 0\.[1-9]/.test(String(object('model', row.model).attention)),
    // Megatron-LM fuses kernels; plain FSDP does with torch.compile.
    fusedKernels:
      (sharding(shardingText) !== 'full' && !early && !biased) || /compile/.test(precisionText) || (bridge && !biased),
    deterministic,
    // Megatron-Bridge's recipes reduce gradients in bf16 if products are fp8; its DeepSeek recipes also store moments
    // in bf16.
    momentsInFp32: !(bridge && model.latentAttention !== undefined),
    gradientsInFp32: !(bridge && (model.latentAttention !== undefined || precision === 'fp8')),
    anyLayout: true,
  }
  const cluster = {
    gpu,
    nodes: Math.ceil(gpuCount / gpusPerNode),
    gpusPerNode,
    ...(/DeepSpeed/i.test(shardingText) && { network: { multiRail: false } }),
    ...(efficiency && { efficiency }),
  }
  return { model, cluster, plan }
}

/** GPUs of a node (or NVLink domain), a divisor of all GPUs. */
function nodeSize(row: Record<string, unknown>, gpuCount: number): number {
  const gpu = typeof row.gpu === 'object' && row.gpu !== null ? (row.gpu as { intra?: unknown }) : {}
  // The NVLink domain counts as the node: 72 GPUs in an NVL72 rack, however many its servers have.
  const domain = /NVL(\d+)/.exec(typeof gpu.intra === 'string' ? gpu.intra.slice(0, 200) : '')
  const own = typeof row.gpus_per_node === 'string' ? (/\d{1,4}/.exec(row.gpus_per_node)?.[0] ?? 8) : row.gpus_per_node
  const stated = integer('gpus_per_node', domain ? Number(domain[1]) : Number(own ?? 8), 1, 1024)
  return gpuCount % stated === 0 ? stated : largestDivisor(gpuCount, stated)
}

/** Whether a value is text without a number. */
function wordless(value: unknown): boolean {
  return typeof value === 'string' && !/\d/.test(value)
}

function largestDivisor(value: number, upTo: number): number {
  for (let divisor = Math.min(upTo, value); divisor > 1; divisor--) if (value % divisor === 0) return divisor
  return 1
}

function text(row: Record<string, unknown>, field: string, fallback: string): string {
  const value = row[field] ?? fallback
  if (typeof value !== 'string') throw new TypeError(`${field} must be a string, got ${show(value)}`)
  return value.slice(0, 1000)
}

function sharding(given: string): ParallelPlan['sharding'] {
  if (/zero-3|full_shard|fsdp \d/i.test(given)) return 'full'
  if (/zero-2|shard_grad/i.test(given)) return 'gradients'
  return /^none/i.test(given) ? 'none' : 'optimizer'
}

function recompute(given: string): Pick<ParallelPlan, 'recompute' | 'recomputeModules'> {
  if (/block/.test(given)) return { recompute: 'none' }
  if (/^full/.test(given)) return { recompute: 'full' }
  if (/per-op|recipe default/.test(given)) return { recompute: 'operators' }
  const found = moduleNames.filter((name) => new RegExp(`\\b${name}\\b`).test(given))
  if (found.length > 0) return { recompute: 'selective', recomputeModules: found }
  return { recompute: /core.?att/.test(given) ? 'selective' : 'none' }
}

const moduleNames = ['core_attn', 'moe_act', 'layernorm', 'mla_up_proj', 'mlp', 'moe'] as const

function modelOf(row: Record<string, unknown>, sequenceLength: number): PlannerModel {
  const model = object('model', row.model)
  const experts: PlannerExperts | undefined =
    model.experts === null || model.experts === undefined
      ? undefined
      : {
          count: model.experts as number,
          topK: model.topk as number,
          ffn: model.moe_ffn as number,
          sharedFfn: (model.shared_ffn ?? 0) as number,
          firstDenseLayers: (model.first_dense_layers ?? 0) as number,
        }
  return {
    layers: model.layers as number,
    hidden: model.hidden as number,
    ffn: (model.ffn ?? model.moe_ffn) as number,
    heads: model.heads as number,
    // With latent attention every head has its own keys and values, whatever the row says.
    kvHeads: (/\bMLA\b/.test(String(model.attention)) ? model.heads : (model.kv_groups ?? model.heads)) as number,
    headDim: (model.head_dim ?? Number(model.hidden) / Number(model.heads)) as number,
    vocab: model.vocab as number,
    gatedMlp: model.gated_mlp !== false,
    tiedEmbeddings: model.tied_embeddings === true,
    learnedPositions:
      typeof model.positional === 'string' && model.positional.startsWith('learned') ? sequenceLength : 0,
    experts,
    ...attention(model),
  }
}

/** "MLA (q_lora 1536, kv_lora 512, rope head 64, v head 128)", "alternating sliding-window 128 / full". */
function attention(model: Record<string, unknown>): Pick<PlannerModel, 'latentAttention' | 'slidingWindow'> {
  const given = typeof model.attention === 'string' ? model.attention.slice(0, 200) : ''
  const width = (name: string, fallback: number) => Number(new RegExp(`${name} (\\d+)`).exec(given)?.[1] ?? fallback)
  if (/\bMLA\b/.test(given)) {
    return {
      latentAttention: {
        queryRank: width('q_lora', 0),
        keyValueRank: width('kv_lora', 512),
        ropeDim: width('rope head', 64),
        valueDim: width('v head', Number(model.head_dim ?? Number(model.hidden) / Number(model.heads))),
      },
    }
  }
  const window = /sliding-window (\d+)/.exec(given)
  return window ? { slidingWindow: { window: Number(window[1]), share: /alternating/.test(given) ? 0.5 : 1 } } : {}
}

/** The known GPU of that name, or one from the row's own numbers (TFLOP/s, GB, GB/s). */
function gpuOf(row: Record<string, unknown>): Gpu {
  const name = text(row, 'gpu_type', '')
  if (Object.hasOwn(gpus, name)) return gpus[name]
  if (typeof row.gpu !== 'object' || row.gpu === null) {
    try {
      return findGpu(name)
    } catch {
      // Falls back to the row's own numbers below.
    }
  }
  const stated = object(`gpu (gpu_type ${show(name)} is unknown, so its numbers are needed)`, row.gpu)
  const perSecond = (field: string, fallback: number) => {
    const found = /([\d.]+) GB\/s/.exec(typeof stated[field] === 'string' ? stated[field].slice(0, 200) : '')
    return found ? Number(found[1]) * 1e9 : fallback
  }
  const peak = positive('gpu.peak_bf16', stated.peak_bf16, 1e8)
  return {
    name,
    memoryBytes: positive('gpu.vram_gb', stated.vram_gb, 1e6) * 1e9,
    peakBf16: peak * 1e12,
    peakFp8: typeof stated.peak_fp8 === 'number' ? positive('gpu.peak_fp8', stated.peak_fp8, 1e8) * 1e12 : null,
    memoryBandwidth: positive('gpu.hbm_gbs', stated.hbm_gbs, 1e8) * 1e9,
    intraNodeBandwidth: perSecond('intra', 450e9),
    interNodeBandwidth: perSecond('inter', 50e9),
    // The architecture with the closest bf16 peak.
    architecture: peak < 500 ? 'ampere' : peak > 1500 ? 'blackwell' : 'hopper',
  }
}

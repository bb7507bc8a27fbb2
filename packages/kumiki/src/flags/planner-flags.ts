/** The flags that `plan` and `estimate` share, and the model, GPU and network they name. */
import { join } from 'node:path'
import type { Model, ModelArchitecture } from '@kumiki/models/configs'
import type { Cluster, Network, ParallelPlan, PlannerModel, RunRequest } from '@kumiki/planner'
import type { Command } from 'commander'
import { exists, readJson } from '../files/files.ts'
import { checkedUse, UsageError } from '../usage-error.ts'
import { amount, choice, integer, names, real } from './flag-values.ts'
import { checkedFile, checkWritten } from './written-json.ts'

export interface ClusterFlags {
  model: string
  gpu: string
  gpusPerNode: number
  nodes?: number
  globalBatch: number
  seq: number
  precision: 'bf16' | 'fp16' | 'fp8'
  network?: string
  tokens?: number
  price?: number
  checkpointSteps?: number
}

/** Adds the cluster flags to a command; with `required` false they are optional (`estimate --run`). */
export function addClusterFlags(command: Command, required: boolean, optional: readonly string[] = []): Command {
  const option = (flags: string, description: string, parse?: (text: string) => number) => {
    const created = command.createOption(flags, description).makeOptionMandatory(required && !optional.includes(flags))
    command.addOption(parse ? created.argParser(parse) : created)
  }
  option(
    '--model <name|file>',
    'a known model, or JSON: a Hugging Face config.json or { layers, hidden, ffn, heads, kvHeads, headDim, vocab }',
  )
  option(
    '--gpu <name|file>',
    'such as H100, A100, H200, B200; or JSON with the peaks, memory and bandwidths of a custom GPU',
  )
  option('--gpus-per-node <n>', 'GPUs per node', integer(1, 1024))
  option('--nodes <n>', 'nodes', integer(1, 1_000_000))
  option('--global-batch <n>', 'global batch size in sequences', integer(1, 2 ** 30))
  option('--seq <n>', 'tokens per sequence', integer(1, 2 ** 28))
  return command
    .addOption(choice('--precision <format>', 'precision of matrix multiplication', ['bf16', 'fp16', 'fp8'], 'bf16'))
    .option(
      '--network <name|file>',
      'infiniband (default), ethernet, pcie (instead of NVLink), or JSON such as { "inter": "ethernet", "allToAllBandwidth": 8e9 }',
    )
    .option(
      '--tokens <n>',
      'tokens to train on, such as 2T: days, energy, price, lost time; steps of --emit',
      amount(1e18),
    )
    .option('--price <n>', 'price of one GPU-hour, in any currency', real({ above: 0, to: 1e9 }))
    .option(
      '--checkpoint-steps <n>',
      'steps between checkpoints (default: the interval with the least lost time)',
      integer(1, 1e9),
    )
}

/** @throws UsageError for an unknown GPU or network; Error naming a file */
export async function findCluster(
  flags: Pick<ClusterFlags, 'gpu' | 'network' | 'price'>,
  nodes: number,
  gpusPerNode: number,
): Promise<Cluster> {
  const { checkGpu, findGpu } = await import('@kumiki/planner')
  const gpu = /[/\\]|\.json$/i.test(flags.gpu)
    ? await readObject(flags.gpu, 'a GPU').then((json) => checkedFile(flags.gpu, () => checkGpu(json)))
    : checkedUse(() => findGpu(flags.gpu))
  const network = await findNetwork(flags.network)
  return {
    gpu,
    nodes,
    gpusPerNode,
    ...(network && { network }),
    ...(flags.price !== undefined && { pricePerGpuHour: flags.price }),
  }
}

async function findNetwork(given: string | undefined): Promise<Network | undefined> {
  if (given === undefined || given === 'infiniband') return undefined
  if (given === 'ethernet') return { inter: 'ethernet' }
  if (given === 'pcie') return { intra: 'pcie' }
  if (/[/\\]|\.json$/i.test(given)) {
    const { checkNetwork } = await import('@kumiki/planner')
    const json = await readObject(given, 'a network')
    return checkedFile(given, () => checkNetwork(json))
  }
  throw new UsageError(`--network ${given}: unknown; choose infiniband, ethernet or pcie, or give a JSON file`, {
    given,
    known: ['infiniband', 'ethernet', 'pcie'],
  })
}

async function readObject(path: string, what: string): Promise<Record<string, unknown>> {
  const json = await readJson(path)
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  throw new Error(`${path}: must be a JSON object that describes ${what}`)
}

/** The length of a run and its checkpoint interval, if `--tokens` is given. */
export function runOf({
  tokens,
  checkpointSteps,
}: Pick<ClusterFlags, 'tokens' | 'checkpointSteps'>): RunRequest | undefined {
  if (tokens === undefined) {
    if (checkpointSteps !== undefined) throw new UsageError('--checkpoint-steps needs --tokens')
    return undefined
  }
  return { tokens, ...(checkpointSteps !== undefined && { checkpointSteps }) }
}

/** A plan in the flags of `estimate` and `plan --rank`. */
export interface PlanAxes {
  tp: number
  pp: number
  vpp: number
  cp: number
  ep: number
  etp: number
  microBatch?: number
  recompute: 'none' | 'selective' | 'operators' | 'full'
  recomputeModules?: string[]
  sharding: 'none' | 'optimizer' | 'gradients' | 'full'
  sequenceParallel: boolean
  overlap: boolean
  overlapTp?: boolean
  attention: 'fused' | 'flash' | 'unfused'
  fusedKernels: boolean
  eightBitOptimizer?: boolean
  offloadOptimizer?: boolean
  loraRank?: number
}

/** Adds the plan flags to a command. */
export function addPlanFlags(command: Command): Command {
  const axis = integer(1, 1 << 14)
  return command
    .option('--tp <n>', 'tensor parallel', axis, 1)
    .option('--pp <n>', 'pipeline parallel', axis, 1)
    .option('--vpp <n>', 'model chunks per pipeline stage', axis, 1)
    .option('--cp <n>', 'context parallel', axis, 1)
    .option('--ep <n>', 'expert parallel', axis, 1)
    .option('--etp <n>', 'tensor parallel inside an expert', axis, 1)
    .option('--micro-batch <n>', 'sequences a GPU processes at once', integer(1, 1 << 20))
    .addOption(
      choice(
        '--recompute <what>',
        'recomputed in the backward pass',
        ['none', 'selective', 'operators', 'full'],
        'none',
      ),
    )
    .option(
      '--recompute-modules <names>',
      'modules that --recompute selective recomputes: core_attn, moe_act, layernorm, mla_up_proj, mlp, moe',
      names,
    )
    .addOption(
      choice(
        '--sharding <what>',
        'sharded among data-parallel ranks',
        ['none', 'optimizer', 'gradients', 'full'],
        'optimizer',
      ),
    )
    .option('--no-sequence-parallel', 'compute norms and dropout on every tensor-parallel rank')
    .option('--no-overlap', 'do not overlap gradient reduction and parameter gathering with computation')
    .option('--overlap-tp', 'overlap tensor-parallel communication with matmuls')
    .addOption(choice('--attention <kernel>', 'attention kernels', ['fused', 'flash', 'unfused'], 'fused'))
    .option('--no-fused-kernels', 'unfused kernels for norms, activations and residuals, as in launches of early 2024')
    .option('--eight-bit-optimizer', "Adam's moments in 8 bits")
    .option('--offload-optimizer', 'keep master weights and moments in host memory')
    .option(
      '--lora-rank <n>',
      'train low-rank adapters of every linear layer (with experts: of attention) instead of the weights',
      integer(1, 1 << 14),
    )
}

/** The option names of the plan flags. */
export const planFlagNames = [
  'tp',
  'pp',
  'vpp',
  'cp',
  'ep',
  'etp',
  'microBatch',
  'recompute',
  'recomputeModules',
  'sharding',
  'sequenceParallel',
  'overlap',
  'overlapTp',
  'attention',
  'fusedKernels',
  'eightBitOptimizer',
  'offloadOptimizer',
  'loraRank',
] as const

/** The plan that the flags describe. */
export function planOf(axes: PlanAxes, recipe: Pick<ClusterFlags, 'globalBatch' | 'seq' | 'precision'>): ParallelPlan {
  return {
    tensorParallel: axes.tp,
    pipelineParallel: axes.pp,
    virtualPipeline: axes.vpp,
    contextParallel: axes.cp,
    expertParallel: axes.ep,
    expertTensorParallel: axes.etp,
    microBatchSize: needed('--micro-batch <n>', axes.microBatch),
    globalBatchSize: needed('--global-batch <n>', recipe.globalBatch),
    sequenceLength: needed('--seq <n>', recipe.seq),
    sequenceParallel: axes.sequenceParallel,
    sharding: axes.sharding,
    recompute: axes.recompute,
    ...(axes.recomputeModules && { recomputeModules: axes.recomputeModules as ParallelPlan['recomputeModules'] }),
    precision: recipe.precision,
    overlap: axes.overlap,
    overlapTensorParallel: axes.overlapTp === true,
    attentionBackend: axes.attention,
    fusedKernels: axes.fusedKernels,
    eightBitMoments: axes.eightBitOptimizer === true,
    offloadOptimizer: axes.offloadOptimizer === true,
    loraRank: axes.loraRank ?? 0,
  }
}

/** A model for the planner, with what else is known about it. */
export interface NamedModel {
  readonly name: string
  readonly model: PlannerModel
  /** null if the model is given only by the planner's sizes, or Kumiki cannot build it. */
  readonly architecture: ModelArchitecture | null
  /** The entry of the known models, with its recipe, layout, corpus and source. */
  readonly published: Model | null
  /** Further hyperparameters of a launch, if known. */
  readonly ropeTheta?: number
  readonly rmsNormEps?: number
  readonly initializerRange?: number
  /** Context length it was trained for, if known. */
  readonly positions: number | null
  /** What the estimate leaves out. */
  readonly notes: readonly string[]
}

/**
 * A model by name, or from a JSON file: a config.json (snake_case), `hiddenSize` ... in camelCase, or the planner's own
 * sizes.
 * @throws UsageError for an unknown name; Error naming the file
 */
export async function findPlannerModel(nameOrFile: string): Promise<NamedModel> {
  const { checkModel, fromArchitecture, fromHuggingFace, isHuggingFaceConfig } = await import('@kumiki/planner')
  const { findModel } = await import('@kumiki/models/configs')
  if (!(/[/\\]|\.json$/i.test(nameOrFile) || (await exists(nameOrFile)))) {
    const published = checkedUse(() => findModel(nameOrFile))
    const { name, architecture } = published
    const { maxPositionEmbeddings: positions, ropeTheta, rmsNormEps, initializerRange } = architecture
    const model = fromArchitecture(architecture, name)
    const sizes = { positions, ropeTheta, rmsNormEps, initializerRange, model }
    return { name, architecture, published, ...sizes, notes: [] }
  }
  const file = await configFile(nameOrFile)
  const json = await readJson(file)
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`${file}: must be a JSON object that describes a model`)
  const known = { name: file, published: null, architecture: null, positions: null, notes: [] }
  if (isHuggingFaceConfig(json)) {
    try {
      return { ...known, ...fromHuggingFace(json), architecture: await builtHere(json) }
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`)
    }
  }
  if ('hiddenSize' in json) {
    const architecture = checkWritten<ModelArchitecture>('architecture', json, file)
    return { ...known, positions: architecture.maxPositionEmbeddings ?? null, model: fromArchitecture(architecture) }
  }
  const { name: _, ...sizes } = checkedFile(file, () => checkModel(json))
  return { ...known, model: sizes }
}

/** For a folder, the config.json in it. */
async function configFile(path: string): Promise<string> {
  const inside = join(path, 'config.json')
  return (await exists(inside)) ? inside : path
}

/** The architecture, or null if Kumiki's decoder cannot represent the file. */
async function builtHere(json: object): Promise<ModelArchitecture | null> {
  const { fromHuggingFaceConfig } = await import('@kumiki/models/configs')
  try {
    return fromHuggingFaceConfig(json)
  } catch {
    return null
  }
}

/** @throws UsageError naming the missing flag */
export function needed<T>(flag: string, value: T | undefined): T {
  if (value === undefined) throw new UsageError(`required option '${flag}' not specified`)
  return value
}

/** A Megatron-LM launch read back: its command, or the scripts that build one, as a model, a plan and a recipe. */
import { object, show } from '../check.ts'
import { type PlannerModel, validateModel } from '../model/model.ts'
import { completePlan, type ParallelPlan, type RecomputeModule } from '../parallel-plan.ts'
import type { LaunchRecipe, LaunchRequest } from './megatron.ts'
import { readShell } from './shell-reader.ts'

export interface ReadOptions {
  /** Variables that a script expects to be set. */
  readonly environment?: Readonly<Record<string, string>>
  /** Vocabulary, where no flag and no known tokenizer gives it. */
  readonly vocab?: number
  readonly nodes?: number
  readonly gpusPerNode?: number
}

/** What a launch says. `cluster` needs a GPU to be one: `{ gpu: 'H100', ...launch.cluster }`. */
export interface MegatronLaunch {
  readonly model: PlannerModel
  readonly plan: ParallelPlan
  /** Null where optimizer or schedule is not one this package writes; `notes` says why. */
  readonly recipe: LaunchRecipe | null
  /** Null where the launch leaves it to its caller. */
  readonly nodes: number | null
  readonly gpusPerNode: number | null
  /** `llm-jp` where flags of LLM-jp's fork are used. */
  readonly megatron: 'upstream' | 'llm-jp'
  readonly ropeTheta: number
  readonly rmsNormEps: number
  readonly initializerRange: number
  readonly maxPositionEmbeddings: number
  readonly saveInterval?: number
  readonly paths: NonNullable<LaunchRequest['paths']>
  /** Flags that change neither model, plan nor recipe, as they stand. */
  readonly unread: readonly string[]
  /** What was assumed, or could not be known. */
  readonly notes: readonly string[]
}

/** Vocabularies of tokenizers whose file name tells them. */
const tokenizers: readonly (readonly [name: RegExp, vocab: number])[] = [
  [/llm-jp-tokenizer-100k\.ver3\.0/, 99_487],
  [/v4_alpha_1\.0/, 196_608],
]

/** z-loss coefficient that LLM-jp's fork has built in. */
const forkZLoss = 1e-4

/**
 * Reads a launch of `pretrain_gpt.py`: a command, a Slurm script, or the scripts that set its variables and arrays, in the order they are
 * sourced (for LLM-jp: `params.sh`, then the trainer). Nothing is run.
 * @throws RangeError or TypeError naming the flag or variable that is missing or out of bounds
 * @example readMegatron('torchrun --nnodes 2 --nproc-per-node 8 pretrain_gpt.py --num-layers 24 ...', { vocab: 99487 }).plan
 */
export function readMegatron(launch: string | readonly string[], options: ReadOptions = {}): MegatronLaunch {
  object('options', options)
  const texts = typeof launch === 'string' ? [launch] : launch
  if (!Array.isArray(texts) || texts.length > 64) throw new TypeError(`launch must be text, or a list of at most 64`)
  const environment = {
    ...(options.nodes !== undefined && {
      NUM_NODES: String(options.nodes),
      SLURM_JOB_NUM_NODES: String(options.nodes),
    }),
    ...(options.gpusPerNode !== undefined && {
      NUM_GPUS_PER_NODE: String(options.gpusPerNode),
      GPUS_PER_NODE: String(options.gpusPerNode),
    }),
    ...options.environment,
  }
  const shell = readShell(texts, environment)
  const notes = [...shell.notes]
  const words = argumentsOf(shell)
  const flags = new Flags(words)
  const nodes =
    options.nodes ?? countOf(flags.launcher('--nnodes') ?? shell.sbatch.get('--nodes') ?? shell.sbatch.get('-N'))
  const gpusPerNode =
    options.gpusPerNode ??
    countOf(
      flags.launcher('--nproc-per-node') ??
        flags.launcher('--nproc_per_node') ??
        shell.sbatch.get('--gpus-per-node')?.replace(/^\w+:/, ''),
    )
  const tokenizerModel = flags.text('--tokenizer-model')
  const model = modelOf(flags, options, tokenizerModel, notes)
  const plan = planOf(flags, model, shell.variables, notes)
  const zLoss = flags.has('--use-z-loss')
  const recipe = recipeOf(flags, zLoss, notes)
  const data = flags.list('--data-path')
  const checkpoints = flags.text('--save')
  const saveInterval = flags.number('--save-interval', null)
  flags.text('--load')
  const result: MegatronLaunch = {
    model,
    plan,
    recipe,
    nodes,
    gpusPerNode,
    megatron: zLoss || flags.has('--use-mpi') ? 'llm-jp' : 'upstream',
    ropeTheta: flags.number('--rotary-base', 10_000),
    rmsNormEps: flags.number('--norm-epsilon', 1e-5),
    initializerRange: flags.number('--init-method-std', 0.02),
    maxPositionEmbeddings: flags.number('--max-position-embeddings', plan.sequenceLength),
    ...(saveInterval !== null && { saveInterval }),
    paths: {
      ...(tokenizerModel !== undefined && { tokenizerModel }),
      ...(data !== undefined && data.length > 0 && { data }),
      ...(checkpoints !== undefined && { checkpoints }),
    },
    unread: flags.unread(),
    notes,
  }
  return result
}

function countOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,7}$/.test(text) && Number(text) > 0 ? Number(text) : null
}

/** Words of the command that starts training, or of the array that holds its flags. */
function argumentsOf(shell: ReturnType<typeof readShell>): readonly string[] {
  const isFlag = (word: string) => word.startsWith('--')
  let best: readonly string[] = []
  for (const command of shell.commands) {
    // A command may stand inside a quoted one (`bash -c "..."`).
    const words = command.flatMap((word) => (/\s/.test(word) && /--[\w-]+/.test(word) ? word.split(/\s+/) : [word]))
    if (words.some((word) => /pretrain_gpt\.py$/.test(word)) && words.length > best.length) best = words
  }
  if (best.filter(isFlag).length >= 3) return best
  for (const values of shell.variables.values()) {
    if (values.filter(isFlag).length > best.filter(isFlag).length) best = values
  }
  if (best.filter(isFlag).length < 3) {
    throw new RangeError('launch: it has no command that runs pretrain_gpt.py, and no array of its flags')
  }
  return best
}

/** Flags by name, each asked for by its type. */
class Flags {
  private readonly values = new Map<string, string[]>()
  private readonly before: readonly string[]
  private readonly read = new Set<string>()

  constructor(words: readonly string[]) {
    const script = words.findIndex((word) => /pretrain_gpt\.py$/.test(word))
    this.before = words.slice(0, Math.max(0, script))
    let current: string[] | null = null
    for (const word of words.slice(script + 1)) {
      const flag = /^(--[A-Za-z][\w-]*)(?:=([\s\S]*))?$/.exec(word)
      if (flag) {
        current = flag[2] === undefined ? [] : [flag[2]]
        // The last of several counts, as for argparse.
        this.values.set(flag[1], current)
      } else current?.push(word)
    }
  }

  /** A flag of torchrun. */
  launcher(name: string): string | undefined {
    const at = this.before.findIndex((word) => word === name || word.startsWith(`${name}=`))
    if (at < 0) return undefined
    return this.before[at] === name ? this.before[at + 1] : this.before[at].slice(name.length + 1)
  }

  has(name: string): boolean {
    this.read.add(name)
    return this.values.has(name)
  }

  list(name: string): string[] | undefined {
    this.read.add(name)
    return this.values.get(name)
  }

  text(name: string): string | undefined {
    const values = this.list(name)
    if (values !== undefined && values.length === 0) throw new RangeError(`${name} needs a value`)
    return values?.[0]
  }

  number(name: string): number
  number<T>(name: string, fallback: T): number | T
  number(name: string, fallback?: unknown): unknown {
    const text = this.text(name)
    if (text === undefined) {
      if (fallback === undefined) throw new RangeError(`${name} is missing`)
      return fallback
    }
    const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
    if (!Number.isFinite(value)) throw new RangeError(`${name} must be a number, got ${show(text)}`)
    return value
  }

  /** Flags nobody asked for. */
  unread(): string[] {
    return [...this.values]
      .filter(([name]) => !this.read.has(name))
      .map(([name, values]) => [name, ...values].join(' ').slice(0, 200))
  }
}

function modelOf(flags: Flags, options: ReadOptions, tokenizer: string | undefined, notes: string[]): PlannerModel {
  const layers = flags.number('--num-layers')
  const hidden = flags.number('--hidden-size')
  const heads = flags.number('--num-attention-heads')
  const gatedMlp = flags.has('--swiglu')
  // Megatron-LM's own default: two thirds of 4 x hidden for SwiGLU, rounded down to a multiple of 64.
  const ffn = flags.number('--ffn-hidden-size', gatedMlp ? Math.floor((4 * hidden * 2) / 3 / 64) * 64 : 4 * hidden)
  const grouped = flags.has('--group-query-attention')
  const groups = flags.number('--num-query-groups', 1)
  const latent = flags.has('--multi-latent-attention')
  const headDim = latent ? flags.number('--qk-head-dim', 128) : flags.number('--kv-channels', hidden / heads)
  const count = flags.number('--num-experts', 0)
  const positions = flags.text('--position-embedding-type') ?? 'learned_absolute'
  flags.has('--use-rotary-position-embeddings')
  const known = tokenizers.find(([name]) => tokenizer !== undefined && name.test(tokenizer))?.[1]
  const vocab = options.vocab ?? flags.number('--vocab-size', known ?? null)
  if (vocab === null) {
    throw new RangeError(
      'vocab: the launch does not say how large the vocabulary is (its tokenizer does); give it as an option',
    )
  }
  if (options.vocab === undefined && known !== undefined) notes.push(`vocabulary: ${vocab}, of the tokenizer`)
  const learned = positions === 'learned_absolute' && !flags.has('--no-position-embedding')
  const model: PlannerModel = {
    layers,
    hidden,
    ffn,
    heads,
    kvHeads: grouped ? groups : heads,
    headDim,
    vocab,
    gatedMlp,
    tiedEmbeddings: !flags.has('--untie-embeddings-and-output-weights'),
    ...(learned && { learnedPositions: flags.number('--max-position-embeddings') }),
    ...(flags.has('--qk-layernorm') && { qkNorm: true }),
    norm: (flags.text('--normalization') ?? 'LayerNorm') === 'LayerNorm' ? 'layer' : 'rms',
    biases: flags.has('--disable-bias-linear') ? (flags.has('--add-qkv-bias') ? 'qkv' : 'none') : 'all',
    ...(latent && {
      latentAttention: {
        queryRank: flags.number('--q-lora-rank', 0),
        keyValueRank: flags.number('--kv-lora-rank', 512),
        ropeDim: flags.number('--qk-pos-emb-head-dim', 64),
        valueDim: flags.number('--v-head-dim', 128),
      },
    }),
    ...(count > 0 && {
      experts: {
        count,
        topK: flags.number('--moe-router-topk', 2),
        ffn: flags.number('--moe-ffn-hidden-size', ffn),
        sharedFfn: flags.number('--moe-shared-expert-intermediate-size', 0),
        firstDenseLayers: denseLayers(flags.text('--moe-layer-freq'), notes),
      },
    }),
  }
  validateModel(model)
  return model
}

/** `([0]*3+[1]*58)`: the first three layers are dense. */
function denseLayers(text: string | undefined, notes: string[]): number {
  if (text === undefined || text === '1') return 0
  const match = /^\(?\[0\]\s*\*\s*(\d{1,4})\s*\+\s*\[1\]\s*\*\s*\d{1,4}\)?$/.exec(text)
  if (match) return Number(match[1])
  notes.push(`--moe-layer-freq ${text.slice(0, 60)}: every layer is taken to have experts`)
  return 0
}

const modules = ['core_attn', 'moe_act', 'layernorm', 'mla_up_proj', 'mlp', 'moe'] as const

function planOf(
  flags: Flags,
  model: PlannerModel,
  variables: ReadonlyMap<string, readonly string[]>,
  notes: string[],
): ParallelPlan {
  const tensorParallel = flags.number('--tensor-model-parallel-size', 1)
  const pipelineParallel = flags.number('--pipeline-model-parallel-size', 1)
  const uneven = [
    '--decoder-first-pipeline-num-layers',
    '--decoder-last-pipeline-num-layers',
    '--pipeline-model-parallel-layout',
  ]
    .map((name) => flags.list(name))
    .some((values) => values !== undefined)
  if (uneven) notes.push('stages are laid out by hand; the estimate lays them out as evenly as it can')
  flags.has('--account-for-embedding-in-pipeline-split')
  flags.has('--account-for-loss-in-pipeline-split')
  const microBatchSize = flags.number('--micro-batch-size')
  const globalBatchSize = flags.number('--global-batch-size', null)
  if (globalBatchSize === null) throw new RangeError('--global-batch-size is missing')
  const flash = flags.has('--use-flash-attn')
  const noFused = variables.get('NVTE_FUSED_ATTN')?.[0] === '0'
  const backend = flags.text('--attention-backend') ?? (flash || noFused ? 'flash' : 'auto')
  const attentionBackend = noFused && backend === 'auto' ? 'flash' : backend === 'auto' ? 'fused' : backend
  const fp8 = flags.has('--fp8-format')
  const dispatcher = flags.text('--moe-token-dispatcher-type') ?? 'allgather'
  const fsdp = flags.has('--use-megatron-fsdp') || flags.has('--use-torch-fsdp2') || flags.has('--use-custom-fsdp')
  flags.text('--data-parallel-sharding-strategy')
  const distributed = flags.has('--use-distributed-optimizer')
  const overlapGrad = flags.has('--overlap-grad-reduce')
  const overlapParam = flags.has('--overlap-param-gather')
  const dropout = flags.number('--hidden-dropout', 0.1) > 0 || flags.number('--attention-dropout', 0.1) > 0
  flags.has('--bf16')
  flags.has('--moe-grouped-gemm')
  flags.has('--accumulate-allreduce-grads-in-fp32')
  const moments = flags.text('--exp-avg-dtype')
  flags.text('--exp-avg-sq-dtype')
  const aware = flags.has('--use-precision-aware-optimizer')
  const deepep = flags.has('--moe-enable-deepep') || flags.text('--moe-flex-dispatcher-backend') !== undefined
  const plan: ParallelPlan = {
    tensorParallel,
    pipelineParallel,
    virtualPipeline: chunksOf(flags, model, pipelineParallel),
    contextParallel: flags.number('--context-parallel-size', 1),
    expertParallel: flags.number('--expert-model-parallel-size', 1),
    expertTensorParallel: flags.number('--expert-tensor-parallel-size', model.experts ? tensorParallel : 1),
    microBatchSize,
    globalBatchSize,
    sequenceLength: flags.number('--seq-length'),
    sequenceParallel: flags.has('--sequence-parallel'),
    sharding: fsdp ? 'full' : distributed ? 'optimizer' : 'none',
    ...recomputeOf(flags, notes),
    precision: fp8 ? 'fp8' : flags.has('--fp16') ? 'fp16' : 'bf16',
    overlap: overlapGrad && (overlapParam || !distributed),
    overlapTensorParallel: flags.has('--tp-comm-overlap'),
    attentionBackend: attentionBackend as ParallelPlan['attentionBackend'],
    expertDispatch: dispatcher === 'flex' && deepep ? 'deepep' : 'alltoall',
    dropout,
    gradientsInFp32: !flags.has('--grad-reduce-in-bf16'),
    momentsInFp32: !(aware && moments !== undefined && moments !== 'fp32'),
    anyLayout: uneven,
  }
  if (fp8) flags.text('--fp8-format')
  completePlan(plan)
  return plan
}

function chunksOf(flags: Flags, model: PlannerModel, stages: number): number {
  const direct = flags.number('--num-virtual-stages-per-pipeline-rank', null)
  const perChunk = flags.number('--num-layers-per-virtual-pipeline-stage', null)
  const layout = flags.text('--pipeline-model-parallel-layout')
  if (layout !== undefined) return Math.max(1, Math.floor(partsOf(layout) / stages))
  if (direct !== null) return direct
  if (perChunk === null) return 1
  const chunks = model.layers / stages / perChunk
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new RangeError(
      `--num-layers-per-virtual-pipeline-stage ${perChunk} must divide the ${model.layers} layers / ${stages} stages`,
    )
  }
  return chunks
}

/** Parts of a layout such as `Et*3|(t|)*29|L`. */
function partsOf(layout: string): number {
  const bars = (text: string) => text.split('|').length - 1
  const repeated = [...layout.matchAll(/\(([^)]*)\)\*(\d{1,4})/g)]
  return 1 + bars(layout) + repeated.reduce((sum, [, inside, times]) => sum + bars(inside) * (Number(times) - 1), 0)
}

function recomputeOf(flags: Flags, notes: string[]): Pick<ParallelPlan, 'recompute' | 'recomputeModules'> {
  const granularity = flags.text('--recompute-granularity')
  const selective = flags.has('--recompute-activations') || granularity === 'selective'
  const given = flags.list('--recompute-modules')
  const method = flags.text('--recompute-method')
  flags.number('--recompute-num-layers', null)
  if (granularity === 'full') {
    if (method === 'block') notes.push('--recompute-method block: every layer is taken to be recomputed')
    return { recompute: 'full' }
  }
  if (!selective) return { recompute: 'none' }
  const names = (given ?? ['core_attn']).flatMap((name) => name.split(','))
  const known = names.filter((name): name is RecomputeModule => (modules as readonly string[]).includes(name))
  const unknown = names.filter((name) => !(modules as readonly string[]).includes(name))
  if (unknown.length > 0) notes.push(`--recompute-modules ${unknown.join(' ').slice(0, 80)} is not counted`)
  return known.length === 0 ? { recompute: 'none' } : { recompute: 'selective', recomputeModules: known }
}

function recipeOf(flags: Flags, zLoss: boolean, notes: string[]): LaunchRecipe | null {
  const optimizer = flags.text('--optimizer') ?? 'adam'
  const style = flags.text('--lr-decay-style') ?? 'linear'
  const learningRate = flags.number('--lr', null)
  const trainSteps = flags.number('--train-iters', null)
  const wsdStyle = flags.text('--lr-wsd-decay-style')
  const wsdSteps = flags.number('--lr-wsd-decay-iters', null)
  const auxiliaryLoss = flags.number('--moe-aux-loss-coeff', null)
  const routerZLoss = flags.number('--moe-z-loss-coeff', null)
  const routerPrecision = flags.text('--moe-router-dtype')
  flags.has('--moe-router-pre-softmax')
  const collects = flags.has('--manual-gc')
  const collectSteps = flags.number('--manual-gc-interval', null)
  const timeoutMinutes = flags.number('--distributed-timeout-minutes', null)
  const runtime = {
    ...(flags.has('--moe-permute-fusion') && { permuteFusion: true }),
    ...(flags.has('--moe-router-fusion') && { routerFusion: true }),
    ...(flags.has('--no-mmap-bin-files') && { memoryMappedData: false }),
    ...(flags.has('--cross-entropy-loss-fusion') && { lossFusion: true }),
    ...(collects && collectSteps !== null && { garbageCollectionSteps: collectSteps }),
    ...(timeoutMinutes !== null && { timeoutMinutes }),
  }
  flags.text('--cross-entropy-fusion-impl')
  flags.text('--moe-router-load-balancing-type')
  const decaySteps = flags.number('--lr-decay-iters', trainSteps)
  const rest = {
    minLearningRate: flags.number('--min-lr', 0),
    warmupSteps: flags.number('--lr-warmup-iters', 0),
    beta1: flags.number('--adam-beta1', 0.9),
    beta2: flags.number('--adam-beta2', 0.999),
    epsilon: flags.number('--adam-eps', 1e-8),
    weightDecay: flags.number('--weight-decay', 0.01),
    gradientClip: flags.number('--clip-grad', 1),
  }
  const why =
    optimizer !== 'adam'
      ? `--optimizer ${optimizer}`
      : style !== 'cosine' && style !== 'WSD'
        ? `--lr-decay-style ${style}`
        : learningRate === null
          ? 'no --lr'
          : trainSteps === null
            ? 'no --train-iters'
            : null
  if (why !== null) {
    notes.push(`no recipe: ${why.slice(0, 80)}`)
    return null
  }
  return {
    learningRate: learningRate as number,
    trainSteps: trainSteps as number,
    decaySteps: decaySteps as number,
    ...rest,
    schedule: style === 'WSD' ? 'wsd' : 'cosine',
    ...(style === 'WSD' && {
      wsdDecaySteps: wsdSteps ?? 1,
      wsdDecayStyle: (wsdStyle ?? 'exponential') as LaunchRecipe['wsdDecayStyle'],
    }),
    ...(zLoss && { zLoss: forkZLoss }),
    ...(auxiliaryLoss !== null && { auxiliaryLoss }),
    ...(routerZLoss !== null && { routerZLoss }),
    ...(routerPrecision === 'fp32' && { routerPrecision }),
    ...runtime,
  } as LaunchRecipe
}

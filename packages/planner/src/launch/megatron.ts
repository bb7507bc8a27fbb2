/** A plan as a Megatron-LM launch. Flag names are upstream's, at commit d98e8a64. */
import { integer, object, oneOf, positive } from '../check.ts'
import { type Cluster, validateCluster } from '../gpu.ts'
import { type KnownModel, type PlannerModel, validateModel } from '../model/model.ts'
import { type KnownPlan, type ParallelPlan, validatePlan } from '../parallel-plan.ts'
import { layersPerStage } from '../stages.ts'

/** Numbers of the optimizer and schedule. Steps are optimizer steps. */
export interface LaunchRecipe {
  readonly learningRate: number
  readonly minLearningRate: number
  readonly warmupSteps: number
  readonly schedule: 'cosine' | 'wsd'
  readonly trainSteps: number
  /** Length of the schedule (`--lr-decay-iters`). */
  readonly decaySteps: number
  /** WSD: steps of the final decay (default 1: none before the last step) and its curve (default linear). */
  readonly wsdDecaySteps?: number
  readonly wsdDecayStyle?: 'linear' | 'cosine' | 'exponential' | 'minus_sqrt'
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly gradientClip: number
  /** Coefficient of log(Z)^2; upstream has no flag for it. */
  readonly zLoss?: number | null
  /** Load-balancing loss of mixtures. */
  readonly auxiliaryLoss?: number | null
  /** Coefficient of the router's own z-loss (mixtures), which upstream has. */
  readonly routerZLoss?: number | null
  /** The router computes in fp32 (`--moe-router-dtype`); default: only where DeepEP, which asks for it, carries the tokens. */
  readonly routerPrecision?: 'fp32' | null
  /** false: token files are read, not mapped into memory (`--no-mmap-bin-files`). */
  readonly memoryMappedData?: boolean
  /** Permuting tokens for experts runs as one kernel; the router does. */
  readonly permuteFusion?: boolean
  readonly routerFusion?: boolean
  /** Steps between collections of Python's garbage on all ranks at once (`--manual-gc`). */
  readonly garbageCollectionSteps?: number | null
  /** The loss is computed by one kernel (`--cross-entropy-loss-fusion`). */
  readonly lossFusion?: boolean
  /** Minutes that collectives wait (`--distributed-timeout-minutes`); Megatron-LM's default is 10. */
  readonly timeoutMinutes?: number | null
}

export interface LaunchRequest {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly plan: ParallelPlan
  readonly recipe: LaunchRecipe
  /** `upstream` (default), or LLM-jp's fork, which has `--use-z-loss`. */
  readonly megatron?: 'upstream' | 'llm-jp'
  readonly ropeTheta?: number
  readonly rmsNormEps?: number
  readonly initializerRange?: number
  readonly qkNorm?: boolean
  readonly maxPositionEmbeddings?: number
  readonly paths?: {
    /** SentencePiece model. */
    readonly tokenizerModel?: string
    /** What follows `--data-path`: weights and prefixes. */
    readonly data?: readonly string[]
    readonly checkpoints?: string
  }
  readonly saveInterval?: number
}

export interface Launch {
  /** Everything after the script's name. */
  readonly args: readonly string[]
  /** Variables to set. */
  readonly environment: Readonly<Record<string, string>>
  /** The command of one node, as a shell reads it. */
  readonly command: string
  /** What the launch does not do, or what to know before it starts. */
  readonly notes: readonly string[]
}

/** A word as a POSIX shell reads it back. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/**
 * Writes the launch of `pretrain_gpt.py`.
 * @throws PlanError for an illegal plan; RangeError or TypeError naming a field that is none
 */
export function emitMegatron(request: LaunchRequest): Launch {
  const model = validateModel(request.model)
  const cluster = validateCluster(request.cluster)
  const plan = validatePlan(model, cluster, request.plan)
  const recipe = checkRecipe(request.recipe)
  const target = oneOf('megatron', request.megatron ?? 'upstream', ['upstream', 'llm-jp'])
  if (plan.sharding === 'full' || plan.sharding === 'gradients') {
    throw new RangeError(
      `plan.sharding ${plan.sharding} is not emitted; use optimizer (Megatron's distributed optimizer)`,
    )
  }
  if (plan.recompute === 'operators')
    throw new RangeError('plan.recompute operators is not emitted; use selective or full')
  refuseUnsupported(model, plan)
  const notes: string[] = []
  if (model.slidingWindow)
    notes.push('Windowed layers are not written; give --window-size and --window-attn-skip-freq by hand.')
  if (plan.deterministic)
    notes.push('Deterministic kernels are not written; give --deterministic-mode and NCCL_ALGO by hand.')
  if (plan.cudaGraphs) notes.push('CUDA graphs are not written; their flags differ between versions.')
  const { paths = {} } = request
  const flags: Flag[] = [
    ['--tensor-model-parallel-size', plan.tensorParallel],
    ['--pipeline-model-parallel-size', plan.pipelineParallel],
    // A layout says the chunks itself.
    plan.virtualPipeline > 1 &&
      !needsLayout(model.layers, plan) && ['--num-virtual-stages-per-pipeline-rank', plan.virtualPipeline],
    ...splitFlags(model.layers, plan),
    ['--context-parallel-size', plan.contextParallel],
    plan.sequenceParallel && ['--sequence-parallel'],
    plan.sharding === 'optimizer' && ['--use-distributed-optimizer'],
    plan.overlap && ['--overlap-grad-reduce'],
    plan.sharding === 'optimizer' && plan.overlap && ['--overlap-param-gather'],
    ...modelFlags(request, model, plan),
    ...expertFlags(model, plan, recipe, target),
    plan.overlapTensorParallel && ['--tp-comm-overlap'],
    !plan.gradientsInFp32 && ['--grad-reduce-in-bf16'],
    ...(plan.momentsInFp32
      ? []
      : ([['--use-precision-aware-optimizer'], ['--exp-avg-dtype', 'bf16'], ['--exp-avg-sq-dtype', 'bf16']] as const)),
    ...(plan.offloadOptimizer
      ? ([['--optimizer-cpu-offload'], plan.momentsInFp32 && ['--use-precision-aware-optimizer']] satisfies Flag[])
      : []),
    ...recomputeFlags(plan),
    ['--micro-batch-size', plan.microBatchSize],
    ['--global-batch-size', plan.globalBatchSize],
    ...recipeFlags(recipe),
    [plan.precision === 'fp16' ? '--fp16' : '--bf16'],
    plan.precision === 'fp8' && ['--fp8-format', 'hybrid'],
    ['--attention-backend', plan.attentionBackend],
    ['--tokenizer-type', 'Llama2Tokenizer'],
    ['--tokenizer-model', paths.tokenizerModel ?? 'tokenizer.model'],
    ['--data-path', ...(paths.data ?? ['data_text_document'])],
    ['--split', '1,0,0'],
    ['--eval-iters', 0],
    ['--eval-interval', 999_999_999],
    ['--save', paths.checkpoints ?? 'checkpoints'],
    ['--load', paths.checkpoints ?? 'checkpoints'],
    ['--save-interval', integer('saveInterval', request.saveInterval ?? 1000, 1, 1e9)],
    ['--ckpt-format', 'torch_dist'],
    ['--log-throughput'],
    ['--log-interval', 1],
    ...runtimeFlags(recipe),
  ]
  if (recipe.zLoss) {
    if (target === 'llm-jp') flags.push(['--use-z-loss'])
    else {
      notes.push(
        `The recipe has a z-loss of ${recipe.zLoss}; upstream Megatron-LM has no flag for it, so this launch trains without. LLM-jp's fork has --use-z-loss.`,
      )
    }
  }
  const args = flags.flatMap((flag) => flag || []).map(String)
  const environment: Record<string, string> = { PYTORCH_CUDA_ALLOC_CONF: 'expandable_segments:True' }
  const blackwell = /^G?B\d/.test(cluster.gpu.name)
  if ((plan.tensorParallel > 1 || plan.contextParallel > 1) && !blackwell) environment.CUDA_DEVICE_MAX_CONNECTIONS = '1'
  if (blackwell) notes.push('CUDA_DEVICE_MAX_CONNECTIONS is left unset: it is not wanted on Blackwell.')
  if (!paths.data) notes.push('--data-path is a placeholder: give weights and prefixes of .bin/.idx files.')
  if (!paths.tokenizerModel) notes.push('--tokenizer-model is a placeholder: give a SentencePiece model.')
  if (model.experts?.topK === 1)
    notes.push(
      'One expert a token: --moe-router-pre-softmax is written, which Megatron-LM asks for (a softmax over one has no gradient).',
    )
  if (model.experts && model.experts.count > 32 && !routerPrecision(plan, recipe))
    notes.push(
      `Megatron-LM advises --moe-router-dtype fp32 for ${model.experts.count} experts; the recipe has routerPrecision for it.`,
    )
  const torchrun = ['torchrun', '--nnodes', String(cluster.nodes), '--nproc-per-node', String(cluster.gpusPerNode)]
  if (cluster.nodes > 1) torchrun.push('--rdzv-backend', 'c10d', '--rdzv-endpoint', '"$MASTER_ADDR:$MASTER_PORT"')
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${shellQuote(value)}`)
  const command = [...assignments, ...torchrun, 'pretrain_gpt.py', ...args.map(shellQuote)].join(' ')
  return { args, environment, command, notes }
}

/** A flag and its values, or nothing. */
type Flag = false | readonly [string, ...(string | number)[]]

/**
 * What Megatron-LM's own checks refuse beside the rules of every plan.
 * @see megatron/training/arguments.py, megatron/core/transformer/transformer_config.py,
 *   megatron/core/transformer/moe/token_dispatcher.py
 */
function refuseUnsupported(model: KnownModel, plan: KnownPlan): void {
  const recomputed = plan.recompute === 'selective' ? plan.recomputeModules : []
  const refusals: (readonly [refused: boolean, why: string])[] = [
    [
      !plan.momentsInFp32 && plan.sharding !== 'optimizer',
      "plan.momentsInFp32 false needs sharding optimizer (Megatron's distributed optimizer)",
    ],
    [plan.eightBitMoments, 'plan.eightBitMoments is not emitted; Megatron-LM keeps moments in 16 bits at least here'],
    [plan.loraRank > 0, 'plan.loraRank is not emitted; pretrain_gpt.py trains all weights'],
    [plan.offloadOptimizer && plan.sharding !== 'optimizer', 'plan.offloadOptimizer needs sharding optimizer'],
    [
      plan.precision === 'fp8' && recomputed.some((name) => name === 'moe_act' || name === 'layernorm'),
      'plan.recomputeModules: moe_act and layernorm are not computed again with fp8 of delayed scaling',
    ],
    [
      plan.expertDispatch === 'deepep' && plan.expertParallel * plan.expertTensorParallel === 1,
      'plan.expertDispatch deepep needs expertParallel or expertTensorParallel above 1',
    ],
    [
      model.learnedPositions > 0 && model.learnedPositions < plan.sequenceLength,
      `plan.sequenceLength ${plan.sequenceLength} is more than the ${model.learnedPositions} rows of the position table`,
    ],
    [
      model.gatedMlp && model.activation === 'gelu',
      'model.activation: a gated MLP with GELU has no flag in Megatron-LM',
    ],
    [model.normsPerLayer !== 2, `model.normsPerLayer must be 2 for Megatron-LM's GPT, got ${model.normsPerLayer}`],
  ]
  for (const [refused, why] of refusals) if (refused) throw new RangeError(`megatron: ${why}`)
}

/** Layers that split neither evenly nor with embedding and loss counted. */
function needsLayout(layers: number, { pipelineParallel, virtualPipeline }: KnownPlan): boolean {
  return layersPerStage(layers, pipelineParallel, virtualPipeline) === null
}

/** Embedding and loss count as layers where the layers alone do not divide; where nothing does, the layout is written out. */
function splitFlags(layers: number, plan: KnownPlan): Flag[] {
  const { pipelineParallel: p, virtualPipeline: v } = plan
  if (layers % (p * v) === 0) return []
  if (needsLayout(layers, plan)) return [['--pipeline-model-parallel-layout', layoutText(layers, plan)]]
  const both = (layers + 2) % (p * v) === 0
  return [both && ['--account-for-embedding-in-pipeline-split'], ['--account-for-loss-in-pipeline-split']]
}

/**
 * "Et*6|t*6|t*6|t*7L": chunks in the order a token meets them, E the embedding, t a layer, L the loss.
 * @see megatron/core/transformer/pipeline_parallel_layer_layout.py `parse_str_to_list`
 */
function layoutText(layers: number, { pipelineParallel: p, virtualPipeline: v }: KnownPlan): string {
  const perStage = layersPerStage(layers, p, v, true) as number[]
  const parts: number[] = []
  for (let chunk = 0; chunk < v; chunk++)
    for (const count of perStage) parts.push(Math.floor(count / v) + (chunk < count % v ? 1 : 0))
  const words = parts.map((count) => (count === 0 ? '' : count === 1 ? 't' : `t*${count}`))
  words[0] = `E${words[0]}`
  words[words.length - 1] += 'L'
  return words.join('|')
}

function modelFlags(request: LaunchRequest, model: KnownModel, plan: KnownPlan): Flag[] {
  const { sequenceLength } = plan
  const { latentAttention: latent } = model
  const learned = model.learnedPositions > 0
  const dropout = plan.dropout ? '0.1' : '0.0'
  return [
    ['--num-layers', model.layers],
    ['--hidden-size', model.hidden],
    ['--ffn-hidden-size', model.ffn],
    ['--num-attention-heads', model.heads],
    model.kvHeads < model.heads && ['--group-query-attention'],
    model.kvHeads < model.heads && ['--num-query-groups', model.kvHeads],
    !latent && model.headDim * model.heads !== model.hidden && ['--kv-channels', model.headDim],
    ...(latent
      ? ([
          ['--multi-latent-attention'],
          latent.queryRank > 0 && ['--q-lora-rank', latent.queryRank],
          ['--kv-lora-rank', latent.keyValueRank],
          ['--qk-head-dim', model.headDim],
          ['--qk-pos-emb-head-dim', latent.ropeDim],
          ['--v-head-dim', latent.valueDim],
        ] satisfies Flag[])
      : []),
    (request.qkNorm === true || model.qkNorm) && ['--qk-layernorm'],
    ['--seq-length', sequenceLength],
    ['--max-position-embeddings', learned ? model.learnedPositions : (request.maxPositionEmbeddings ?? sequenceLength)],
    ['--position-embedding-type', learned ? 'learned_absolute' : 'rope'],
    !learned && ['--rotary-base', request.ropeTheta ?? 10_000],
    model.gatedMlp && ['--swiglu'],
    ['--normalization', model.norm === 'layer' ? 'LayerNorm' : 'RMSNorm'],
    ['--norm-epsilon', request.rmsNormEps ?? 1e-5],
    model.biases !== 'all' && ['--disable-bias-linear'],
    model.biases === 'qkv' && ['--add-qkv-bias'],
    !model.tiedEmbeddings && ['--untie-embeddings-and-output-weights'],
    ['--attention-dropout', dropout],
    ['--hidden-dropout', dropout],
    ['--init-method-std', request.initializerRange ?? 0.02],
  ]
}

function routerPrecision(plan: KnownPlan, recipe: LaunchRecipe): 'fp32' | null {
  return recipe.routerPrecision ?? (plan.expertDispatch === 'deepep' ? 'fp32' : null)
}

function expertFlags(model: KnownModel, plan: KnownPlan, recipe: LaunchRecipe, target: 'upstream' | 'llm-jp'): Flag[] {
  const { experts } = model
  if (!experts) return []
  const { firstDenseLayers: dense } = experts
  return [
    ['--num-experts', experts.count],
    ['--moe-router-topk', experts.topK],
    ['--moe-ffn-hidden-size', experts.ffn],
    experts.sharedFfn > 0 && ['--moe-shared-expert-intermediate-size', experts.sharedFfn],
    dense > 0 && ['--moe-layer-freq', `([0]*${dense}+[1]*${model.layers - dense})`],
    ['--expert-model-parallel-size', plan.expertParallel],
    // Megatron-LM's own default is the tensor parallelism of the rest.
    ['--expert-tensor-parallel-size', plan.expertTensorParallel],
    ['--moe-token-dispatcher-type', plan.expertDispatch === 'deepep' ? 'flex' : 'alltoall'],
    // LLM-jp's fork is older than the flag that took the place of its own.
    plan.expertDispatch === 'deepep' &&
      (target === 'llm-jp' ? ['--moe-enable-deepep'] : ['--moe-flex-dispatcher-backend', 'deepep']),
    ['--moe-grouped-gemm'],
    ['--moe-router-load-balancing-type', 'aux_loss'],
    ['--moe-aux-loss-coeff', recipe.auxiliaryLoss ?? 0.01],
    Boolean(recipe.routerZLoss) && ['--moe-z-loss-coeff', recipe.routerZLoss as number],
    routerPrecision(plan, recipe) !== null && ['--moe-router-dtype', 'fp32'],
    experts.topK === 1 && ['--moe-router-pre-softmax'],
    recipe.permuteFusion === true && ['--moe-permute-fusion'],
    recipe.routerFusion === true && ['--moe-router-fusion'],
  ]
}

/** What changes no number of the training, but whether and how fast it runs. */
function runtimeFlags(recipe: LaunchRecipe): Flag[] {
  const { garbageCollectionSteps: collect, timeoutMinutes: minutes } = recipe
  return [
    recipe.memoryMappedData === false && ['--no-mmap-bin-files'],
    Boolean(collect) && ['--manual-gc'],
    Boolean(collect) && ['--manual-gc-interval', collect as number],
    recipe.lossFusion === true && ['--cross-entropy-loss-fusion'],
    recipe.lossFusion === true && ['--cross-entropy-fusion-impl', 'native'],
    Boolean(minutes) && ['--distributed-timeout-minutes', minutes as number],
  ]
}

function recomputeFlags({ recompute, recomputeModules }: KnownPlan): Flag[] {
  if (recompute === 'none') return []
  if (recompute === 'selective')
    return [
      ['--recompute-granularity', 'selective'],
      ['--recompute-modules', ...recomputeModules],
    ]
  return [
    ['--recompute-granularity', 'full'],
    ['--recompute-method', 'uniform'],
    ['--recompute-num-layers', 1],
  ]
}

function recipeFlags(recipe: LaunchRecipe): Flag[] {
  const wsd = recipe.schedule === 'wsd'
  return [
    ['--train-iters', recipe.trainSteps],
    ['--optimizer', 'adam'],
    ['--lr', recipe.learningRate],
    ['--min-lr', recipe.minLearningRate],
    ['--lr-warmup-iters', recipe.warmupSteps],
    ['--lr-decay-iters', recipe.decaySteps],
    ['--lr-decay-style', wsd ? 'WSD' : 'cosine'],
    wsd && ['--lr-wsd-decay-style', recipe.wsdDecayStyle ?? 'linear'],
    wsd && ['--lr-wsd-decay-iters', recipe.wsdDecaySteps ?? 1],
    ['--adam-beta1', recipe.beta1],
    ['--adam-beta2', recipe.beta2],
    ['--adam-eps', recipe.epsilon],
    ['--weight-decay', recipe.weightDecay],
    ['--clip-grad', recipe.gradientClip],
  ]
}

/** @throws RangeError or TypeError naming a field out of its bounds */
export function checkRecipe(recipe: LaunchRecipe): LaunchRecipe {
  object('recipe', recipe)
  integer('recipe.trainSteps', recipe.trainSteps, 1, 1e12)
  integer('recipe.decaySteps', recipe.decaySteps, 1, 1e12)
  integer('recipe.warmupSteps', recipe.warmupSteps, 0, recipe.trainSteps)
  positive('recipe.learningRate', recipe.learningRate, 100)
  if (recipe.minLearningRate !== 0) positive('recipe.minLearningRate', recipe.minLearningRate, recipe.learningRate)
  oneOf('recipe.schedule', recipe.schedule, ['cosine', 'wsd'])
  for (const field of ['beta1', 'beta2', 'epsilon'] as const) positive(`recipe.${field}`, recipe[field], 1)
  if (recipe.weightDecay !== 0) positive('recipe.weightDecay', recipe.weightDecay, 100)
  positive('recipe.gradientClip', recipe.gradientClip, 1e6)
  for (const field of ['zLoss', 'auxiliaryLoss', 'routerZLoss'] as const)
    if (recipe[field]) positive(`recipe.${field}`, recipe[field], 1e3)
  if (recipe.routerPrecision) oneOf('recipe.routerPrecision', recipe.routerPrecision, ['fp32'])
  for (const field of ['garbageCollectionSteps', 'timeoutMinutes'] as const)
    if (recipe[field] !== undefined && recipe[field] !== null) integer(`recipe.${field}`, recipe[field], 1, 1e6)
  return recipe
}

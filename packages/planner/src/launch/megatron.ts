/** Generates a Megatron-LM launch for a plan. */
import { integer, oneOf } from '../check.ts'
import { validateCluster } from '../cluster/cluster.ts'
import { type ResolvedModel, validateModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { validatePlan } from '../plan/plan-rules.ts'
import { checkRecipe } from './launch-recipe.ts'
import { checkLaunchRequest, type LaunchRequest } from './launch-request.ts'
import {
  expertFlags,
  type Flag,
  modelFlags,
  needsLayout,
  recipeFlags,
  recomputeFlags,
  routerPrecision,
  runtimeFlags,
  splitFlags,
} from './megatron-flags.ts'
import { shellQuote } from './shell-quote.ts'

export interface Launch {
  /** Arguments of the script. */
  readonly args: readonly string[]
  /** Environment variables to set. */
  readonly environment: Readonly<Record<string, string>>
  /** The shell command for one node. */
  readonly command: string
  /** What the launch does not cover, and what to check before starting it. */
  readonly notes: readonly string[]
}

/**
 * Generates the launch of `pretrain_gpt.py`.
 * @throws PlanError for an illegal plan; RangeError or TypeError naming an invalid or unknown field
 * @example
 * const { args } = emitMegatron({ model, cluster, plan: own, recipe })
 * args.includes('--tensor-model-parallel-size') // true
 */
export function emitMegatron(request: LaunchRequest): Launch {
  checkLaunchRequest(request)
  const model = validateModel(request.model)
  const cluster = validateCluster(request.cluster)
  const plan = validatePlan(model, cluster, request.plan)
  const recipe = checkRecipe(request.recipe)
  const target = oneOf('megatron', request.megatron ?? 'upstream', ['upstream', 'llm-jp'])
  if (plan.sharding === 'full' || plan.sharding === 'gradients') {
    throw new RangeError(
      `plan.sharding ${plan.sharding} is not supported; use optimizer (Megatron-LM's distributed optimizer)`,
    )
  }
  if (plan.recompute === 'operators')
    throw new RangeError('plan.recompute operators is not supported; use selective or full')
  rejectUnsupported(model, plan)
  const notes: string[] = []
  if (model.slidingWindow)
    notes.push('Sliding windows are not included; add --window-size and --window-attn-skip-freq.')
  if (plan.deterministic)
    notes.push('Deterministic kernels are not included; add --deterministic-mode and set NCCL_ALGO.')
  if (plan.cudaGraphs) notes.push('CUDA graphs are not included; add the flags of your Megatron-LM version.')
  const { paths = {} } = request
  const tokenizer = paths.tokenizerModel ?? 'tokenizer.model'
  const flags: Flag[] = [
    ['--tensor-model-parallel-size', plan.tensorParallel],
    ['--pipeline-model-parallel-size', plan.pipelineParallel],
    // An explicit layout determines the chunks itself.
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
    ['--tokenizer-type', tokenizer.endsWith('.model') ? 'Llama2Tokenizer' : 'HuggingFaceTokenizer'],
    ['--tokenizer-model', tokenizer],
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
        `The recipe has a z-loss of ${recipe.zLoss}; upstream Megatron-LM has no flag for it, so this launch trains without it. LLM-jp's fork has --use-z-loss.`,
      )
    }
  }
  const args = flags.flatMap((flag) => flag || []).map(String)
  const environment: Record<string, string> = { PYTORCH_CUDA_ALLOC_CONF: 'expandable_segments:True' }
  const { needsOneConnection } = cluster.gpu
  if ((plan.tensorParallel > 1 || plan.contextParallel > 1) && needsOneConnection)
    environment.CUDA_DEVICE_MAX_CONNECTIONS = '1'
  if (!needsOneConnection) notes.push('CUDA_DEVICE_MAX_CONNECTIONS is not set, because Blackwell does not need it.')
  if (!paths.data) notes.push('--data-path is a placeholder: give weights and prefixes of .bin/.idx files.')
  if (!paths.tokenizerModel) notes.push('--tokenizer-model is a placeholder: give a SentencePiece model.')
  if (model.experts?.topK === 1)
    notes.push(
      'With one expert per token, --moe-router-pre-softmax is set, which Megatron-LM requires (a softmax over one value has no gradient).',
    )
  if (model.experts && model.experts.count > 32 && !routerPrecision(plan, recipe))
    notes.push(
      `Megatron-LM recommends --moe-router-dtype fp32 for ${model.experts.count} experts; set routerPrecision in the recipe.`,
    )
  const torchrun = ['torchrun', '--nnodes', String(cluster.nodes), '--nproc-per-node', String(cluster.gpusPerNode)]
  if (cluster.nodes > 1) torchrun.push('--rdzv-backend', 'c10d', '--rdzv-endpoint', '"$MASTER_ADDR:$MASTER_PORT"')
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${shellQuote(value)}`)
  const command = [...assignments, ...torchrun, 'pretrain_gpt.py', ...args.map(shellQuote)].join(' ')
  return { args, environment, command, notes }
}

/**
 * Rejects what Megatron-LM's own checks refuse, in addition to the rules of every plan.
 * @see megatron/training/arguments.py, megatron/core/transformer/transformer_config.py,
 *   megatron/core/transformer/moe/token_dispatcher.py
 */
function rejectUnsupported(model: ResolvedModel, plan: ResolvedPlan): void {
  const recomputed = plan.recompute === 'selective' ? plan.recomputeModules : []
  const refusals: (readonly [refused: boolean, why: string])[] = [
    [
      !plan.momentsInFp32 && plan.sharding !== 'optimizer',
      "plan.momentsInFp32 false needs sharding optimizer (Megatron's distributed optimizer)",
    ],
    [plan.eightBitMoments, 'plan.eightBitMoments is not supported; moments have at least 16 bits in this launch'],
    [plan.loraRank > 0, 'plan.loraRank is not supported; pretrain_gpt.py trains all weights'],
    [plan.offloadOptimizer && plan.sharding !== 'optimizer', 'plan.offloadOptimizer needs sharding optimizer'],
    [
      plan.precision === 'fp8' && recomputed.some((name) => name === 'moe_act' || name === 'layernorm'),
      'plan.recomputeModules: moe_act and layernorm cannot be recomputed with fp8 and delayed scaling',
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

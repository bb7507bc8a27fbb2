/** Megatron-LM's flags for a model, a plan and a recipe. Names are upstream's, at commit d98e8a64. */
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { layersPerStage } from '../plan/stages.ts'
import type { LaunchRecipe } from './launch-recipe.ts'
import type { LaunchRequest } from './launch-request.ts'

/** A flag and its values, or false for no flag. */
export type Flag = false | readonly [string, ...(string | number)[]]

/** Whether layers divide over stages neither evenly nor with embedding and loss counted as layers. */
export function needsLayout(layers: number, { pipelineParallel, virtualPipeline }: ResolvedPlan): boolean {
  return layersPerStage(layers, pipelineParallel, virtualPipeline) === null
}

/**
 * Counts embedding and loss as layers if the layers alone do not divide; if that does not divide either, gives an
 * explicit layout.
 */
export function splitFlags(layers: number, plan: ResolvedPlan): Flag[] {
  const { pipelineParallel: p, virtualPipeline: v } = plan
  if (layers % (p * v) === 0) return []
  if (needsLayout(layers, plan)) return [['--pipeline-model-parallel-layout', layoutText(layers, plan)]]
  const both = (layers + 2) % (p * v) === 0
  return [both && ['--account-for-embedding-in-pipeline-split'], ['--account-for-loss-in-pipeline-split']]
}

/**
 * "Et*6|t*6|t*6|t*7L": chunks in the order of the forward pass; E is the embedding, t a layer, L the loss.
 * @see megatron/core/transformer/pipeline_parallel_layer_layout.py `parse_str_to_list`
 */
function layoutText(layers: number, { pipelineParallel: p, virtualPipeline: v }: ResolvedPlan): string {
  const perStage = layersPerStage(layers, p, v, true) as number[]
  const parts: number[] = []
  for (let chunk = 0; chunk < v; chunk++)
    for (const count of perStage) parts.push(Math.floor(count / v) + (chunk < count % v ? 1 : 0))
  const words = parts.map((count) => (count === 0 ? '' : count === 1 ? 't' : `t*${count}`))
  words[0] = `E${words[0]}`
  words[words.length - 1] += 'L'
  return words.join('|')
}

export function modelFlags(request: LaunchRequest, model: ResolvedModel, plan: ResolvedPlan): Flag[] {
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

export function routerPrecision(plan: ResolvedPlan, recipe: LaunchRecipe): 'fp32' | null {
  return recipe.routerPrecision ?? (plan.expertDispatch === 'deepep' ? 'fp32' : null)
}

export function expertFlags(
  model: ResolvedModel,
  plan: ResolvedPlan,
  recipe: LaunchRecipe,
  target: 'upstream' | 'llm-jp',
): Flag[] {
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
    // Always given, because Megatron-LM's default is the tensor parallelism of dense layers.
    ['--expert-tensor-parallel-size', plan.expertTensorParallel],
    ['--moe-token-dispatcher-type', plan.expertDispatch === 'deepep' ? 'flex' : 'alltoall'],
    // LLM-jp's fork predates upstream's flag.
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

/** Flags that affect reliability and speed, but not results. */
export function runtimeFlags(recipe: LaunchRecipe): Flag[] {
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

export function recomputeFlags({ recompute, recomputeModules }: ResolvedPlan): Flag[] {
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

export function recipeFlags(recipe: LaunchRecipe): Flag[] {
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
    ['--clip-grad', recipe.maxGradNorm],
  ]
}

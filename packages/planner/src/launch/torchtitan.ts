/**
 * Generates a torchtitan job for a plan: a Python configuration for pytorch/torchtitan as of b5bcd76c (August 2026),
 * and the TOML file that its versions up to 238fa995 (February 2026) read.
 */

import { validateCluster } from '../cluster/cluster.ts'
import { type ResolvedModel, validateModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { validatePlan } from '../plan/plan-rules.ts'
import { layersPerStage } from '../plan/stages.ts'
import { checkRecipe, type LaunchRecipe } from './launch-recipe.ts'
import { checkLaunchRequest, type LaunchRequest } from './launch-request.ts'
import { pythonModule, type Value } from './torchtitan-python.ts'

export interface TorchtitanJob {
  /** The configuration, a Python module to save as `kumiki_job.py`. */
  readonly python: string
  /** The command for one node, to run in the folder of that file. */
  readonly command: string
  /** The job file of versions that read TOML, and their command. */
  readonly toml: string
  readonly tomlCommand: string
  /** Preparations, and differences from the plan. */
  readonly notes: readonly string[]
  /** The same for versions that read TOML. */
  readonly tomlNotes: readonly string[]
}

/** torchtitan's names of Megatron-LM's decay curves; `exponential` has none. */
const decayTypes: Readonly<Record<string, string>> = { linear: 'linear', cosine: 'cosine', minus_sqrt: 'sqrt' }

/** Module names of each pipeline chunk for torchtitan, in the order of the forward pass. */
function moduleNames(layers: number, plan: ResolvedPlan): string[][] {
  const { pipelineParallel: p, virtualPipeline: v } = plan
  const perStage = layersPerStage(layers, p, v, true) as number[]
  let layer = 0
  const chunks = Array.from({ length: p * v }, (_, part) => {
    const count = perStage[part % p]
    const here = Math.floor(count / v) + (Math.floor(part / p) < count % v ? 1 : 0)
    return Array.from({ length: here }, () => `layers.${layer++}`)
  })
  chunks[0].unshift('tok_embeddings')
  return chunks
}

/**
 * `pipeline_parallel_layers_per_stage` that gives as many chunks as the plan has, or null if none does: torchtitan
 * counts embedding and output as one layer each, and makes `ceil((layers + 2) / it)` chunks.
 * @see torchtitan/distributed/pipeline_parallel.py
 */
function layersPerChunk(layers: number, { pipelineParallel: p, virtualPipeline: v }: ResolvedPlan): number | null {
  const least = Math.ceil((layers + 2) / (p * v))
  return Math.ceil((layers + 2) / least) === p * v ? least : null
}

/** @throws RangeError for models and plans that torchtitan's llama3 does not support */
function rejectUnsupported(
  request: LaunchRequest,
  model: ResolvedModel,
  plan: ResolvedPlan,
  recipe: LaunchRecipe,
): void {
  if (model.experts)
    throw new RangeError('torchtitan: mixtures of experts are not supported; the llama3 model is dense')
  if (
    !model.gatedMlp ||
    model.activation !== 'silu' ||
    model.tiedEmbeddings ||
    model.headDim * model.heads !== model.hidden ||
    request.qkNorm ||
    model.qkNorm ||
    model.latentAttention ||
    model.slidingWindow ||
    model.learnedPositions > 0 ||
    model.norm !== 'rms' ||
    model.normsPerLayer !== 2 ||
    model.biases !== 'none'
  ) {
    throw new RangeError(
      'torchtitan: its llama3 has SwiGLU, two RMSNorms per layer, rotary positions, untied embeddings, heads x headDim = hidden, full attention, no q/k norm and no biases; this model differs',
    )
  }
  if (model.kvHeads % plan.tensorParallel !== 0)
    throw new RangeError(
      `torchtitan: tensorParallel ${plan.tensorParallel} must divide the ${model.kvHeads} key/value heads`,
    )
  for (const field of ['eightBitMoments', 'offloadOptimizer', 'loraRank'] as const)
    if (plan[field]) throw new RangeError(`torchtitan: plan.${field} is not supported`)
  if (plan.precision !== 'bf16') throw new RangeError(`torchtitan: plan.precision must be bf16, got ${plan.precision}`)
  const style = recipe.wsdDecayStyle ?? 'linear'
  if (recipe.schedule === 'wsd' && !decayTypes[style]) {
    throw new RangeError(
      `torchtitan: recipe.wsdDecayStyle ${style} is not supported; supported are ${Object.keys(decayTypes).join(', ')}`,
    )
  }
}

/**
 * Generates a job for torchtitan's `llama3` model: dense models, bfloat16, with data, tensor, pipeline and context
 * parallelism. torchtitan has no ZeRO-1: optimizer sharding becomes fully sharded data parallelism that keeps gathered
 * weights between forward and backward.
 * @throws RangeError for anything torchtitan's llama3 does not support (experts, plain MLPs, fp16, fp8, exponential
 * decay, key/value heads that tensor parallelism does not divide), and as emitMegatron
 * @example emitTorchtitan({ model, cluster, plan: own, recipe }).command.includes('torchrun') // true
 */
export function emitTorchtitan(request: LaunchRequest): TorchtitanJob {
  checkLaunchRequest(request)
  const model = validateModel(request.model)
  const cluster = validateCluster(request.cluster)
  const plan = validatePlan(model, cluster, request.plan)
  const recipe = checkRecipe(request.recipe)
  rejectUnsupported(request, model, plan, recipe)
  const style = recipe.wsdDecayStyle ?? 'linear'
  const notes: string[] = []
  const flavor = request.model.name ?? 'kumiki'
  const sharded = plan.sharding !== 'none'
  if (plan.sharding === 'optimizer') {
    notes.push(
      'The plan shards only optimizer state (ZeRO-1); torchtitan shards weights and gradients too, and keeps gathered weights for the backward pass. Memory is lower, communication higher.',
    )
  }
  if (recipe.zLoss)
    notes.push(`The recipe has a z-loss of ${recipe.zLoss}; torchtitan has none, so this job trains without it.`)
  if (recipe.schedule === 'cosine' && recipe.decaySteps !== recipe.trainSteps) {
    notes.push(`The cosine ends at step ${recipe.trainSteps} (the last) instead of ${recipe.decaySteps}.`)
  }
  notes.push('torchtitan reads text datasets, not Megatron-LM token files; the dataset (c4) is a placeholder.')
  if (!request.paths?.tokenizerModel)
    notes.push('hf_assets_path is a placeholder: give the folder of a tokenizer.json.')
  const tomlNotes = [`Add a flavor to torchtitan/models/llama3: ${flavorLine(flavor, model, request)}`, ...notes]

  const pipeline = plan.pipelineParallel > 1
  const perChunk = pipeline ? layersPerChunk(model.layers, plan) : null
  // If no number of layers per chunk fits, the modules of each chunk are listed.
  const cut: Record<string, Value> = !pipeline
    ? {}
    : perChunk === null
      ? { module_fqns_per_model_part: withOutput(moduleNames(model.layers, plan), 'output') }
      : { pipeline_parallel_layers_per_stage: perChunk }
  const schedule = {
    warmup_steps: recipe.warmupSteps,
    ...(recipe.schedule === 'wsd' ? { decay_ratio: Math.min(1, (recipe.wsdDecaySteps ?? 1) / recipe.trainSteps) } : {}),
    decay_type: recipe.schedule === 'wsd' ? decayTypes[style] : 'cosine',
    min_lr_factor: recipe.minLearningRate / recipe.learningRate,
  }
  const axes = {
    data_parallel_replicate_degree: sharded ? 1 : plan.dataParallel,
    data_parallel_shard_degree: sharded ? plan.dataParallel : 1,
    fsdp_reshard_after_forward: plan.sharding === 'full' ? 'always' : 'never',
    tensor_parallel_degree: plan.tensorParallel,
    pipeline_parallel_degree: plan.pipelineParallel,
    ...(pipeline ? { pipeline_parallel_schedule: plan.virtualPipeline > 1 ? 'Interleaved1F1B' : '1F1B' } : {}),
    context_parallel_degree: plan.contextParallel,
  }
  const sections: Record<string, Record<string, Value>> = {
    job: { dump_folder: request.paths?.checkpoints ?? './outputs', description: `${flavor}, planned by Kumiki` },
    metrics: { log_freq: 10 },
    model: { name: 'llama3', flavor, hf_assets_path: request.paths?.tokenizerModel ?? './assets/tokenizer' },
    optimizer: {
      name: 'AdamW',
      lr: recipe.learningRate,
      beta1: recipe.beta1,
      beta2: recipe.beta2,
      eps: recipe.epsilon,
      weight_decay: recipe.weightDecay,
    },
    lr_scheduler: schedule,
    training: {
      // With a pipeline, a rank's share of the global batch is one local batch, split into micro-batches; without,
      // gradients are accumulated.
      local_batch_size: pipeline ? plan.globalBatchSize / plan.dataParallel : plan.microBatchSize,
      global_batch_size: plan.globalBatchSize,
      seq_len: plan.sequenceLength,
      max_norm: recipe.maxGradNorm,
      steps: recipe.trainSteps,
      dataset: 'c4',
    },
    parallelism: {
      ...axes,
      ...cut,
      ...(pipeline ? { pipeline_parallel_microbatch_size: plan.microBatchSize } : {}),
    },
    checkpoint: { enable: true, folder: 'checkpoint', interval: request.saveInterval ?? 1000, async_mode: 'async' },
    activation_checkpoint: {
      mode: plan.recompute === 'operators' ? 'selective' : plan.recompute,
      ...(plan.recompute === 'selective' || plan.recompute === 'operators' ? { selective_ac_option: 'op' } : {}),
    },
    compile: { enable: true },
  }
  const toml = Object.entries(sections)
    .map(([name, fields]) =>
      [`[${name}]`, ...Object.entries(fields).map(([key, value]) => `${key} = ${tomlValue(value)}`)].join('\n'),
    )
    .join('\n\n')
  const where = cluster.nodes > 1 ? ' --rdzv-backend c10d --rdzv-endpoint "$MASTER_ADDR:$MASTER_PORT"' : ''
  const torchrun = `torchrun --nnodes ${cluster.nodes} --nproc-per-node ${cluster.gpusPerNode}${where} -m torchtitan.train`
  const parallelism = pipeline
    ? { ...axes, ...renamed(cut, model, plan), num_pp_microbatches: plan.microBatches }
    : axes
  return {
    python: pythonModule(request, model, plan, recipe, notes, parallelism, schedule, flavor),
    command: `PYTHONPATH=. ${torchrun} --module kumiki_job --config job`,
    toml: `${tomlNotes.map((note) => `# ${note}`).join('\n')}\n\n${toml}\n`,
    tomlCommand: `${torchrun} --job.config_file job.toml`,
    notes,
    tomlNotes,
  }
}

/** Adds the final norm and the output layer, whose module name depends on the version, to the last chunk. */
function withOutput(chunks: string[][], output: string): string[][] {
  return chunks.map((names, i) => (i === chunks.length - 1 ? [...names, 'norm', output] : names))
}

function renamed(cut: Record<string, Value>, model: ResolvedModel, plan: ResolvedPlan): Record<string, Value> {
  return 'module_fqns_per_model_part' in cut
    ? { module_fqns_per_model_part: withOutput(moduleNames(model.layers, plan), 'lm_head') }
    : cut
}

/** Strings as TOML basic strings; numbers with a point or an exponent unless they are integers. */
function tomlValue(value: Value): string {
  return typeof value === 'string' || typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/**
 * The model's sizes as torchtitan's TransformerModelArgs. It computes the MLP's width as 2/3 of 4 x hidden, times a
 * multiplier, rounded up to a multiple; with the width itself as the multiple, any product not above it rounds to
 * exactly that width.
 */
function flavorLine(flavor: string, model: ResolvedModel, request: LaunchRequest): string {
  const base = Math.floor((8 * model.hidden) / 3)
  // Padded as in Megatron-LM, so that it is divisible by the tensor parallelism.
  const padding = 128 * (request.plan.tensorParallel ?? 1)
  const multiplier = base > model.ffn ? `, ffn_dim_multiplier=${(model.ffn / base).toFixed(6)}` : ''
  return `${JSON.stringify(flavor)}: TransformerModelArgs(dim=${model.hidden}, n_layers=${model.layers}, n_heads=${model.heads}, n_kv_heads=${model.kvHeads}, vocab_size=${Math.ceil(model.vocab / padding) * padding}, multiple_of=${model.ffn}${multiplier}, norm_eps=${request.rmsNormEps ?? 1e-5}, rope_theta=${request.ropeTheta ?? 10_000})`
}

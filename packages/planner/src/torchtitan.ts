/** A plan as a torchtitan job file. Keys are those of pytorch/torchtitan at commit 2dfaa276 (its TOML configurations). */
import { validateCluster } from './gpu.ts'
import { checkRecipe, type LaunchRequest } from './megatron.ts'
import { type KnownModel, validateModel } from './model.ts'
import { validatePlan } from './parallel-plan.ts'

export interface TorchtitanJob {
  /** The job file. */
  readonly toml: string
  /** The command of one node. */
  readonly command: string
  /** What has to be done first, and what differs from the plan. */
  readonly notes: readonly string[]
}

type Value = string | number | boolean

/** torchtitan's names of Megatron-LM's decay curves; `exponential` has none. */
const decayTypes: Readonly<Record<string, string>> = { linear: 'linear', cosine: 'cosine', minus_sqrt: 'sqrt' }

/**
 * Writes a job for torchtitan's `llama3` model: dense models, bfloat16, with data, tensor, pipeline and context parallelism.
 * torchtitan has no ZeRO-1: optimizer sharding becomes fully sharded data parallelism that keeps gathered weights between forward
 * and backward. Model sizes are a flavor in Python there; the notes give the line to add.
 * @throws RangeError for what torchtitan's llama3 does not have (experts, plain MLPs, fp16, fp8, exponential decay), and as emitMegatron
 */
export function emitTorchtitan(request: LaunchRequest): TorchtitanJob {
  const model = validateModel(request.model)
  const cluster = validateCluster(request.cluster)
  const plan = validatePlan(model, cluster, request.plan)
  const recipe = checkRecipe(request.recipe)
  if (model.experts) throw new RangeError('torchtitan: mixtures of experts are not emitted; the llama3 model is dense')
  if (!model.gatedMlp || model.tiedEmbeddings || model.headDim * model.heads !== model.hidden || request.qkNorm) {
    throw new RangeError(
      'torchtitan: its llama3 has SwiGLU, untied tables, heads x headDim = hidden and no q/k norm; this model differs',
    )
  }
  if (plan.precision !== 'bf16') throw new RangeError(`torchtitan: plan.precision must be bf16, got ${plan.precision}`)
  const style = recipe.wsdDecayStyle ?? 'linear'
  if (recipe.schedule === 'wsd' && !decayTypes[style]) {
    throw new RangeError(
      `torchtitan: recipe.wsdDecayStyle ${style} has no counterpart; there are ${Object.keys(decayTypes).join(', ')}`,
    )
  }
  const notes: string[] = []
  const flavor = request.model.name ?? 'kumiki'
  notes.push(`Add a flavor to torchtitan/models/llama3: ${flavorLine(flavor, model, request)}`)
  const sharded = plan.sharding !== 'none'
  if (plan.sharding === 'optimizer') {
    notes.push(
      'The plan shards optimizer state alone (ZeRO-1); torchtitan shards weights and gradients too, and keeps gathered weights for the backward pass. Memory is lower, communication higher.',
    )
  }
  if (recipe.zLoss)
    notes.push(`The recipe has a z-loss of ${recipe.zLoss}; torchtitan has none, so this job trains without.`)
  if (recipe.schedule === 'cosine' && recipe.decaySteps !== recipe.trainSteps) {
    notes.push(`The cosine ends at step ${recipe.trainSteps} (the last) instead of ${recipe.decaySteps}.`)
  }
  notes.push('torchtitan reads text datasets, not Megatron-LM token files; training.dataset is a placeholder.')
  if (!request.paths?.tokenizerModel)
    notes.push('model.hf_assets_path is a placeholder: give the folder of a tokenizer.json.')

  const pipeline = plan.pipelineParallel > 1
  const stages = plan.pipelineParallel * plan.virtualPipeline
  const sections: Record<string, Record<string, Value | false | undefined>> = {
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
    lr_scheduler: {
      warmup_steps: recipe.warmupSteps,
      ...(recipe.schedule === 'wsd'
        ? { decay_ratio: Math.min(1, (recipe.wsdDecaySteps ?? 1) / recipe.trainSteps) }
        : {}),
      decay_type: recipe.schedule === 'wsd' ? decayTypes[style] : 'cosine',
      min_lr_factor: recipe.minLearningRate / recipe.learningRate,
    },
    training: {
      // With a pipeline a rank's whole share is one batch, cut into micro-batches; without, gradients are accumulated.
      local_batch_size: pipeline ? plan.globalBatchSize / plan.dataParallel : plan.microBatchSize,
      global_batch_size: plan.globalBatchSize,
      seq_len: plan.sequenceLength,
      max_norm: recipe.gradientClip,
      steps: recipe.trainSteps,
      dataset: 'c4',
    },
    parallelism: {
      data_parallel_replicate_degree: sharded ? 1 : plan.dataParallel,
      data_parallel_shard_degree: sharded ? plan.dataParallel : 1,
      fsdp_reshard_after_forward: plan.sharding === 'full' ? 'always' : 'never',
      tensor_parallel_degree: plan.tensorParallel,
      pipeline_parallel_degree: plan.pipelineParallel,
      ...(pipeline
        ? {
            pipeline_parallel_schedule: plan.virtualPipeline > 1 ? 'Interleaved1F1B' : '1F1B',
            pipeline_parallel_layers_per_stage: Math.ceil(model.layers / stages),
            pipeline_parallel_microbatch_size: plan.microBatchSize,
          }
        : {}),
      context_parallel_degree: plan.contextParallel,
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
      [`[${name}]`, ...Object.entries(fields).map(([key, value]) => `${key} = ${tomlValue(value as Value)}`)].join(
        '\n',
      ),
    )
    .join('\n\n')
  const where = cluster.nodes > 1 ? ' --rdzv-backend c10d --rdzv-endpoint "$MASTER_ADDR:$MASTER_PORT"' : ''
  return {
    toml: `${notes.map((note) => `# ${note}`).join('\n')}\n\n${toml}\n`,
    command: `torchrun --nnodes ${cluster.nodes} --nproc-per-node ${cluster.gpusPerNode}${where} -m torchtitan.train --job.config_file job.toml`,
    notes,
  }
}

/** Strings as TOML basic strings; numbers with a point or an exponent where they are no integers. */
function tomlValue(value: Value): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/**
 * The sizes as torchtitan's TransformerModelArgs. It computes the MLP's width as 2/3 of 4 x hidden, times a multiplier, rounded up to a
 * multiple; with the width itself as the multiple, any product not above it rounds to exactly that width.
 */
function flavorLine(flavor: string, model: KnownModel, request: LaunchRequest): string {
  const base = Math.floor((8 * model.hidden) / 3)
  // Padded as Megatron-LM pads it, so that it divides among tensor-parallel ranks.
  const padding = 128 * (request.plan.tensorParallel ?? 1)
  const multiplier = base > model.ffn ? `, ffn_dim_multiplier=${(model.ffn / base).toFixed(6)}` : ''
  return `${JSON.stringify(flavor)}: TransformerModelArgs(dim=${model.hidden}, n_layers=${model.layers}, n_heads=${model.heads}, n_kv_heads=${model.kvHeads}, vocab_size=${Math.ceil(model.vocab / padding) * padding}, multiple_of=${model.ffn}${multiplier}, norm_eps=${request.rmsNormEps ?? 1e-5}, rope_theta=${request.ropeTheta ?? 10_000})`
}

/**
 * Exports a run to be continued on Megatron-LM: weights, data, tokenizer, launch and conversion scripts, and a list of
 * what is not transferred.
 */
import { join, resolve } from 'node:path'
import type { ReleaseLevel } from '@kumiki/data'
import { makeFolder, type TokenSubset, writeIndexedDataset } from '@kumiki/data/node'
import type { ModelArchitecture } from '@kumiki/models'
import { copyTokenizerFiles, saveModel } from '@kumiki/models/node'
import type { Cluster, LaunchRecipe, LaunchRequest, ParallelPlan } from '@kumiki/planner'
import { init, type Tensor } from '@kumiki/tensor'
import { findPrecision, type RunConfiguration, scheduleOf } from '@kumiki/train'
import { originOf, type RunRecord, type RunSource } from '@kumiki/train/node'
import { exists, writeWhole } from '../files/files.ts'
import { loadCorpus } from '../train/corpus.ts'
import { hasSentencePiece, openRunTokenizer } from '../train/run-tokenizer.ts'
import { checkedUse, UsageError } from '../usage-error.ts'

export interface HandoffOptions {
  readonly run: string
  readonly out: string
  readonly cluster: Cluster
  /** Sequences per step on Megatron-LM. Default: the run's. */
  readonly globalBatchSize?: number
  /** Tokens to train on. Default: the run's remaining tokens. */
  readonly tokens?: number
  readonly megatron: 'upstream' | 'llm-jp'
}

/** The contents of handoff.json. */
export interface Handoff {
  readonly run: string
  readonly step: number
  readonly tokens: number
  /** Learning rate of the next step. */
  readonly learningRate: number
  readonly stepsLeft: number
  readonly tokensLeft: number
  readonly globalBatchSize: number
  readonly sequenceLength: number
  /** Learning rates of the run and of the launch, at fractions of the remaining steps. */
  readonly rates: readonly { readonly part: number; readonly run: number; readonly launch: number }[]
  readonly plan: ParallelPlan
  /** Token files written to data/ from the run's text; or the token files of the run, with their weights. */
  readonly data: readonly {
    readonly prefix: string
    readonly documents: number
    readonly tokens: number
    readonly weight?: number
  }[]
  readonly files: readonly string[]
  readonly convert: string
  readonly launch: string
  /** State and settings that are not transferred or differ. */
  readonly lost: readonly string[]
  readonly notes: readonly string[]
}

/** Steps of the new warm-up, because optimizer moments begin at zero. */
const warmupFor = (steps: number) => Math.min(100, Math.floor(steps / 10))

/** @throws UsageError for a run that Megatron-LM cannot continue, or if no plan fits; Error naming a file */
export async function handOff(options: HandoffOptions): Promise<Handoff> {
  const { folder, record, snapshot, step } = await originOf(options.run, {})
  const { configuration } = record
  const left = whatIsLeft(options, record, step, snapshot.tokens)
  const tokenizer = await openRunTokenizer(folder)
  const { vocabSize, eosId } = tokenizer
  const architecture: ModelArchitecture = { ...record.architecture, vocabSize, paddedVocabSize: vocabSize }
  const out = resolve(options.out)
  if (await exists(join(out, 'handoff.json')))
    throw new UsageError(`--out ${options.out}: the folder already has a handoff; give another one`)
  // Checked before anything is written.
  const lost = lostOf(record)
  const recipe = recipeOf(configuration, left, step)
  const planner = await import('@kumiki/planner')
  const model = checkedUse(() => planner.fromArchitecture(architecture, record.name))
  const found = checkedUse(() =>
    planner.plan({
      model,
      cluster: options.cluster,
      recipe: {
        globalBatchSize: left.globalBatchSize,
        sequenceLength: configuration.sequenceLength,
        precision: 'bf16',
      },
    }),
  )
  const best = found.byStability[0]
  if (!best) {
    const gpus = options.cluster.nodes * options.cluster.gpusPerNode
    const batch = left.globalBatchSize
    const divided = Math.max(1, Math.ceil(batch / gpus)) * gpus
    throw new UsageError(
      `no plan of this model fits the cluster: ${found.refusalSummary
        .slice(0, 2)
        .map(({ example }) => example)
        .join(
          '; ',
        )}${divided === batch ? '' : `. Use --global-batch ${divided}, which can be divided among ${gpus} GPUs`}`,
    )
  }
  await makeFolder(join(out, 'data'))
  const device = await init({ backend: 'cpu', threads: 1 })
  try {
    const average = snapshot.arrays.has(`optimizer.average.${firstName(snapshot.arrays)}`)
    const parameters: Record<string, Tensor> = {}
    for (const [name, { shape, data }] of snapshot.arrays)
      if (name.startsWith('params.')) parameters[name.slice('params.'.length)] = device.tensor(data, shape)
    const narrow = findPrecision(configuration.precision).parameters === 'float32' ? 'float32' : 'bfloat16'
    await saveModel(join(out, 'model'), architecture, parameters, {
      dtype: narrow,
      ...(tokenizer.bosId >= 0 && { bosTokenId: tokenizer.bosId }),
      eosTokenId: eosId,
    })
    if (average)
      lost.push(
        'the moving average of the weights: the weights themselves are transferred, from which training continues',
      )
  } finally {
    device.dispose()
  }
  await copyTokenizerFiles(folder, join(out, 'model'))
  const data = await writeData(out, record, tokenizer)
  const request: LaunchRequest = {
    model: { ...model, name: record.name },
    cluster: options.cluster,
    plan: best.estimate.plan,
    recipe,
    megatron: options.megatron,
    ropeTheta: architecture.ropeTheta,
    rmsNormEps: architecture.rmsNormEps,
    initializerRange: architecture.initializerRange,
    qkNorm: architecture.qkNorm ?? false,
    maxPositionEmbeddings: architecture.maxPositionEmbeddings,
    paths: {
      tokenizerModel: (await hasSentencePiece(folder)) ? 'model/tokenizer.model' : 'model',
      data: data.flatMap(({ prefix, tokens, weight }) => [String(weight ?? tokens), prefix]),
      checkpoints: 'checkpoints',
    },
  }
  const launch = checkedUse(() => planner.emitMegatron(request))
  // Applies only while --load has no checkpoint: Megatron-LM then loads only the weights (as with --finetune). A
  // restart uses its own checkpoints.
  const pretrained = ['--pretrained-checkpoint', 'imported']
  const command = `${launch.command} ${pretrained.join(' ')}`
  const slurm = checkedUse(() => planner.emitSlurm(request))
    .replace(' pretrain_gpt.py ', ' "$MEGATRON_LM/pretrain_gpt.py" ')
    .replace(/\s*$/, ` \\\n    ${pretrained.join(' ')}\n`)
  const conversion = 'import --hf-model "$HANDOFF/model" --megatron-path "$HANDOFF/imported" --torch-dtype bfloat16'
  const convert = `scripts/conversion/convert.sh ${conversion}`
  const handoff: Handoff = {
    run: folder,
    step,
    tokens: snapshot.tokens,
    learningRate: left.learningRate,
    stepsLeft: left.steps,
    tokensLeft: left.tokens,
    globalBatchSize: left.globalBatchSize,
    sequenceLength: configuration.sequenceLength,
    rates: ratesOf(configuration, recipe, left, step),
    plan: best.estimate.plan,
    data,
    files: ['model/', 'data/', 'convert.sh', 'launch.sh', 'launch.slurm', 'README.md', 'handoff.json'],
    convert,
    launch: command,
    lost,
    notes: launch.notes,
  }
  const shell = (lines: readonly string[]) =>
    `${['#!/bin/bash', 'set -eu', 'cd "$(dirname "$0")"', ...lines].join('\n')}\n`
  const files: Record<string, string> = {
    'convert.sh': shell([
      '# Needs a clone of NVIDIA-NeMo/Megatron-Bridge; set MEGATRON_BRIDGE to its path. Converts weights on the CPU.',
      'HANDOFF=$PWD',
      'cd "$MEGATRON_BRIDGE"',
      'if [ -e scripts/conversion/convert.sh ]; then',
      `  ${convert}`,
      'else # up to its release 0.5',
      `  python examples/conversion/convert_checkpoints.py ${conversion}`,
      'fi',
    ]),
    'launch.sh': shell([
      '# Set MEGATRON_LM to the path of a clone of Megatron-LM.',
      command.replace(' pretrain_gpt.py ', ' "$MEGATRON_LM/pretrain_gpt.py" '),
    ]),
    'launch.slurm': slurm,
    'README.md': readme(handoff),
    'handoff.json': `${JSON.stringify(handoff, null, 2)}\n`,
  }
  for (const [name, text] of Object.entries(files)) await writeWhole(join(out, name), text)
  return handoff
}

const firstName = (arrays: ReadonlyMap<string, unknown>) =>
  [...arrays.keys()].find((name) => name.startsWith('params.'))?.slice('params.'.length) ?? ''

interface Left {
  readonly steps: number
  readonly tokens: number
  readonly globalBatchSize: number
  /** Learning rates of the next step and of the last. */
  readonly learningRate: number
  readonly final: number
}

function whatIsLeft(options: HandoffOptions, { configuration }: RunRecord, step: number, done: number): Left {
  const { batchSize, sequenceLength, steps } = configuration
  const tokens = options.tokens ?? (steps - step) * batchSize * sequenceLength
  if (tokens <= 0)
    throw new UsageError(
      `${options.run}: all ${steps} steps are done (${done.toLocaleString('en')} tokens); give the number of further tokens with --tokens`,
    )
  const globalBatchSize = options.globalBatchSize ?? batchSize
  const schedule = scheduleOf(configuration)
  // A finished run continues at its last learning rate.
  const learningRate = schedule(Math.min(step, steps - 1))
  return {
    steps: Math.max(1, Math.round(tokens / (globalBatchSize * sequenceLength))),
    tokens,
    globalBatchSize,
    learningRate,
    final: Math.min(learningRate, schedule(steps - 1)),
  }
}

/** Optimizer and schedule for Megatron-LM, whose steps are counted from the import. */
function recipeOf(configuration: RunConfiguration, left: Left, step: number): LaunchRecipe {
  const { optimizer, maxGradNorm, zLoss, warmupSteps = 0, steps, decayFraction = 0 } = configuration
  if (optimizer.kind !== 'adamw')
    throw new UsageError(
      `the run's optimizer is ${optimizer.kind}; launches support only Adam with decoupled weight decay (adamw)`,
    )
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = optimizer as unknown as Record<string, number>
  const wsd = configuration.schedule === 'wsd' || configuration.schedule === 'constant'
  const decay = configuration.schedule === 'wsd' ? Math.min(left.steps, Math.round(steps * decayFraction)) : 0
  // A run within its warm-up first completes it.
  const warmup = step < warmupSteps ? Math.min(left.steps, warmupSteps - step) : warmupFor(left.steps)
  const peak = step < warmupSteps ? (configuration.learningRate ?? left.learningRate) : left.learningRate
  return {
    learningRate: peak,
    minLearningRate: Math.min(peak, left.final),
    warmupSteps: warmup,
    schedule: wsd ? 'wsd' : 'cosine',
    trainSteps: left.steps,
    decaySteps: left.steps,
    ...(wsd && { wsdDecaySteps: Math.max(1, decay), wsdDecayStyle: 'linear' as const }),
    beta1,
    beta2,
    epsilon,
    weightDecay,
    maxGradNorm,
    zLoss: zLoss || null,
  }
}

/**
 * Learning rates of the run and of the launch over the remaining steps.
 * @see megatron/core/optimizer_param_scheduler.py
 */
function ratesOf(configuration: RunConfiguration, recipe: LaunchRecipe, left: Left, step: number): Handoff['rates'] {
  const schedule = scheduleOf(configuration)
  const { learningRate: peak, minLearningRate: low, warmupSteps, decaySteps, wsdDecaySteps = 1 } = recipe
  const launch = (at: number) => {
    if (at < warmupSteps) return (peak * (at + 1)) / warmupSteps
    if (recipe.schedule === 'wsd') {
      const from = decaySteps - wsdDecaySteps
      return at <= from ? peak : peak + (low - peak) * ((at - from) / wsdDecaySteps)
    }
    const part = (at - warmupSteps) / Math.max(1, decaySteps - warmupSteps)
    return low + ((peak - low) * (1 + Math.cos(Math.PI * Math.min(1, part)))) / 2
  }
  const steps = Math.max(1, configuration.steps - step)
  return [0, 0.1, 0.25, 0.5, 0.75, 1].map((part) => ({
    part,
    run: schedule(Math.min(configuration.steps - 1, step + Math.floor(part * (steps - 1)))),
    launch: launch(Math.floor(part * (left.steps - 1))),
  }))
}

function lostOf({ configuration, architecture }: RunRecord): string[] {
  const { precision, schedule } = configuration
  return [
    "the optimizer's moments: no tool can import them. They begin at zero, so the launch begins with a warm-up",
    'the position in the data: Megatron-LM shuffles with its own seed, and repeats documents that were already used',
    'the step count: with --pretrained-checkpoint, Megatron-LM begins at iteration 0',
    ...(typeof schedule === 'object' || ['linear', 'inverseSqrt'].includes(String(schedule))
      ? [
          `the schedule ${typeof schedule === 'object' ? schedule.kind : schedule}: the launch has a cosine from the current learning rate to the final one; handoff.json has both`,
        ]
      : []),
    ...(findPrecision(precision).fp8
      ? [`the precision ${precision}: the launch trains in bfloat16 (add --fp8-format for fp8)`]
      : []),
    ...(architecture.experts ? ["the router's settings: compare the --moe-* flags with the run"] : []),
  ]
}

async function writeData(
  out: string,
  record: RunRecord,
  tokenizer: Awaited<ReturnType<typeof openRunTokenizer>>,
): Promise<Handoff['data']> {
  if (record.tokenFiles) {
    const { readDatasetIndex } = await import('@kumiki/data/node')
    const there: Handoff['data'][number][] = []
    for (const dataset of record.tokenFiles.datasets) {
      const { documentCount, sequenceLengths } = await readDatasetIndex(dataset.prefix)
      there.push({ ...dataset, documents: documentCount, tokens: sequenceLengths.reduce((n, l) => n + l, 0) })
    }
    return there
  }
  const corpus = await loadCorpus({ ...record, seed: record.configuration.seed })
  const { vocabSize, eosId } = tokenizer
  const parts = corpus.subsets?.map(({ source, documents }) => ({ name: source.name, documents, source })) ?? [
    { name: 'train', documents: corpus.train.length, source: undefined },
  ]
  const written: Handoff['data'][number][] = []
  let at = 0
  for (const { name, documents, source } of parts) {
    const texts = corpus.train.slice(at, at + documents)
    at += documents
    const prefix = `data/${name.replaceAll(/[^\w.-]/g, '_')}_text_document`
    const ids = (function* () {
      for (const text of texts) yield tokenizer.encode(text)
    })()
    const subsets = source && ((tokens: number) => [subsetOf(source, tokens)])
    const options = { vocabSize, eosId, ...(subsets && { subsets }) }
    written.push({ prefix, ...(await writeIndexedDataset(join(out, prefix), ids, options)) })
  }
  return written
}

/** The entry of a source in the token files' metadata. */
function subsetOf({ name, language, source, licence, releaseLevel, repeats }: RunSource, tokens: number): TokenSubset {
  return {
    ...{ subset: name, language: language ?? null, source: source ?? null, licence: licence ?? null },
    ...{ releaseLevel: (releaseLevel ?? 'L3') as ReleaseLevel, repeats: repeats ?? 1, tokens },
  }
}

function readme(handoff: Handoff): string {
  const { step, tokens, learningRate, stepsLeft, tokensLeft, globalBatchSize, sequenceLength, rates, lost, notes } =
    handoff
  const n = (value: number) => value.toLocaleString('en')
  return `# Continuing from step ${n(step)} on Megatron-LM

The run has made ${n(step)} steps on ${n(tokens)} tokens; the learning rate of its next step is ${learningRate}. Remaining: ${n(tokensLeft)} tokens, ${n(stepsLeft)} steps of ${n(globalBatchSize)} x ${n(sequenceLength)}.

1. \`MEGATRON_BRIDGE=... bash convert.sh\` imports \`model/\` (Hugging Face's format) into \`imported/\`.
2. \`MEGATRON_LM=... bash launch.sh\`, or \`MEGATRON_LM=... sbatch launch.slurm\` in this folder. The first start loads \`imported/\`, a restart its own \`checkpoints/\`.
3. \`kumiki watch LOG --gpu NAME\` compares its log with the plan.

Kumiki's tests check arguments with the parsers of Megatron-LM and Megatron-Bridge, data with Megatron-LM's reader and weights with Transformers, but run neither the import nor a step of the launch: compare the first losses with the end of metrics.jsonl before using the whole allocation.

| fraction of the remaining steps | learning rate of the run | learning rate of the launch |
| --- | --- | --- |
${rates.map((r) => `| ${100 * r.part} % | ${r.run.toPrecision(4)} | ${r.launch.toPrecision(4)} |`).join('\n')}

Not transferred, or different:

${[...lost, ...notes].map((line) => `- ${line}`).join('\n')}
`
}

/** What continues a run on Megatron-LM: weights, data, tokenizer, launch, conversion, and what cannot go along. */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ReleaseLevel } from '@kumiki/data'
import { type TokenSubset, writeIndexedDataset } from '@kumiki/data/node'
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
  /** Sequences in a step there. Default: the run's. */
  readonly globalBatchSize?: number
  /** Tokens still to train on. Default: what the run has left. */
  readonly tokens?: number
  readonly megatron: 'upstream' | 'llm-jp'
}

/** handoff.json */
export interface Handoff {
  readonly run: string
  readonly step: number
  readonly tokens: number
  /** Of the next update. */
  readonly learningRate: number
  readonly stepsLeft: number
  readonly tokensLeft: number
  readonly globalBatchSize: number
  readonly sequenceLength: number
  /** The rate of the run, and of the launch, at parts of what is left. */
  readonly rates: readonly { readonly part: number; readonly run: number; readonly launch: number }[]
  readonly plan: ParallelPlan
  /** Token files of the run's own text in data/; of a run on token files those, with the weights that it gave them. */
  readonly data: readonly {
    readonly prefix: string
    readonly documents: number
    readonly tokens: number
    readonly weight?: number
  }[]
  readonly files: readonly string[]
  readonly convert: string
  readonly launch: string
  /** What does not go along, and what is not as it was. */
  readonly lost: readonly string[]
  readonly notes: readonly string[]
}

/** Updates in which a rate rises again: moments begin at zero there. */
const warmupFor = (steps: number) => Math.min(100, Math.floor(steps / 10))

/** @throws UsageError for a run that Megatron-LM cannot go on with, or where no plan fits; Error naming a file */
export async function handOff(options: HandoffOptions): Promise<Handoff> {
  const { folder, record, snapshot, step } = await originOf(options.run, {})
  const { configuration } = record
  const left = whatIsLeft(options, record, step, snapshot.tokens)
  const tokenizer = await openRunTokenizer(folder)
  const { vocabSize, eosId } = tokenizer
  const architecture: ModelArchitecture = { ...record.architecture, vocabSize, paddedVocabSize: vocabSize }
  const out = resolve(options.out)
  if (await exists(join(out, 'handoff.json')))
    throw new UsageError(`--out ${options.out}: there is a handoff in it already; give another folder`)
  // What cannot be is said before anything is written.
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
        .join('; ')}${divided === batch ? '' : `. --global-batch ${divided} can be divided among ${gpus} GPUs`}`,
    )
  }
  await mkdir(join(out, 'data'), { recursive: true })
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
      lost.push('the moving average of the weights: the weights themselves go along, as training goes on from them')
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
  // Only while --load has no checkpoint: then Megatron-LM takes the weights alone (as --finetune does). A restart goes on with its own.
  const onward = ['--pretrained-checkpoint', 'imported']
  const command = `${launch.command} ${onward.join(' ')}`
  const slurm = checkedUse(() => planner.emitSlurm(request))
    .replace(' pretrain_gpt.py ', ' "$MEGATRON_LM/pretrain_gpt.py" ')
    .replace(/\s*$/, ` \\\n    ${onward.join(' ')}\n`)
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
      '# Run inside a clone of NVIDIA-NeMo/Megatron-Bridge: MEGATRON_BRIDGE names it. Weights only, CPU is enough.',
      'HANDOFF=$PWD',
      'cd "$MEGATRON_BRIDGE"',
      'if [ -e scripts/conversion/convert.sh ]; then',
      `  ${convert}`,
      'else # up to its release 0.5',
      `  python examples/conversion/convert_checkpoints.py ${conversion}`,
      'fi',
    ]),
    'launch.sh': shell([
      '# MEGATRON_LM names a clone of Megatron-LM.',
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
  /** Of the next update, and of the last. */
  readonly learningRate: number
  readonly final: number
}

function whatIsLeft(options: HandoffOptions, { configuration }: RunRecord, step: number, done: number): Left {
  const { batchSize, sequenceLength, steps } = configuration
  const tokens = options.tokens ?? (steps - step) * batchSize * sequenceLength
  if (tokens <= 0)
    throw new UsageError(
      `${options.run}: all ${steps} steps are made (${done.toLocaleString('en')} tokens); say how many more by --tokens`,
    )
  const globalBatchSize = options.globalBatchSize ?? batchSize
  const schedule = scheduleOf(configuration)
  // Where all is trained, what comes is a continuation at the last rate.
  const learningRate = schedule(Math.min(step, steps - 1))
  return {
    steps: Math.max(1, Math.round(tokens / (globalBatchSize * sequenceLength))),
    tokens,
    globalBatchSize,
    learningRate,
    final: Math.min(learningRate, schedule(steps - 1)),
  }
}

/** Optimizer and schedule in Megatron-LM's flags, which counts its steps from the import. */
function recipeOf(configuration: RunConfiguration, left: Left, step: number): LaunchRecipe {
  const { optimizer, maxGradNorm, zLoss, warmupSteps = 0, steps, decayFraction = 0 } = configuration
  if (optimizer.kind !== 'adamw')
    throw new UsageError(
      `the run's optimizer is ${optimizer.kind}; the launches that are written have Adam with decoupled weight decay (adamw)`,
    )
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = optimizer as unknown as Record<string, number>
  const wsd = configuration.schedule === 'wsd' || configuration.schedule === 'constant'
  const decay = configuration.schedule === 'wsd' ? Math.min(left.steps, Math.round(steps * decayFraction)) : 0
  // Before the end of its own warm-up a run has that to finish.
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

/** The rate of the run and of the launch over what is left. @see megatron/core/optimizer_param_scheduler.py */
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
    "the optimizer's moments: no tool imports them. They begin at zero, so the rate rises again over the first steps of the launch",
    'the place in the data: Megatron-LM draws an order of its own from its seed, and reads documents again that were read before',
    'the count of steps: the launch begins at iteration 0, as Megatron-LM does with --pretrained-checkpoint',
    ...(typeof schedule === 'object' || ['linear', 'inverseSqrt'].includes(String(schedule))
      ? [
          `the schedule ${typeof schedule === 'object' ? schedule.kind : schedule}: the launch has a cosine from the rate now to the rate at the end; handoff.json has both`,
        ]
      : []),
    ...(findPrecision(precision).fp8
      ? [`the precision ${precision}: the launch trains in bfloat16 (--fp8-format is one flag more)`]
      : []),
    ...(architecture.experts ? ['routing is as the planner writes it: compare --moe-* with the run'] : []),
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

/** What the record beside token files says of a source. */
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
  return `# Going on with step ${n(step)} on Megatron-LM

The run has made ${n(step)} steps on ${n(tokens)} tokens; the rate of its next update is ${learningRate}. Left: ${n(tokensLeft)} tokens, ${n(stepsLeft)} steps of ${n(globalBatchSize)} x ${n(sequenceLength)}.

1. \`MEGATRON_BRIDGE=... bash convert.sh\` imports \`model/\` (Hugging Face's format) into \`imported/\`.
2. \`MEGATRON_LM=... bash launch.sh\`, or \`MEGATRON_LM=... sbatch launch.slurm\` in this folder. The first start takes \`imported/\`, a restart its own \`checkpoints/\`.
3. \`kumiki watch LOG --gpu NAME\` sets its log beside the plan.

Arguments are held against the parsers of Megatron-LM and Megatron-Bridge, the data against Megatron-LM's reader and the weights against Transformers. Neither the import nor a step of the launch has been run by Kumiki: compare the first
losses with the end of metrics.jsonl before the whole allocation is spent.

| part of what is left | rate of the run | rate of the launch |
| --- | --- | --- |
${rates.map((r) => `| ${100 * r.part} % | ${r.run.toPrecision(4)} | ${r.launch.toPrecision(4)} |`).join('\n')}

What does not go along, or is not as it was:

${[...lost, ...notes].map((line) => `- ${line}`).join('\n')}
`
}

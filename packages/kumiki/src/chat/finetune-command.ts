/** `kumiki finetune`: a model that is there, tuned on conversations, in one run folder. */
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { packedBatches, type TooLong } from '@kumiki/data'
import { countParameters, fromHuggingFaceConfig, type LoraConfig } from '@kumiki/models'
import { modelFolder } from '@kumiki/models/node'
import { type Device, type InitOptions, init } from '@kumiki/tensor'
import {
  changeRunConfiguration,
  checkRunConfiguration,
  Run,
  type RunConfiguration,
  type RunConfigurationChanges,
  RunConfigurationError,
  type RunObserver,
  runOptionsOf,
} from '@kumiki/train'
import {
  beginRun,
  folderObservers,
  keepRecord,
  listCheckpoints,
  loadCheckpointToResume,
  MetricsLog,
  RunClock,
  RunFolderError,
  type RunPlan,
  type RunTuning,
  resumeRemarks,
  resumeRun,
  Stopped,
  StopSignals,
  shellWord,
  writeFileAtomically,
} from '@kumiki/train/node'
import { readJson } from '../files/files.ts'
import { progressObserver } from '../output/progress.ts'
import { reportObserver } from '../output/run-report.ts'
import { checkRunMemory } from '../train/training-memory.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { type ChatFormat, openChatFormat } from './chat-format.ts'
import { loadTuningData, type TuningData } from './finetune-data.ts'
import { openTunedModel, saveTunedModel, type TunedModel } from './tuned-model.ts'

export interface FinetuneOptions {
  /** Folder, run folder or `hf:OWNER/NAME`. */
  readonly model?: string
  readonly data: readonly string[]
  readonly template?: string
  readonly lora?: number
  readonly loraAlpha?: number
  readonly loraTargets?: readonly string[]
  readonly basePrecision?: string
  readonly merge?: boolean
  readonly epochs?: number
  readonly evalData?: readonly string[]
  readonly evalSplit?: number
  readonly tooLong?: TooLong
  readonly overrides: RunConfigurationChanges
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  readonly out?: string
  readonly overwrite?: boolean
  readonly resume?: string
  readonly evaluateEvery?: number
  readonly checkpointEvery?: number
  readonly checkpointMinutes?: number
  readonly keep?: number
}

/** What is told of a finished fine-tuning; finetune.json in the folder has it too. */
export interface FinishedTuning {
  readonly folder: string
  readonly model: string
  /** What the folder holds: a whole model, or an adapter that needs its base. */
  readonly kind: 'model' | 'adapter'
  readonly template: string
  readonly conversations: TuningData['counts']
  readonly sequenceLength: number
  readonly parameters: number
  /** Those that were trained. */
  readonly trainable: number
  readonly steps: number
  readonly tokens: number
  readonly seconds: number
  readonly device: string
  /** On the answers of conversations that are held out, before the first step and after the last; null where none are. */
  readonly heldOut: { readonly before: number | null; readonly after: number | null; readonly tokens: number } | null
}

/** What `finetune` does where nothing is said. */
export const tuningDefaults = {
  epochs: 3,
  batchSize: 8,
  /** Of all weights, and of an adapter alone: what LoRA's and instruction tuning's papers use at this size. */
  learningRate: { full: 2e-5, lora: 2e-4 },
  warmup: 0.03,
  evalSplit: 0.05,
} as const

/** @throws Stopped for a signal; UsageError for flags that do not fit */
export async function runFinetune(options: FinetuneOptions): Promise<FinishedTuning> {
  const started = performance.now()
  try {
    return options.resume === undefined ? await begin(options, started) : await goOn(options, options.resume, started)
  } catch (error) {
    if (error instanceof RunFolderError || error instanceof RunConfigurationError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}

/** What a run works on. */
interface Prepared {
  readonly from: string
  readonly format: ChatFormat
  readonly data: TuningData
}

async function prepare(
  tuning: RunTuning,
  data: readonly string[],
  sequenceLength: number | undefined,
  listen: () => Promise<void> = async () => {},
): Promise<Prepared & { readonly architecture: ReturnType<typeof fromHuggingFaceConfig> }> {
  const from = await modelFolder(tuning.model)
  const info = await stat(from).catch(() => undefined)
  if (!info?.isDirectory())
    throw new UsageError(
      `--model ${tuning.model}: ${info ? 'it is no folder' : 'there is no such folder'}; give a model as the Hugging Face Hub has it, a finished run, or hf:OWNER/NAME`,
    )
  const architecture = fromHuggingFaceConfig(await readJson(join(from, 'config.json')))
  const format = await openChatFormat(from, tuning.template)
  if (format.vocabSize > architecture.vocabSize)
    throw new Error(
      `${from}: the tokenizer has ${format.vocabSize} tokens, the model only ${architecture.vocabSize} rows; they do not belong together`,
    )
  if (format.endIds.length === 0)
    log(`${format.name}: no special token ends an answer, so the model will not learn where to stop`)
  const contextLength = architecture.maxPositionEmbeddings
  if (sequenceLength !== undefined && sequenceLength > contextLength)
    throw new UsageError(`--sequence-length ${sequenceLength} is above the model's context of ${contextLength}`)
  const { tooLong, heldOut } = tuning
  const read = await loadTuningData(format, { data, heldOut, sequenceLength, contextLength, tooLong, listen })
  return { from, format, data: read, architecture }
}

async function begin(options: FinetuneOptions, started: number): Promise<FinishedTuning> {
  const { model, data, overrides } = options
  if (model === undefined) throw new UsageError('--model is missing: give a folder or hf:OWNER/NAME')
  if (data.length === 0)
    throw new UsageError('--data is missing: give JSON lines of {"messages":[...]}, or {"prompt":...,"completion":...}')
  if (options.overwrite && options.out === undefined)
    throw new UsageError('--overwrite removes the run that is in --out: give --out FOLDER too')
  const tuning = tuningOf(options, model)
  const { sequenceLength } = overrides
  const prepared = await prepare(tuning, data, sequenceLength)
  const { architecture } = prepared
  const configuration = configurationOf(options, prepared.data, architecture.vocabSize)
  const name = `finetune-${model.replace(/^hf:/, '').split(/[\\/]/).filter(Boolean).at(-1)}`
  const plan = await beginRun(
    { name, architecture, configuration, tuning },
    {
      data,
      folder: options.out,
      overwrite: options.overwrite,
      cadence: cadenceFrom(options),
      // An adapter takes far less than the formulas of full training say.
      check: (run) => (tuning.adapter ? undefined : checkRunMemory(run, options.device)),
    },
  )
  return inFolder(plan, prepared, options, started)
}

async function goOn(options: FinetuneOptions, run: string, started: number): Promise<FinishedTuning> {
  const fixed = (
    [
      'model',
      'template',
      'lora',
      'loraAlpha',
      'basePrecision',
      'merge',
      'epochs',
      'evalSplit',
      'tooLong',
      'out',
      'overwrite',
    ] as const
  ).find((flag) => options[flag] !== undefined)
  if (fixed !== undefined || options.data.length > 0)
    throw new UsageError(
      `--${(fixed ?? 'data').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} cannot be changed with --resume: the run goes on as run.json says; --steps, --learning-rate, --schedule, --batch-size, --device, --threads and the checkpoints can be`,
    )
  const plan = await resumeRun(run, options.overrides, { cadence: cadenceFrom(options) })
  const { tuning, data, configuration } = plan.record
  try {
    if (!tuning)
      throw new UsageError(
        `--resume ${run}: it is no fine-tuning; go on with: kumiki train --resume ${shellWord(plan.folder.path)}`,
      )
    const prepared = await prepare(tuning, data, configuration.sequenceLength)
    return await inFolder(plan, prepared, options, started)
  } catch (error) {
    await plan.folder.release()
    throw error
  }
}

const cadenceFrom = ({ checkpointEvery, checkpointMinutes, keep }: FinetuneOptions) => ({
  steps: checkpointEvery,
  minutes: checkpointMinutes,
  keep,
})

function tuningOf(options: FinetuneOptions, model: string): RunTuning {
  const { lora, loraAlpha, loraTargets, basePrecision, merge = false, template, tooLong = 'truncate' } = options
  if (lora === undefined)
    for (const [flag, value] of Object.entries({
      'lora-alpha': loraAlpha,
      'lora-targets': loraTargets,
      'base-precision': basePrecision,
      merge: merge || undefined,
    }))
      if (value !== undefined) throw new UsageError(`--${flag} goes with --lora RANK`)
  if (options.evalData && options.evalSplit !== undefined)
    throw new UsageError('--eval-data and --eval-split do not go together')
  const adapter: LoraConfig | undefined =
    lora === undefined
      ? undefined
      : {
          rank: lora,
          alpha: loraAlpha ?? 2 * lora,
          targets: !loraTargets || loraTargets.includes('all-linear') ? 'all-linear' : loraTargets,
        }
  const isName = template === undefined || /^[\w-]+$/.test(template)
  return {
    model: model.startsWith('hf:') ? model : resolve(model),
    ...(template !== undefined && { template: isName ? template : resolve(template) }),
    ...(adapter && { adapter, basePrecision: basePrecision ?? 'f32' }),
    tooLong,
    heldOut: options.evalData?.map((path) => resolve(path)) ?? options.evalSplit ?? tuningDefaults.evalSplit,
    merge,
  }
}

function configurationOf(options: FinetuneOptions, data: TuningData, vocabSize: number): RunConfiguration {
  const { overrides, lora, epochs = tuningDefaults.epochs } = options
  const { sequenceLength } = data
  const probe = packedBatches({ documents: data.train, sequenceLength, batchSize: 1 })
  const batchSize = overrides.batchSize ?? Math.min(tuningDefaults.batchSize, probe.sequencesPerEpoch)
  const steps = overrides.steps ?? Math.max(1, Math.ceil((epochs * probe.sequencesPerEpoch) / batchSize))
  const configuration: RunConfiguration = {
    steps,
    batchSize,
    accumulation: 1,
    sequenceLength,
    schedule: 'cosine',
    learningRate: tuningDefaults.learningRate[lora === undefined ? 'full' : 'lora'],
    minLearningRateRatio: 0.1,
    warmupSteps: Math.ceil(steps * tuningDefaults.warmup),
    decayFraction: 0.2,
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    maxGradNorm: 1,
    zLoss: 0,
    precision: 'f32',
    seed: 0,
    // The tokenizer is the model's; the field is of runs that train one.
    vocabSize: Math.max(260, vocabSize),
  }
  return checkRunConfiguration(changeRunConfiguration(configuration, overrides), 'finetune')
}

/** One process at work, its folder held until it is through. */
async function inFolder(
  plan: RunPlan,
  prepared: Prepared,
  options: FinetuneOptions,
  started: number,
): Promise<FinishedTuning> {
  const { folder } = plan
  let kept = (await listCheckpoints(folder.path)).findLast(({ manifest }) => manifest)?.step
  const stop = new StopSignals({
    onRequest: (signal) => log(`${signal}: stopping after the current step; a second signal ends it at once`),
    onSecond: (signal) => log(`${signal}: ended at once`),
  })
  try {
    const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
    try {
      if (!plan.resume) {
        await folder.empty()
        kept = undefined
      }
      return await tune(device, plan, prepared, options, stop, started, (step) => {
        kept = step
      })
    } finally {
      device.dispose()
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    throw new Stopped(
      error.signal,
      kept === undefined
        ? `stopped by ${error.signal}; nothing is kept`
        : `stopped by ${error.signal}; the checkpoint of step ${kept} is kept, go on with: kumiki finetune --resume ${shellWord(folder.path)}`,
      kept === undefined ? undefined : 0,
    )
  } finally {
    stop.dispose()
    await folder.release()
  }
}

async function tune(
  device: Device,
  plan: RunPlan,
  { from, format, data }: Prepared,
  options: FinetuneOptions,
  stop: StopSignals,
  started: number,
  onSaved: (step: number) => void,
): Promise<FinishedTuning> {
  const { folder, record, resume } = plan
  const { configuration, checkpoints } = record
  const tuning = record.tuning as RunTuning
  const { batchSize, sequenceLength, seed } = configuration
  const clock = new RunClock(record, started)
  const tuned = await openTunedModel(device, from, tuning, seed)
  for (const warning of tuned.warnings) log(warning)
  const batches = packedBatches({
    documents: data.train,
    sequenceLength,
    batchSize,
    seed,
    padId: format.eosId ?? 0,
  })
  const total = tuned.model.countParameters().total
  const trainable = tuned.lora ? total - countParameters(tuned.architecture).total : total
  sayWhatIsDone(plan, { format, data, device, total, trainable, batches })
  const before = resume && { ...record, configuration: resume.configuration }
  const loaded = before && (await loadCheckpointToResume(folder.path, before, configuration, resume.step, log))
  const progress = progressObserver(log)
  const first = firstEvaluation(folder.path, data, stop)
  const finish = finishObserver({ device, plan, from, format, data, tuned, clock, stop, trainable, total, first })
  const run = Run.create(
    {
      ...runOptionsOf(configuration),
      device,
      model: tuned.model,
      parameters: tuned.parameters,
      trainable: tuned.trainable,
      data: batches,
      heldOut: data.heldOut,
      cadence: {
        checkpointSteps: checkpoints.steps,
        checkpointMinutes: checkpoints.minutes,
        evaluationSteps: options.evaluateEvery ?? Math.max(1, Math.ceil(configuration.steps / 8)),
      },
    },
    [
      progress,
      first,
      ...folderObservers({
        folder,
        runId: record.id,
        configuration,
        verb: 'finetune',
        keep: checkpoints.keep,
        onSaved,
        device: device.name,
        wentBack: resume?.step !== undefined,
        seconds: () => clock.seconds(),
        stop,
        log: progress.log,
      }),
      finish,
      reportObserver(folder.path),
      keepRecord(plan, device.name, clock, { architecture: tuned.architecture }),
    ],
  )
  try {
    if (loaded) {
      await run.trainer.restore(loaded.snapshot).catch((error: Error) => {
        const frozen = /the frozen parameter (\S+) is not/.exec(error.message)?.[1]
        if (frozen)
          throw new Error(
            `${from}: it is not the model the run in ${folder.path} was begun on (${frozen} differs); put that one back`,
          )
        throw /other documents/.test(error.message)
          ? new Error(
              `${record.data.join(', ')}: these are not the conversations the run was begun on (or its template is another), so it cannot go on; put them back`,
            )
          : error
      })
      for (const line of resumeRemarks(loaded.manifest.made, configuration, run.trainer.step, device.name)) log(line)
      clock.atLeast(loaded.manifest.seconds ?? 0)
      clock.atLeast((await MetricsLog.read(join(folder.path, 'metrics.jsonl'))).seconds)
    }
    const end = await run.train(stop)
    if (end.kind === 'stopped') throw stop.signal.reason
    return finish.result()
  } finally {
    run.dispose()
  }
}

function sayWhatIsDone(
  { folder, record }: RunPlan,
  of: {
    readonly format: ChatFormat
    readonly data: TuningData
    readonly device: Device
    readonly total: number
    readonly trainable: number
    readonly batches: { readonly sequencesPerEpoch: number; readonly targetsPerEpoch: number; readonly padding: number }
  },
): void {
  const { format, data, device, batches } = of
  const { configuration, tuning } = record
  const { counts } = data
  const n = (value: number) => value.toLocaleString('en')
  log(`Tuning ${tuning?.model} by ${format.name}; run folder ${folder.path}`)
  log(
    `${n(counts.train)} conversations, ${n(counts.heldOut)} held out${counts.truncated ? `, ${n(counts.truncated)} cut to ${configuration.sequenceLength} tokens` : ''}${counts.dropped ? `, ${n(counts.dropped)} left out (too long, or no answer within the sequence)` : ''}`,
  )
  log(
    `${n(batches.sequencesPerEpoch)} sequences of ${n(configuration.sequenceLength)} tokens, ${(100 * batches.padding).toFixed(1)} % padding; ${n(batches.targetsPerEpoch)} tokens of answers are learnt in a pass, ${((configuration.steps * configuration.batchSize) / batches.sequencesPerEpoch).toFixed(1)} passes`,
  )
  log(
    `${n(of.total)} parameters, ${n(of.trainable)} of them trained; ${n(configuration.steps)} steps, learning rate ${configuration.learningRate ?? 'of the schedule'}`,
  )
  log(`Device: ${device.name}`)
}

interface FinishOptions {
  readonly device: Device
  readonly plan: RunPlan
  readonly from: string
  readonly format: ChatFormat
  readonly data: TuningData
  readonly tuned: TunedModel
  readonly clock: RunClock
  readonly stop: StopSignals
  readonly trainable: number
  readonly total: number
  readonly first: { before(): number | null }
}

/** Measures before the first step, and keeps that with the other evaluations. Give it before those who read them. */
function firstEvaluation(
  folder: string,
  { heldOut }: TuningData,
  stop: StopSignals,
): RunObserver & { before(): number | null } {
  const path = join(folder, 'evaluations.json')
  let before: number | null = null
  return {
    before: () => before,
    async onStart({ trainer }) {
      if (!heldOut) return
      if (trainer.step > 0) {
        const earlier = await readJson(path).catch(() => [])
        if (Array.isArray(earlier)) before = earlier.find((e) => e?.step === 0)?.natsPerToken ?? null
        return
      }
      before = (await trainer.evaluate(heldOut, { signal: stop.signal })).natsPerToken
      log(`Held out, before: ${before.toFixed(4)} nats per token of the answers`)
      await writeFileAtomically(path, `${JSON.stringify([{ step: 0, natsPerToken: before }])}\n`)
    },
  }
}

/** Writes the model after the last step. */
function finishObserver(options: FinishOptions): RunObserver & { result(): FinishedTuning } {
  const { device, plan, from, format, data, tuned, clock, stop } = options
  const { folder, record } = plan
  let made: FinishedTuning | undefined
  return {
    result() {
      if (!made) throw new Error('finishObserver: the run has not finished')
      return made
    },
    async onEnd({ kind }, { trainer }) {
      if (kind !== 'finished') return
      const after = data.heldOut && (await trainer.evaluate(data.heldOut, { signal: stop.signal }))
      await folder.check()
      const tuning = record.tuning as RunTuning
      await saveTunedModel(device, folder.path, from, tuned, trainer, { tuning, template: format.template })
      made = {
        folder: folder.path,
        model: tuning.model,
        kind: tuned.lora && !tuning.merge ? 'adapter' : 'model',
        template: format.name,
        conversations: data.counts,
        sequenceLength: record.configuration.sequenceLength,
        parameters: options.total,
        trainable: options.trainable,
        steps: trainer.step,
        tokens: trainer.tokens,
        seconds: clock.seconds(),
        device: device.name,
        heldOut: after ? { before: options.first.before(), after: after.natsPerToken, tokens: after.tokens } : null,
      }
      await writeFileAtomically(join(folder.path, 'finetune.json'), `${JSON.stringify(made, null, 2)}\n`)
    },
  }
}

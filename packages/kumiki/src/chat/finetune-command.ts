/** `kumiki finetune`: fine-tunes an existing model on conversations, in a run folder. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataMismatchError, packedBatches } from '@kumiki/data'
import { countParameters, fromHuggingFaceConfig } from '@kumiki/models'
import { modelFolder } from '@kumiki/models/node'
import { type Device, type InitOptions, init } from '@kumiki/tensor'
import { FrozenParameterError, Run, RunConfigurationError, runOptionsOf } from '@kumiki/train'
import {
  beginRun,
  folderObservers,
  listCheckpoints,
  loadCheckpointToResume,
  MetricsLog,
  RunClock,
  RunFolderError,
  type RunPlan,
  type RunTuning,
  resumeRemarks,
  resumeRun,
  runRecordObserver,
  Stopped,
  StopSignals,
  sameArithmetic,
  shellQuote,
} from '@kumiki/train/node'
import { readJson } from '../files/files.ts'
import { progressObserver } from '../output/progress.ts'
import { reportObserver } from '../output/run-report.ts'
import { checkRunMemory } from '../train/training-memory.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { type ChatFormat, openChatFormat } from './chat-format.ts'
import { loadTuningData, type TuningData } from './finetune-data.ts'
import { configurationOf, type FinetuneOptions, tuningOf } from './finetune-options.ts'
import { type FinishedTuning, finishObserver, firstEvaluation } from './finished-tuning.ts'
import { openTunedModel } from './tuned-model.ts'
import { printTuningPlan } from './tuning-lines.ts'

/** @throws Stopped on a signal; UsageError for invalid flags */
export async function runFinetune(options: FinetuneOptions): Promise<FinishedTuning> {
  const started = performance.now()
  try {
    return options.resume === undefined ? await begin(options, started) : await resume(options, options.resume, started)
  } catch (error) {
    if (error instanceof RunFolderError || error instanceof RunConfigurationError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}

/** The inputs of a fine-tuning run. */
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
      `--model ${tuning.model}: ${info ? 'not a folder' : 'no such folder'}; give a Hugging Face model folder, a finished run, or hf:OWNER/NAME`,
    )
  const architecture = fromHuggingFaceConfig(await readJson(join(from, 'config.json')))
  const format = await openChatFormat(from, tuning.template)
  if (format.vocabSize > architecture.vocabSize)
    throw new Error(
      `${from}: the tokenizer has ${format.vocabSize} tokens, but the model's embedding only ${architecture.vocabSize} rows; give the tokenizer of this model`,
    )
  if (format.endIds.length === 0)
    log(`${format.name}: answers do not end with a special token, so the model will not learn where to stop`)
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
    throw new UsageError('--overwrite replaces the run in --out; give --out FOLDER too')
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
      // The formulas are for full training; an adapter needs far less memory.
      check: (run) => (tuning.adapter ? undefined : checkRunMemory(run, options.device)),
    },
  )
  return inFolder(plan, prepared, options, started)
}

async function resume(options: FinetuneOptions, run: string, started: number): Promise<FinishedTuning> {
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
      `--${(fixed ?? 'data').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} cannot be changed with --resume: it is recorded in run.json; --steps, --learning-rate, --schedule, --batch-size, --device, --threads and checkpoint settings can be changed`,
    )
  const plan = await resumeRun(run, options.overrides, { cadence: cadenceFrom(options) })
  const { tuning, data, configuration } = plan.record
  try {
    if (!tuning)
      throw new UsageError(
        `--resume ${run}: not a fine-tuning run; resume it with: kumiki train --resume ${shellQuote(plan.folder.path)}`,
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

/** Runs one process with the folder locked until it ends. */
async function inFolder(
  plan: RunPlan,
  prepared: Prepared,
  options: FinetuneOptions,
  started: number,
): Promise<FinishedTuning> {
  const { folder } = plan
  let kept = (await listCheckpoints(folder.path)).findLast(({ manifest }) => manifest)?.step
  const stop = new StopSignals({
    onRequest: (signal) => log(`${signal}: stopping after the current step; a second signal exits at once`),
    onSecond: (signal) => log(`${signal}: exiting at once`),
  })
  try {
    const device = await init({
      backend: options.device,
      threads: options.threads,
      ...(plan.resume && sameArithmetic(plan.record)),
    } as InitOptions)
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
        : `stopped by ${error.signal}; the checkpoint of step ${kept} is saved; resume with: kumiki finetune --resume ${shellQuote(folder.path)}`,
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
  printTuningPlan(plan, { format, data, device, total, trainable, batches })
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
      runRecordObserver(plan, device.name, clock, { architecture: tuned.architecture }),
    ],
  )
  try {
    if (loaded) {
      await run.trainer.restore(loaded.snapshot).catch((error: Error) => {
        if (error instanceof FrozenParameterError)
          throw new Error(
            `${from}: not the model that the run in ${folder.path} began with (${error.parameter} differs); restore that model`,
          )
        throw error instanceof DataMismatchError
          ? new Error(
              `${record.data.join(', ')}: not the conversations that the run began with (or their template differs), so it cannot be resumed; restore them`,
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

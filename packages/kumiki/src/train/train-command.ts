/** `kumiki train`: text to tokenizer to model to report, in one run folder. */

import { join, resolve } from 'node:path'
import { batches, packEvaluation } from '@kumiki/data'
import { countParameters, decoderModel, flopsPerToken, type ModelArchitecture } from '@kumiki/models'
import { type Device, type InitOptions, init, type Tensor } from '@kumiki/tensor'
import type { Tokenizer } from '@kumiki/tokenizer'
import {
  findPrecision,
  Run,
  type RunConfigurationChanges,
  RunConfigurationError,
  type RunKinds,
  type RunObserver,
  runOptionsOf,
  type StepMetrics,
} from '@kumiki/train'
import {
  beginRun,
  branchRun,
  folderObservers,
  keepRecord,
  listCheckpoints,
  livePageObserver,
  loadCheckpointToResume,
  MetricsLog,
  measureMatmul,
  originWeights,
  RunClock,
  type RunDefinition,
  type RunFolder,
  RunFolderError,
  type RunPlan,
  resumeRemarks,
  resumeRun,
  Stopped,
  type StopSignal,
  StopSignals,
  shellWord,
  standardFigures,
  startFrom,
  tensorBoardObserver,
  withPause,
} from '@kumiki/train/node'
import { refuseFixedFlags, refuseOriginFlags } from '../flags/fixed-flags.ts'
import { loadKinds } from '../flags/run-kinds.ts'
import { progressObserver } from '../output/progress.ts'
import { reportObserver } from '../output/run-report.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { type Corpus, loadCorpus } from './corpus.ts'
import { type FinishedRun, finishObserver } from './finished-run.ts'
import { differenceLines } from './presets.ts'
import { resolveRun } from './run-definition.ts'
import { sampleObserver } from './run-samples.ts'
import { openRunTokenizer, trainRunTokenizer } from './run-tokenizer.ts'
import { checkRunMemory } from './training-memory.ts'
import { repeatWarnings, usedSubsets } from './used-subsets.ts'

export type { FinishedRun } from './finished-run.ts'

export interface TrainCommandOptions {
  readonly preset?: string
  readonly config?: string
  /** Files and folders of text; none: the built-in corpus. */
  readonly data: readonly string[]
  readonly overrides: RunConfigurationChanges
  /** A module with kinds of schedules and optimizers. */
  readonly kinds?: string
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  /** Run folder; default runs/NAME-DATE. */
  readonly out?: string
  /** Whether a run in `out` may be removed. */
  readonly overwrite?: boolean
  /** A run folder to go on with, or `RUN@STEP`: what stands in its run.json is taken, with `overrides` over it. */
  readonly resume?: string
  /** Steps between checkpoints. Default: a tenth of the run, at most 500. */
  readonly checkpointEvery?: number
  /** Minutes after which one is made in any case. Default 0.5. */
  readonly checkpointMinutes?: number
  /** Checkpoints that stay. Default 2. */
  readonly keep?: number
  /** Those of steps that this divides stay for good. */
  readonly keepEvery?: number
  /** `RUN@STEP`: a new run that leaves another there, with a rate that falls. */
  readonly branch?: string
  readonly decay?: { readonly steps: number } | { readonly tokens: number }
  /** Where a branch's rate ends. Default 0. */
  readonly decayTo?: number
  /** `RUN` or `RUN@STEP`: a new run that begins with that one's weights. */
  readonly from?: string
  /** Steps between evaluations. Default: an eighth of the run. */
  readonly evaluateEvery?: number
  /** Whether the model writes at every evaluation. */
  readonly sample?: boolean
  /** Evaluations without a better one that end the run. */
  readonly earlyStop?: number
  readonly maxMinutes?: number
  readonly maxTokens?: number
  readonly onNan?: 'stop' | 'rewind'
  readonly onFullDisk?: 'stop' | 'continue'
  /** Folder of event files; `true`: in the run folder. */
  readonly tensorboard?: string | true
  /** Port of the live page; `true`: any that is free. */
  readonly ui?: number | true
}

/** @throws Stopped for a signal, when everything is in a safe place; UsageError for flags that do not fit */
export async function runTrain(options: TrainCommandOptions): Promise<FinishedRun> {
  const started = performance.now()
  const kinds = await loadKinds(options.kinds)
  const plan = await asUsage(() => planOf(options, kinds))
  if (plan.record.tuning) {
    await plan.folder.release()
    throw new UsageError(
      `--resume: ${plan.folder.path} is a fine-tuning; go on with: kumiki finetune --resume ${shellWord(plan.folder.path)}`,
    )
  }
  const where: Where = { phase: 'before the first step', kept: await keptIn(plan.folder) }
  const stop = new StopSignals({
    onRequest: (signal) =>
      log(`${signal}: stopping ${where.stepping ? 'after the current step' : 'here'}; a second signal ends it at once`),
    onSecond: (signal) => log(`${signal}: ended at once. ${resumeHint(plan.folder.path, where.kept)}`),
  })
  try {
    return await asUsage(() => new TrainProcess(plan, options, kinds, stop, where, started).train())
  } catch (error) {
    throw error instanceof Stopped ? stopped(error.signal, plan.folder.path, where) : error
  } finally {
    stop.dispose()
    await plan.folder.release()
  }
}

/** A new run or one that goes on, its folder held. */
async function planOf(options: TrainCommandOptions, ownKinds: RunKinds): Promise<RunPlan> {
  const planning = {
    kinds: ownKinds,
    cadence: {
      steps: options.checkpointEvery,
      minutes: options.checkpointMinutes,
      keep: options.keep,
      keepEvery: options.keepEvery,
    },
    check: (run: Parameters<typeof checkRunMemory>[0]) => checkRunMemory(run, options.device),
    onWait: ({ pid, host }: { pid: number; host: string }, seconds: number) =>
      log(
        `Process ${pid} on ${host} holds the folder and cannot be seen from here; waiting ${seconds} s for a sign of it`,
      ),
  }
  const ways = Object.entries({ resume: options.resume, branch: options.branch, from: options.from })
  const given = ways.filter(([, run]) => run !== undefined)
  if (given.length > 1) throw new UsageError(`--${given[0][0]} and --${given[1][0]} do not go together`)
  if (options.resume !== undefined) {
    if (options.decay || options.decayTo !== undefined)
      throw new UsageError('--decay and --decay-to go with --branch RUN@STEP')
    refuseFixedFlags({ ...options, ...options.overrides })
    return resumeRun(options.resume, options.overrides, planning)
  }
  if (options.overwrite && options.out === undefined)
    throw new UsageError('--overwrite removes the run that is in --out: give --out FOLDER too')
  const { out: folder, overwrite, decay, decayTo: final } = options
  if (options.branch !== undefined) {
    refuseOriginFlags('branch', { ...options, ...options.overrides })
    if (!decay)
      throw new UsageError('--branch: how long shall the rate fall? Give --decay STEPS, or --decay "N tokens"')
    return branchRun(options.branch, { ...planning, folder, overwrite, decay, final })
  }
  if (decay || final !== undefined) throw new UsageError('--decay and --decay-to go with --branch RUN@STEP')
  if (options.from !== undefined) {
    refuseOriginFlags('from', { ...options, ...options.overrides })
    const texts = options.data.length > 0 ? options.data.map((path) => resolve(path)) : undefined
    return startFrom(options.from, { ...planning, folder, overwrite, data: texts, changes: options.overrides })
  }
  const { data: ofFile, sources, ...run } = await resolveRun({ ...options, ownKinds })
  // Paths on the command line stand over those of the file.
  const own = options.data.length > 0
  const data = own ? options.data : (ofFile ?? sources?.map(({ path }) => path) ?? [])
  return beginRun({ ...run, ...(sources && !own && { sources }) }, { ...planning, data, folder, overwrite })
}

/** A folder that cannot be taken, and a configuration that cannot be, are wrong use. */
async function asUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RunFolderError || error instanceof RunConfigurationError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}

/** Where a run has lost its device: what is on it is gone, what is on the disk is not. */
const isDeviceLost = (error: unknown): boolean =>
  error instanceof Error && error.name === 'DeviceError' && /device was lost/.test(error.message)

/** What signals are answered with. */
interface Where {
  /** What is being done. */
  phase: string
  /** Whether steps are being made. */
  stepping?: boolean
  /** The newest checkpoint; undefined before there is one. */
  kept: number | undefined
}

async function keptIn(folder: RunFolder): Promise<number | undefined> {
  return (await listCheckpoints(folder.path)).findLast(({ manifest }) => manifest)?.step
}

function resumeHint(folder: string, kept: number | undefined): string {
  return kept === undefined
    ? 'No checkpoint was made yet'
    : `The checkpoint of step ${kept} is kept; go on with: kumiki train --resume ${shellWord(folder)}`
}

function stopped(signal: StopSignal, folder: string, { phase, stepping, kept }: Where): Stopped {
  return kept === undefined
    ? new Stopped(signal, `stopped by ${signal} ${phase}; no step was made and nothing is kept`)
    : new Stopped(
        signal,
        `stopped by ${signal} ${stepping ? `at step ${kept}` : phase}; go on with: kumiki train --resume ${shellWord(folder)}`,
        0,
      )
}

/** One process at work on a run. */
class TrainProcess {
  private readonly plan: RunPlan
  private readonly options: TrainCommandOptions
  private readonly kinds: RunKinds
  private readonly stop: StopSignals
  private readonly where: Where
  private readonly clock: RunClock

  constructor(
    plan: RunPlan,
    options: TrainCommandOptions,
    kinds: RunKinds,
    stop: StopSignals,
    where: Where,
    started: number,
  ) {
    this.plan = plan
    this.options = options
    this.kinds = kinds
    this.stop = stop
    this.where = where
    this.clock = new RunClock(plan.record, started)
  }

  async train(): Promise<FinishedRun> {
    const { folder, record, resume } = this.plan
    const corpus = await loadCorpus({ ...record, seed: record.configuration.seed }).catch((error: Error) => {
      throw resume
        ? new Error(
            `${error.message}. The run was begun on it: put it back, or name its new place under data in ${join(folder.path, 'run.json')}`,
          )
        : error
    })
    let resumed = resume
    let lostAt = -1
    for (;;) {
      const { device: backend, threads } = this.options
      const device = await init({ backend, threads } as InitOptions)
      try {
        if (device.kind === 'cpu') checkRunMemory(record, 'cpu')
        if (!resumed) {
          await folder.empty()
          this.where.kept = undefined
        }
        log(`Training ${record.name} on ${corpus.name}`)
        log(`Device: ${device.name}`)
        sayRecipe(record)
        return await this.on(device, corpus, resumed)
      } catch (error) {
        // Once for every step that is reached: a device that dies at the same step again is not asked a third time.
        if (!isDeviceLost(error) || this.where.kept === undefined || this.where.kept === lostAt) throw error
        lostAt = this.where.kept
        log(`${(error as Error).message.split(';')[0]}; going on from the checkpoint of step ${lostAt} on a new device`)
        resumed = { configuration: record.configuration }
        this.where.stepping = false
      } finally {
        device.dispose()
      }
    }
  }

  private async on(device: Device, corpus: Corpus, resume: RunPlan['resume']): Promise<FinishedRun> {
    const { folder, record } = this.plan
    const { configuration, checkpoints } = record
    const path = folder.path
    const { stop, clock, where } = this
    where.phase = 'while the tokenizer trained'
    if (!resume) log(`Training a unigram tokenizer of ${configuration.vocabSize} pieces`)
    const tokenizer = resume
      ? await openRunTokenizer(path)
      : await trainRunTokenizer(path, corpus.train, configuration.vocabSize, stop.signal)
    where.phase = 'before the first step'
    const train = await this.encode(tokenizer, corpus.train)
    const heldOut = await this.encode(tokenizer, corpus.heldOut)
    const used = usedSubsets(corpus, train)
    const { vocabSize, eosId } = tokenizer
    const architecture: ModelArchitecture = { ...record.architecture, vocabSize, paddedVocabSize: vocabSize }
    log(
      `${countParameters(architecture).total.toLocaleString('en')} parameters, ${findPrecision(configuration.precision).name}; ${count(train)} training tokens, ${count(heldOut)} held out; run folder ${path}`,
    )
    const batch = configuration.batchSize * configuration.sequenceLength
    for (const line of repeatWarnings(used, (configuration.steps * batch) / total(train))) log(line)
    const before = resume && { ...record, configuration: resume.configuration }
    if (record.recipe && batch > total(train))
      log(
        `A batch reads the text ${(batch / total(train)).toFixed(1)} times; --batch-size ${Math.max(1, Math.floor(total(train) / configuration.sequenceLength))} reads it at most once`,
      )
    const loaded = before && (await loadCheckpointToResume(path, before, configuration, resume.step, log))
    const { batchSize, sequenceLength, seed, auxiliaryLoss, routerZLoss } = configuration
    const progress = progressObserver(log)
    const finish = finishObserver({
      device,
      folder,
      architecture,
      tokenizer,
      corpus,
      train,
      heldOut,
      used,
      seed,
      stop,
      clock,
    })
    const { evaluateEvery, earlyStop, maxMinutes, maxTokens, onNan, onFullDisk, sample } = this.options
    const weights = loaded ? undefined : await originWeights(record)
    const parameters = weights && toTensors(device, weights)
    const ceiling = await measureMatmul(device)
    const { steps: logged } = await MetricsLog.read(join(path, 'metrics.jsonl'))
    const live = await this.livePage(device, loaded ? logged.map(({ metrics }) => metrics) : [])
    const run = Run.create(
      {
        ...runOptionsOf(configuration, this.kinds),
        parameters,
        figures: standardFigures({ flopsPerToken: flopsPerToken(architecture, { sequenceLength }), ceiling }),
        earlyStop: earlyStop === undefined ? undefined : { patience: earlyStop },
        budget: { minutes: maxMinutes, tokens: maxTokens },
        onNonFinite: onNan,
        device,
        model: decoderModel(architecture, { auxiliaryLoss, routerZLoss }),
        data: batches({ documents: train, eosId, vocabSize, batchSize, sequenceLength, seed }),
        heldOut: packEvaluation(heldOut, sequenceLength, { eosId, vocabSize }),
        cadence: {
          checkpointSteps: checkpoints.steps,
          checkpointMinutes: checkpoints.minutes,
          evaluationSteps: evaluateEvery ?? Math.max(1, Math.ceil(configuration.steps / 8)),
        },
      },
      [
        progress,
        ...folderObservers({
          folder,
          runId: record.id,
          configuration,
          keep: checkpoints.keep,
          keepEvery: checkpoints.keepEvery,
          onWriteFailure: onFullDisk,
          onSaved: (step) => {
            where.kept = step
          },
          device: device.name,
          wentBack: resume?.step !== undefined,
          seconds: () => clock.seconds(),
          stop,
          log: progress.log,
        }),
        ...this.eventFiles(),
        ...(sample
          ? [
              sampleObserver({
                device,
                folder: path,
                tokenizer,
                prompts: corpus.prompts,
                seed,
                stop,
                log: progress.log,
              }),
            ]
          : []),
        sayRewinds(progress.log),
        this.place(),
        finish,
        reportObserver(path),
        keepRecord(this.plan, device.name, clock, {
          architecture,
          tokens: { train: total(train), heldOut: total(heldOut) },
          ...(used && { corpus: used }),
        }),
        // Up until the model and the report are written.
        ...(live ? [live] : []),
      ],
    )
    try {
      if (loaded) {
        await run.trainer.restore(loaded.snapshot).catch((error: Error) => {
          const text = /other documents/.test(error.message)
          throw text
            ? new Error(
                `${corpus.name}: it is not the text the run was begun on, so the run cannot go on; put that text back`,
              )
            : error
        })
        for (const line of resumeRemarks(
          loaded.manifest.made,
          configuration,
          run.trainer.step,
          device.name,
          this.kinds,
        ))
          log(line)
        clock.atLeast(loaded.manifest.seconds ?? 0)
        clock.atLeast((await MetricsLog.read(join(path, 'metrics.jsonl'))).seconds)
      }
      const end = await run.train(live ? withPause(stop, live.gate) : stop)
      if (end.kind === 'stopped') throw stop.signal.reason
      if (end.kind === 'finished' && end.because) log(`Ended at step ${run.trainer.step}: ${end.because}`)
      return finish.summary()
    } finally {
      await live?.close()
      run.dispose()
    }
  }

  /** The live page, where it is asked for. */
  private async livePage(device: Device, earlier: readonly Partial<StepMetrics>[]) {
    const { ui } = this.options
    if (ui === undefined) return undefined
    const { name } = this.plan.record
    const page = await livePageObserver({ name, device: device.name, earlier, port: ui === true ? 0 : ui }).catch(
      (error) => {
        throw new UsageError(`--ui: ${error.message}`)
      },
    )
    log(`Live page: ${page.url} (the token to pause and resume: ${page.token})`)
    return page
  }

  /** Event files, where they are asked for. */
  private eventFiles(): RunObserver[] {
    const { tensorboard } = this.options
    if (tensorboard === undefined) return []
    const { folder, record } = this.plan
    const to = tensorboard === true ? join(folder.path, 'tensorboard') : tensorboard
    const { name, architecture, configuration, data } = record
    return [tensorBoardObserver({ folder: to, configuration: { name, architecture, configuration, data }, log })]
  }

  /** Keeps what signals are answered with. */
  private place(): RunObserver {
    const { where, stop } = this
    return {
      onStart() {
        where.stepping = true
      },
      onEnd({ kind }) {
        if (kind !== 'finished') return
        where.stepping = false
        where.phase = 'after the last step, before the model and the report were written'
        stop.signal.throwIfAborted()
      },
    }
  }

  /** Texts as ids. Signals are heard meanwhile. */
  private async encode(tokenizer: Tokenizer, texts: readonly string[]): Promise<Int32Array[]> {
    const documents: Int32Array[] = []
    let heard = performance.now()
    for (const text of texts) {
      documents.push(tokenizer.encode(text))
      if (performance.now() - heard < 100) continue
      await this.stop.listen()
      this.stop.signal.throwIfAborted()
      heard = performance.now()
    }
    return documents
  }
}

/** What a run that follows a model's recipe does otherwise. */
function sayRecipe({ recipe, configuration, architecture }: RunDefinition): void {
  if (!recipe) return
  for (const line of differenceLines(recipe.model, recipe.differences)) log(line)
  const { batchSize, sequenceLength, vocabSize } = configuration
  const tokens = batchSize * sequenceLength
  const sizes = { ...architecture, vocabSize, paddedVocabSize: vocabSize }
  const flops = tokens * flopsPerToken(sizes, { sequenceLength })
  log(`A step is ${tokens.toLocaleString('en')} tokens, ${flops.toExponential(1)} FLOP; --batch-size makes it smaller`)
}

/** Weights by name, on a device. */
function toTensors(
  device: Device,
  weights: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
): Record<string, Tensor> {
  return Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, device.tensor(data, shape)]))
}

/** Tells of a run that goes back since a number was none. */
const sayRewinds = (say: (line: string) => void): RunObserver => ({
  onRewind: ({ fromStep, toStep, reason }) =>
    say(
      `${reason.split('; training stopped')[0]}. Gone back to step ${toStep}; the data of steps ${toStep + 1} to ${fromStep} is left out`,
    ),
})

const total = (documents: readonly Int32Array[]) => documents.reduce((n, d) => n + d.length, 0)
const count = (documents: readonly Int32Array[]) => total(documents).toLocaleString('en')

/** `kumiki train`: text to tokenizer to model to report, in one run folder. */

import { join } from 'node:path'
import { batches, packEvaluation } from '@kumiki/data'
import { countParameters, decoderModel, flopsPerToken, type ModelArchitecture } from '@kumiki/models'
import { type Device, type InitOptions, init } from '@kumiki/tensor'
import type { Tokenizer } from '@kumiki/tokenizer'
import {
  findPrecision,
  Run,
  type RunConfigurationChanges,
  RunConfigurationError,
  type RunKinds,
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
} from '@kumiki/train/node'
import { type Corpus, loadCorpus } from './corpus.ts'
import { type FinishedRun, finishObserver } from './finished-run.ts'
import { refuseFixedFlags } from './fixed-flags.ts'
import { differenceLines } from './presets.ts'
import { progressObserver } from './progress.ts'
import { resolveRun } from './run-definition.ts'
import { loadKinds } from './run-kinds.ts'
import { reportObserver } from './run-report.ts'
import { openRunTokenizer, trainRunTokenizer } from './run-tokenizer.ts'
import { checkRunMemory } from './training-memory.ts'
import { UsageError } from './usage-error.ts'
import { repeatWarnings, usedSubsets } from './used-subsets.ts'
import { log } from './verb.ts'

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
  /** Minutes after which one is made in any case. Default 10. */
  readonly checkpointMinutes?: number
  /** Checkpoints that stay. Default 2. */
  readonly keep?: number
}

/** @throws Stopped for a signal, when everything is in a safe place; UsageError for flags that do not fit */
export async function runTrain(options: TrainCommandOptions): Promise<FinishedRun> {
  const started = performance.now()
  const kinds = await loadKinds(options.kinds)
  const plan = await asUsage(() => planOf(options, kinds))
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
    cadence: { steps: options.checkpointEvery, minutes: options.checkpointMinutes, keep: options.keep },
    check: (run: Parameters<typeof checkRunMemory>[0]) => checkRunMemory(run, options.device),
    onWait: ({ pid, host }: { pid: number; host: string }, seconds: number) =>
      log(
        `Process ${pid} on ${host} holds the folder and cannot be seen from here; waiting ${seconds} s for a sign of it`,
      ),
  }
  if (options.resume !== undefined) {
    refuseFixedFlags({ ...options, ...options.overrides })
    return resumeRun(options.resume, options.overrides, planning)
  }
  if (options.overwrite && options.out === undefined)
    throw new UsageError('--overwrite removes the run that is in --out: give --out FOLDER too')
  const { out: folder, overwrite } = options
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
  return new Stopped(
    signal,
    kept === undefined
      ? `stopped by ${signal} ${phase}; no step was made and nothing is kept`
      : `stopped by ${signal} ${stepping ? `at step ${kept}` : phase}; go on with: kumiki train --resume ${shellWord(folder)}`,
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
    const { device: backend, threads } = this.options
    const device = await init({ backend, threads } as InitOptions)
    try {
      if (device.kind === 'cpu') checkRunMemory(record, 'cpu')
      if (!resume) {
        await folder.empty()
        this.where.kept = undefined
      }
      log(`Training ${record.name} on ${corpus.name}`)
      log(`Device: ${device.name}`)
      sayRecipe(record)
      return await this.on(device, corpus)
    } finally {
      device.dispose()
    }
  }

  private async on(device: Device, corpus: Corpus): Promise<FinishedRun> {
    const { folder, record, resume } = this.plan
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
    const run = Run.create(
      {
        ...runOptionsOf(configuration, this.kinds),
        device,
        model: decoderModel(architecture, { auxiliaryLoss, routerZLoss }),
        data: batches({ documents: train, eosId, vocabSize, batchSize, sequenceLength, seed }),
        heldOut: packEvaluation(heldOut, sequenceLength, { eosId, vocabSize }),
        cadence: {
          checkpointSteps: checkpoints.steps,
          checkpointMinutes: checkpoints.minutes,
          evaluationSteps: Math.max(1, Math.ceil(configuration.steps / 8)),
        },
      },
      [
        progress,
        ...folderObservers({
          folder,
          runId: record.id,
          configuration,
          keep: checkpoints.keep,
          device: device.name,
          wentBack: resume?.step !== undefined,
          seconds: () => clock.seconds(),
          stop,
          log: progress.log,
        }),
        this.place(),
        finish,
        reportObserver(path),
        keepRecord(this.plan, device.name, clock, {
          architecture,
          tokens: { train: total(train), heldOut: total(heldOut) },
          ...(used && { corpus: used }),
        }),
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
      const end = await run.train(stop)
      if (end.kind === 'stopped') throw stop.signal.reason
      return finish.summary()
    } finally {
      run.dispose()
    }
  }

  /** Keeps what signals are answered with. */
  private place(): RunObserver {
    const { where, stop } = this
    return {
      onStart() {
        where.stepping = true
      },
      onCheckpoint({ trainer }) {
        where.kept = trainer.step
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

const total = (documents: readonly Int32Array[]) => documents.reduce((n, d) => n + d.length, 0)
const count = (documents: readonly Int32Array[]) => total(documents).toLocaleString('en')

/** Trains a run in this process: device, tokenizer, data, model and observers. */
import { join } from 'node:path'
import { DataMismatchError, packEvaluation } from '@kumiki/data'
import { countParameters, decoderModel, flopsPerToken, type ModelArchitecture } from '@kumiki/models'
import { type Device, type InitOptions, init, type Tensor } from '@kumiki/tensor'
import {
  findPrecision,
  isDeviceLost,
  Run,
  type RunKinds,
  type RunObserver,
  runOptionsOf,
  type StepMetrics,
} from '@kumiki/train'
import {
  folderObservers,
  livePageObserver,
  loadCheckpointToResume,
  MetricsLog,
  measureMatmul,
  originWeights,
  RunClock,
  type RunDefinition,
  type RunPlan,
  resumeRemarks,
  runRecordObserver,
  type StopSignals,
  sameArithmetic,
  shellQuote,
  standardMetrics,
  tensorBoardObserver,
  withPause,
} from '@kumiki/train/node'
import { progressObserver } from '../output/progress.ts'
import { reportObserver } from '../output/run-report.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { loadCorpus } from './corpus.ts'
import { count, total } from './encode-texts.ts'
import { type FinishedRun, finishObserver } from './finished-run.ts'
import { differenceLines } from './presets.ts'
import { sampleObserver } from './run-samples.ts'
import { type RunText, textsOfRun, tokensOfRun } from './run-text.ts'
import { keepTokenizer, openRunTokenizer, readTokenizer, trainRunTokenizer } from './run-tokenizer.ts'
import type { StopPlace } from './stop-place.ts'
import { TokenFiles } from './token-files.ts'
import type { TrainCommandOptions } from './train-options.ts'
import { checkRunMemory } from './training-memory.ts'
import { repeatWarnings } from './used-subsets.ts'

/** Peak FLOP/s by name of device: every new device after a loss, and every run of a process, has that of the first. */
const peaks = new Map<string, number>()

async function peakOf(device: Device): Promise<number> {
  const peak = peaks.get(device.name) ?? (await measureMatmul(device))
  peaks.set(device.name, peak)
  return peak
}

/** Trains one run in this process. */
export class TrainProcess {
  private readonly plan: RunPlan
  private readonly options: TrainCommandOptions
  private readonly kinds: RunKinds
  private readonly stop: StopSignals
  private readonly where: StopPlace
  private readonly clock: RunClock
  private files: TokenFiles | undefined

  constructor(
    plan: RunPlan,
    options: TrainCommandOptions,
    kinds: RunKinds,
    stop: StopSignals,
    where: StopPlace,
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
    try {
      return await this.onDevices()
    } finally {
      this.files?.close()
    }
  }

  private async onDevices(): Promise<FinishedRun> {
    const { folder, record, resume } = this.plan
    const text = await this.text().catch((error: Error) => {
      throw resume
        ? new Error(
            `${error.message}. The run was started with this data: restore it, or set its new path under data in ${join(folder.path, 'run.json')}`,
          )
        : error
    })
    let resumed = resume
    let lostAt = -1
    for (;;) {
      const { device: backend, threads } = this.options
      const device = await init({ backend, threads, ...(resumed && sameArithmetic(record)) } as InitOptions)
      try {
        if (device.kind === 'cpu') checkRunMemory(record, 'cpu')
        if (!resumed) {
          await folder.empty()
          this.where.kept = undefined
        }
        log(`Training ${record.name} on ${text.name}`)
        log(`Device: ${device.name}`)
        logRecipe(record)
        return await this.on(device, text, resumed)
      } catch (error) {
        // Retry once per checkpoint: give up if the device is lost again before a newer checkpoint exists.
        const { kept } = this.where
        if (!isDeviceLost(error) || (kept ?? 0) === lostAt) throw error
        lostAt = kept ?? 0
        const from = kept === undefined ? 'restarting' : `resuming from the checkpoint of step ${kept}`
        log(`${error.problem}; ${from} on a new device`)
        resumed = kept === undefined ? resume : { configuration: record.configuration }
        this.where.stepping = false
      } finally {
        device.dispose()
      }
    }
  }

  /** The run's texts, or its token files with separate held-out texts. */
  private async text(): Promise<RunText> {
    const { record } = this.plan
    const seed = record.configuration.seed
    if (!record.tokenFiles) return textsOfRun(await loadCorpus({ ...record, seed }))
    const files = await TokenFiles.open(record.tokenFiles)
    this.files = files
    return tokensOfRun(files, record.heldOut)
  }

  private async on(device: Device, text: RunText, resume: RunPlan['resume']): Promise<FinishedRun> {
    const { folder, record } = this.plan
    const { configuration, checkpoints } = record
    const path = folder.path
    const { stop, clock, where } = this
    where.phase = 'while the tokenizer trained'
    if (!resume && record.tokenizer === undefined)
      log(`Training a unigram tokenizer of ${configuration.vocabSize} pieces`)
    const given = resume || record.tokenizer === undefined ? undefined : await readTokenizer(record.tokenizer)
    const tokenizer = resume
      ? await openRunTokenizer(path)
      : (given?.tokenizer ?? (await trainRunTokenizer(path, text.lines, configuration.vocabSize, stop.signal)))
    where.phase = 'before the first step'
    const { corpus, train, heldOut, tokens, used, source } = await text.encoded(tokenizer, configuration, stop)
    // Only after `encoded` has checked that it fits the token files.
    if (given) await keepTokenizer(path, given)
    const { vocabSize, eosId } = tokenizer
    const architecture: ModelArchitecture = { ...record.architecture, vocabSize, paddedVocabSize: vocabSize }
    log(
      `${countParameters(architecture).total.toLocaleString('en')} parameters, ${findPrecision(configuration.precision).name}; ${tokens.toLocaleString('en')} training tokens, ${count(heldOut)} held out; run folder ${path}`,
    )
    const batch = configuration.batchSize * configuration.sequenceLength
    // The repeats of token files already include the passes over them.
    const passes = record.tokenFiles ? 1 : (configuration.steps * batch) / tokens
    for (const line of repeatWarnings(used, passes)) log(line)
    const before = resume && { ...record, configuration: resume.configuration }
    if (record.recipe && batch > tokens)
      log(
        `Each batch reads the text ${(batch / tokens).toFixed(1)} times; with --batch-size ${Math.max(1, Math.floor(tokens / configuration.sequenceLength))} it is read at most once`,
      )
    const loaded = before && (await loadCheckpointToResume(path, before, configuration, resume.step, log))
    const { sequenceLength, seed, auxiliaryLoss, routerZLoss } = configuration
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
    const { evaluateEvery, earlyStop, maxMinutes, maxTokens, onNan, onFullDisk, sample } = record.controls ?? {}
    // Includes the time of earlier processes.
    if (loaded) {
      clock.atLeast(loaded.manifest.seconds ?? 0)
      clock.atLeast((await MetricsLog.read(join(path, 'metrics.jsonl'))).seconds)
    }
    const weights = loaded ? undefined : await originWeights(record)
    const parameters = weights && toTensors(device, weights)
    const ceiling = await peakOf(device)
    const { steps: logged } = await MetricsLog.read(join(path, 'metrics.jsonl'))
    const live = await this.livePage(device, loaded ? logged.map(({ metrics }) => metrics) : [])
    const run = Run.create(
      {
        ...runOptionsOf(configuration, this.kinds),
        parameters,
        extraMetrics: standardMetrics({ flopsPerToken: flopsPerToken(architecture, { sequenceLength }), ceiling }),
        earlyStop: earlyStop === undefined ? undefined : { patience: earlyStop },
        budget: { minutes: maxMinutes, tokens: maxTokens, spentMinutes: clock.seconds() / 60 },
        onNonFinite: onNan,
        device,
        model: decoderModel(architecture, { auxiliaryLoss, routerZLoss }),
        data: source(),
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
        logRewinds(progress.log),
        this.place(),
        finish,
        reportObserver(path),
        runRecordObserver(
          this.plan,
          device.name,
          clock,
          {
            architecture,
            tokens: { train: tokens, heldOut: total(heldOut) },
            ...(used && { corpus: used }),
          },
          progress.log,
        ),
        // Last, so that the live page stays up until the model and the report are written.
        ...(live ? [live] : []),
      ],
    )
    try {
      if (loaded) {
        await run.trainer.restore(loaded.snapshot).catch((error: Error) => {
          throw error instanceof DataMismatchError
            ? new Error(
                `${corpus.name}: not the text that the run was started with, so it cannot be resumed; restore that text`,
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
      }
      const end = await run.train(live ? withPause(stop, live.gate) : stop)
      if (end.kind === 'stopped') throw stop.signal.reason
      if (end.kind === 'finished' && end.because)
        log(
          `Ended at step ${run.trainer.step}: ${end.because}; to continue, run kumiki train --resume ${shellQuote(path)} with a larger --max-tokens, --max-minutes or --early-stop`,
        )
      return finish.summary()
    } finally {
      await live?.close()
      run.dispose()
    }
  }

  /** The live page, if `--ui` is given. */
  private async livePage(device: Device, earlier: readonly Partial<StepMetrics>[]) {
    const { ui } = this.options
    if (ui === undefined) return undefined
    const { name } = this.plan.record
    const page = await livePageObserver({ name, device: device.name, earlier, port: ui === true ? 0 : ui }).catch(
      (error) => {
        throw new UsageError(`--ui: ${error.message}`)
      },
    )
    log(`Live page: ${page.url} (token for pausing and resuming: ${page.token})`)
    return page
  }

  /** The observer of TensorBoard event files, if `--tensorboard` is given. */
  private eventFiles(): RunObserver[] {
    const { tensorboard } = this.options
    if (tensorboard === undefined) return []
    const { folder, record } = this.plan
    const to = tensorboard === true ? join(folder.path, 'tensorboard') : tensorboard
    const { name, architecture, configuration, data } = record
    return [tensorBoardObserver({ folder: to, configuration: { name, architecture, configuration, data }, log })]
  }

  /** An observer that updates the state reported at a signal. */
  private place(): RunObserver {
    const { where, stop } = this
    return {
      onStart() {
        where.stepping = true
      },
      onEnd({ kind }) {
        if (kind !== 'finished') return
        where.stepping = false
        where.phase = 'after the last step, before writing the model and the report'
        stop.signal.throwIfAborted()
      },
    }
  }
}

/** Logs how a run differs from the recipe of its preset. */
function logRecipe({ recipe, configuration, architecture }: RunDefinition): void {
  if (!recipe) return
  for (const line of differenceLines(recipe.model, recipe.differences)) log(line)
  const { batchSize, sequenceLength, vocabSize } = configuration
  const tokens = batchSize * sequenceLength
  const sizes = { ...architecture, vocabSize, paddedVocabSize: vocabSize }
  const flops = tokens * flopsPerToken(sizes, { sequenceLength })
  log(`One step: ${tokens.toLocaleString('en')} tokens, ${flops.toExponential(1)} FLOP; --batch-size changes it`)
}

/** Uploads weights to a device. */
function toTensors(
  device: Device,
  weights: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
): Record<string, Tensor> {
  return Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, device.tensor(data, shape)]))
}

/** An observer that logs rollbacks after non-finite values. */
const logRewinds = (write: (line: string) => void): RunObserver => ({
  onRewind: ({ fromStep, toStep, reason }) =>
    write(`${reason}. Rolled back to step ${toStep}; the data of steps ${toStep + 1} to ${fromStep} is skipped`),
})

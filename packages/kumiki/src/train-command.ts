/** `kumiki train`: text to tokenizer to model to report, in one run folder. */
import { join } from 'node:path'
import { batches, packEvaluation } from '@kumiki/data'
import { countParameters, decoderModel, type ModelArchitecture } from '@kumiki/models'
import { fitNgram } from '@kumiki/models/ngram'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, type InitOptions, init } from '@kumiki/tensor'
import type { Tokenizer } from '@kumiki/tokenizer'
import { findPrecision, type HeldOutText, Trainer } from '@kumiki/train'
import {
  listCheckpoints,
  MetricsLog,
  type RunFolder,
  Stopped,
  type StopSignal,
  StopSignals,
  saveModel,
  saveTokenizerConfig,
  writeFileAtomically,
} from '@kumiki/train/node'
import { type Corpus, loadCorpus } from './corpus.ts'
import { type Recipe, scheduleOf } from './recipe.ts'
import { type MadeWith, resumeRemarks, takeUp } from './resume.ts'
import { beginRun, checkMemory, goOn, type Plan } from './run-plan.ts'
import { type RunProcess, secondsOf, shellWord, writeRecord } from './run-record.ts'
import { writeReport } from './run-report.ts'
import { openRunTokenizer, trainRunTokenizer } from './run-tokenizer.ts'
import { sampleTexts } from './sampling.ts'
import { trainLoop } from './train-loop.ts'
import { log } from './verb.ts'

export interface TrainCommandOptions {
  readonly preset?: string
  readonly config?: string
  /** Files and folders of text; none: the built-in corpus. */
  readonly data: readonly string[]
  readonly overrides: Partial<Recipe>
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

interface Figures {
  readonly natsPerToken: number
  readonly bitsPerByte: number
}

export interface TrainSummary {
  readonly heldOut: Figures
  readonly baselines: { readonly unigram: Figures; readonly bigram: Figures; readonly trigram: Figures }
  readonly steps: number
  readonly tokens: number
  /** Over all processes of the run. */
  readonly seconds: number
  readonly device: string
  readonly precision: string
  readonly seed: number
  readonly parameters: number
  readonly samples: readonly { readonly label: string; readonly prompt: string; readonly text: string }[]
  readonly folder: string
}

/** @throws Stopped for a signal, when everything is in a safe place; UsageError for flags that do not fit */
export async function runTrain(options: TrainCommandOptions): Promise<TrainSummary> {
  const started = performance.now()
  const plan = options.resume === undefined ? await beginRun(options) : await goOn(options, options.resume)
  const where: Where = { phase: 'before the first step', kept: await keptIn(plan.folder) }
  const stop = new StopSignals({
    onRequest: (signal) =>
      log(`${signal}: stopping ${where.stepping ? 'after the step at hand' : 'here'}; a second one ends at once`),
    onSecond: (signal) => log(`${signal}: ended at once. ${resumeHint(plan.folder.path, where.kept)}`),
  })
  try {
    return await new Run(plan, options, stop, where, started).train()
  } catch (error) {
    throw error instanceof Stopped ? stopped(error.signal, plan.folder.path, where) : error
  } finally {
    stop.dispose()
    await plan.folder.release()
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
class Run {
  private readonly plan: Plan
  private readonly options: TrainCommandOptions
  private readonly stop: StopSignals
  private readonly where: Where
  private readonly started: number
  /** Seconds of the processes before this one. */
  private secondsBefore: number

  constructor(plan: Plan, options: TrainCommandOptions, stop: StopSignals, where: Where, started: number) {
    this.plan = plan
    this.options = options
    this.stop = stop
    this.where = where
    this.started = started
    this.secondsBefore = secondsOf(plan.record)
  }

  async train(): Promise<TrainSummary> {
    const { folder, record, resume } = this.plan
    const corpus = await loadCorpus(record.data).catch((error: Error) => {
      throw resume
        ? new Error(
            `${error.message}. The run was begun on it: put it back, or name its new place under data in ${join(folder.path, 'run.json')}`,
          )
        : error
    })
    const { device: backend, threads } = this.options
    const device = await init({ backend, threads } as InitOptions)
    try {
      if (device.kind === 'cpu') checkMemory(record, record.recipe, 'cpu')
      if (!resume) {
        await folder.empty()
        this.where.kept = undefined
      }
      log(`Training ${record.name} on ${corpus.name}`)
      log(`Device: ${device.name}`)
      return await this.on(device, corpus)
    } finally {
      device.dispose()
    }
  }

  private async on(device: Device, corpus: Corpus): Promise<TrainSummary> {
    const { folder, record, resume } = this.plan
    const { recipe } = record
    const path = folder.path
    this.where.phase = 'while the tokenizer trained'
    if (!resume) log(`Training a unigram tokenizer of ${recipe.vocabSize} pieces`)
    const tokenizer = resume
      ? await openRunTokenizer(path)
      : await trainRunTokenizer(path, corpus.train, recipe.vocabSize, this.stop.signal)
    this.where.phase = 'before the first step'
    const train = await this.encode(tokenizer, corpus.train)
    const heldOut = await this.encode(tokenizer, corpus.heldOut)
    const architecture = {
      ...record.architecture,
      vocabSize: tokenizer.vocabSize,
      paddedVocabSize: tokenizer.vocabSize,
    }
    const precision = findPrecision(recipe.precision)
    const parameters = countParameters(architecture).total
    log(
      `${parameters.toLocaleString('en')} parameters, ${precision.name}; ${count(train)} training tokens, ${count(heldOut)} held out; run folder ${path}`,
    )
    const loaded = resume && (await takeUp(path, { ...record, recipe: resume.recipe }, recipe, resume.step, log))
    const { batchSize, sequenceLength, accumulation, zLoss, seed } = recipe
    const trainer = Trainer.create({
      device,
      model: decoderModel(architecture),
      data: batches({
        documents: train,
        eosId: tokenizer.eosId,
        vocabSize: architecture.vocabSize,
        batchSize,
        sequenceLength,
        seed,
      }),
      optimizer: chain(
        clipGlobalNorm(recipe.gradientClip),
        adamw({
          beta1: recipe.beta1,
          beta2: recipe.beta2,
          epsilon: recipe.epsilon,
          weightDecay: recipe.weightDecay,
        }),
      ),
      schedule: scheduleOf(recipe),
      accumulation,
      zLoss,
      seed,
      precision,
    })
    const windows = packEvaluation(heldOut, sequenceLength, {
      eosId: tokenizer.eosId,
      vocabSize: architecture.vocabSize,
    })
    try {
      if (loaded) {
        await trainer.restore(loaded.snapshot).catch((error: Error) => {
          const text = /other documents/.test(error.message)
          throw text
            ? new Error(
                `${corpus.name}: it is not the text the run was begun on, so the run cannot go on; put that text back`,
              )
            : error
        })
        const made = loaded.manifest.made as Partial<MadeWith> | undefined
        for (const line of resumeRemarks(made, recipe, trainer.step, device.name)) log(line)
        // A process that was killed said how far it was in its metrics alone.
        const old = await MetricsLog.read(join(path, 'metrics.jsonl'))
        this.secondsBefore = Math.max(this.secondsBefore, loaded.manifest.seconds ?? 0, old.seconds)
      }
      const from = trainer.step
      const saved = (step: number) =>
        writeRecord(path, {
          ...record,
          architecture,
          tokens: { train: total(train), heldOut: total(heldOut) },
          device: device.name,
          processes: [...record.processes, this.process(device.name, from, step)],
        })
      await saved(from)
      this.where.stepping = true
      await trainLoop({
        trainer,
        recipe,
        cadence: record.checkpoints,
        folder,
        runId: record.id,
        heldOut: windows,
        stop: this.stop,
        device: device.name,
        wentBack: resume?.step !== undefined,
        seconds: () => this.seconds(),
        onSaved: async (step) => {
          this.where.kept = step
          await saved(step)
        },
        log,
      })
      if (this.stop.requested && trainer.step < recipe.steps) throw this.stop.signal.reason
      this.where.stepping = false
      this.where.phase = 'after the last step, before the model and the report were written'
      this.stop.signal.throwIfAborted()
      const summary = await this.finish({
        device,
        trainer,
        architecture,
        tokenizer,
        corpus,
        train,
        heldOut,
        windows,
        parameters,
      })
      await saved(trainer.step)
      return summary
    } finally {
      trainer.dispose()
    }
  }

  /** Model, samples, summary and report. */
  private async finish(made: {
    device: Device
    trainer: Trainer
    architecture: ModelArchitecture
    tokenizer: Tokenizer
    corpus: Corpus
    train: readonly Int32Array[]
    heldOut: readonly Int32Array[]
    windows: HeldOutText
    parameters: number
  }): Promise<TrainSummary> {
    const { device, trainer, architecture, tokenizer, corpus, train, heldOut, windows, parameters } = made
    const { folder, record } = this.plan
    const path = folder.path
    const { signal } = this.stop
    const bytes = corpus.heldOut.reduce((n, t) => n + new TextEncoder().encode(t).length, 0)
    const figures = ({ nats, natsPerToken }: { nats: number; natsPerToken: number }): Figures => ({
      natsPerToken,
      bitsPerByte: nats / Math.LN2 / bytes,
    })
    log('Held-out loss, baselines and samples')
    const result = await trainer.evaluate(windows, { signal })
    const baseline = async (order: 1 | 2 | 3) => {
      await this.stop.listen()
      signal.throwIfAborted()
      return figures(fitNgram(train, { order, vocabSize: tokenizer.vocabSize, endId: tokenizer.eosId }).score(heldOut))
    }
    const baselines = { unigram: await baseline(1), bigram: await baseline(2), trigram: await baseline(3) }
    await folder.check()
    await saveModel(path, architecture, trainer.parameters, {
      bosTokenId: tokenizer.bosId,
      eosTokenId: tokenizer.eosId,
    })
    await saveTokenizerConfig(
      path,
      { bos: '<s>', eos: '</s>', unk: '<unk>' }, // what trainUnigram calls them
      architecture.maxPositionEmbeddings,
    )
    const { seed } = record.recipe
    const samples = await sampleTexts(device, trainer, tokenizer, corpus.prompts, seed, signal)
    const summary: TrainSummary = {
      heldOut: figures(result),
      baselines,
      steps: trainer.step,
      tokens: trainer.tokens,
      seconds: this.seconds(),
      device: device.name,
      precision: trainer.precision.name,
      seed,
      parameters,
      samples,
      folder: path,
    }
    await writeFileAtomically(join(path, 'samples.json'), `${JSON.stringify(samples, null, 2)}\n`)
    await writeFileAtomically(join(path, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
    await writeReport([path], join(path, 'report.html'))
    return summary
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

  /** Seconds over all processes of the run. */
  private seconds(): number {
    return this.secondsBefore + (performance.now() - this.started) / 1000
  }

  private process(device: string, fromStep: number, step: number): RunProcess {
    const { changed, record } = this.plan
    const seconds = this.seconds() - secondsOf(record)
    return {
      started: new Date(Date.now() - (performance.now() - this.started)).toISOString(),
      device,
      fromStep,
      step,
      seconds,
      ...(Object.keys(changed).length > 0 && { changed }),
    }
  }
}

const total = (documents: readonly Int32Array[]) => documents.reduce((n, d) => n + d.length, 0)
const count = (documents: readonly Int32Array[]) => total(documents).toLocaleString('en')

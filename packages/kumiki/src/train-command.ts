/** `kumiki train`: text to tokenizer to model to report, in one run folder. */
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { countParameters, Generator } from '@kumiki/models'
import { fitNgram } from '@kumiki/models/ngram'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, type InitOptions, init } from '@kumiki/tensor'
import { loadTokenizer, type Tokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { findPrecision, Trainer } from '@kumiki/train'
import {
  listCheckpoints,
  loadCheckpoint,
  MetricsLog,
  saveCheckpoint,
  saveModel,
  writeFileAtomically,
} from '@kumiki/train/node'
import { type Corpus, loadCorpus } from './corpus.ts'
import { readJson, writeWhole } from './files.ts'
import { createProgress } from './progress.ts'
import { checkRecipe, type Recipe, type ResolvedRun, resolveRun, scheduleOf } from './recipe.ts'
import { writeReport } from './run-report.ts'
import { continueText } from './sampling.ts'
import { UsageError } from './usage-error.ts'
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
  /** A run folder to go on with, instead of everything above but device, threads and steps. */
  readonly resume?: string
  /** Steps between checkpoints. Default: a tenth of the run, at most 500. */
  readonly checkpointEvery?: number
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
  readonly seconds: number
  readonly device: string
  readonly precision: string
  readonly seed: number
  readonly parameters: number
  readonly samples: readonly { readonly label: string; readonly prompt: string; readonly text: string }[]
  readonly folder: string
}

/** What run.json holds: enough to go on with the run. */
interface RunRecord extends ResolvedRun {
  readonly version: 1
  readonly data: readonly string[]
}

/** A run that was stopped by the user: a checkpoint is there. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

export async function runTrain(options: TrainCommandOptions): Promise<TrainSummary> {
  const started = performance.now()
  const run = options.resume
    ? await readRun(options.resume, options.overrides)
    : { version: 1 as const, ...(await resolveRun(options)), data: options.data.map((p) => resolve(p)) }
  const { recipe } = run
  const folder = resolve(
    options.resume ??
      options.out ??
      join('runs', `${run.name}-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, '-')}`),
  )
  const corpus = await loadCorpus(run.data)
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  try {
    await mkdir(folder, { recursive: true })
    log(`Training ${run.name} on ${corpus.name}`)
    log(`Device: ${device.name}`)
    const tokenizer = await tokenizerFor(folder, corpus, recipe, options.resume !== undefined)
    const train = corpus.train.map((t) => tokenizer.encode(t))
    const heldOut = corpus.heldOut.map((t) => tokenizer.encode(t))
    const heldOutBytes = corpus.heldOut.reduce((n, t) => n + new TextEncoder().encode(t).length, 0)
    const architecture = { ...run.architecture, vocabSize: tokenizer.vocabSize, paddedVocabSize: tokenizer.vocabSize }
    const parameters = countParameters(architecture).total
    const precision = findPrecision(recipe.precision)
    log(
      `${parameters.toLocaleString('en')} parameters, ${precision.name}; ${count(train)} training tokens, ${count(heldOut)} held out; run folder ${folder}`,
    )
    await writeFileAtomically(
      join(folder, 'run.json'),
      `${JSON.stringify({ ...run, architecture, tokens: { train: total(train), heldOut: total(heldOut) }, device: device.name }, null, 2)}\n`,
    )

    const { beta1, beta2, epsilon, weightDecay, gradientClip, batchSize, sequenceLength, accumulation, zLoss, seed } =
      recipe
    const trainer = Trainer.create({
      device,
      architecture,
      documents: train,
      eosId: tokenizer.eosId,
      optimizer: chain(clipGlobalNorm(gradientClip), adamw({ beta1, beta2, epsilon, weightDecay })),
      schedule: scheduleOf(recipe),
      batchSize,
      sequenceLength,
      accumulation,
      zLoss,
      seed,
      precision,
    })
    if (options.resume) await takeUp(trainer, folder)
    await trainLoop(trainer, recipe, folder, heldOut, options)

    const figures = ({ nats, natsPerToken }: { nats: number; natsPerToken: number }): Figures => ({
      natsPerToken,
      bitsPerByte: nats / Math.LN2 / heldOutBytes,
    })
    log('Held-out loss, baselines and samples')
    const result = await trainer.evaluate(heldOut)
    const baseline = (order: 1 | 2 | 3) =>
      figures(fitNgram(train, { order, vocabSize: tokenizer.vocabSize, endId: tokenizer.eosId }).score(heldOut))
    await saveModel(folder, architecture, trainer.parameters, {
      bosTokenId: tokenizer.bosId,
      eosTokenId: tokenizer.eosId,
    })
    const samples = await sampleTexts(device, trainer, tokenizer, corpus, seed)
    const summary: TrainSummary = {
      heldOut: figures(result),
      baselines: { unigram: baseline(1), bigram: baseline(2), trigram: baseline(3) },
      steps: trainer.step,
      tokens: trainer.tokens,
      seconds: (performance.now() - started) / 1000,
      device: device.name,
      precision: precision.name,
      seed,
      parameters,
      samples,
      folder,
    }
    trainer.dispose()
    await writeFileAtomically(join(folder, 'samples.json'), `${JSON.stringify(samples, null, 2)}\n`)
    await writeFileAtomically(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
    await writeReport([folder], join(folder, 'report.html'))
    return summary
  } finally {
    device.dispose()
  }
}

async function trainLoop(
  trainer: Trainer,
  recipe: Recipe,
  folder: string,
  heldOut: readonly Int32Array[],
  options: TrainCommandOptions,
): Promise<void> {
  const every = options.checkpointEvery ?? Math.min(500, Math.max(1, Math.ceil(recipe.steps / 10)))
  const evaluateEvery = Math.max(1, Math.ceil(recipe.steps / 8))
  const metricsLog = await MetricsLog.open(join(folder, 'metrics.jsonl'), trainer.step)
  const evaluationsFile = join(folder, 'evaluations.json')
  const evaluations =
    trainer.step > 0
      ? ((await readJson(evaluationsFile).catch(() => [])) as { step: number }[]).filter((e) => e.step <= trainer.step)
      : []
  const progress = createProgress({ total: recipe.steps, start: trainer.step })
  let interrupted = false
  const onSignal = () => {
    interrupted = true
  }
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  try {
    // In pieces, so that no step is under way when a checkpoint or an evaluation looks at the state.
    while (trainer.step < recipe.steps && !interrupted) {
      const next = Math.min(recipe.steps, nextMultiple(trainer.step, every), nextMultiple(trainer.step, evaluateEvery))
      while (trainer.step < next && !interrupted) {
        for await (const metrics of trainer.run(Math.min(next, trainer.step + 25))) {
          await metricsLog.append(metrics)
          progress.update(metrics)
        }
      }
      if (trainer.step % evaluateEvery === 0 || trainer.step === recipe.steps) {
        const { natsPerToken } = await trainer.evaluate(heldOut)
        evaluations.push({ step: trainer.step, natsPerToken } as { step: number })
        await writeWhole(evaluationsFile, `${JSON.stringify(evaluations)}\n`)
      }
      if (trainer.step % every === 0 || trainer.step === recipe.steps || interrupted)
        await saveCheckpoint(folder, await trainer.snapshot())
    }
  } finally {
    progress.stop()
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    await metricsLog.close()
  }
  if (interrupted && trainer.step < recipe.steps)
    throw new Interrupted(`stopped at step ${trainer.step}; go on with: kumiki train --resume ${folder}`)
}

function nextMultiple(step: number, every: number): number {
  return (Math.floor(step / every) + 1) * every
}

/** The run's tokenizer: the saved one when a run is taken up, else trained on the training text. */
async function tokenizerFor(folder: string, corpus: Corpus, recipe: Recipe, resumed: boolean): Promise<Tokenizer> {
  const file = join(folder, 'tokenizer.model')
  if (resumed) {
    const bytes = await readFile(file).catch((error) => {
      throw new Error(`${file}: cannot be read (${error.code ?? error.message}); the run cannot be taken up`)
    })
    return loadTokenizer(bytes)
  }
  log(`Training a unigram tokenizer of ${recipe.vocabSize} pieces`)
  const lines = corpus.train.flatMap((t) => t.split('\n')).filter((l) => l.length > 0)
  const model = trainUnigram(lines, {
    vocabSize: recipe.vocabSize,
    byteFallback: true,
    removeExtraWhitespaces: false,
    allowWhitespaceOnlyPieces: true,
    hardVocabLimit: false,
  })
  await writeFileAtomically(file, model)
  return loadTokenizer(model)
}

async function readRun(folder: string, overrides: Partial<Recipe>): Promise<RunRecord> {
  const file = join(folder, 'run.json')
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`--resume ${folder}: there is no run.json; give the folder of a run`)
  })
  let record: RunRecord
  try {
    record = JSON.parse(text)
  } catch (error) {
    throw new Error(`${file}: is not JSON: ${(error as Error).message}`)
  }
  if (
    record?.version !== 1 ||
    !Array.isArray(record.data) ||
    typeof record.recipe !== 'object' ||
    typeof record.architecture !== 'object'
  )
    throw new Error(`${file}: is not the record of a run`)
  const { steps } = overrides
  return { ...record, recipe: checkRecipe({ ...record.recipe, ...(steps === undefined ? {} : { steps }) }, file) }
}

async function takeUp(trainer: Trainer, folder: string): Promise<void> {
  const checkpoints = await listCheckpoints(folder)
  if (checkpoints.length === 0) {
    log('There is no checkpoint yet; beginning from the first step')
    return
  }
  const { path, step } = checkpoints[checkpoints.length - 1]
  await trainer.restore(await loadCheckpoint(path))
  log(`Going on from step ${step}`)
}

async function sampleTexts(
  device: Device,
  trainer: Trainer,
  tokenizer: Tokenizer,
  corpus: Corpus,
  seed: number,
): Promise<TrainSummary['samples']> {
  const generator = new Generator(device, trainer.architecture, trainer.parameters)
  const samples = []
  for (const { label, prompt } of corpus.prompts) {
    const text = await continueText(generator, tokenizer, prompt, {
      maxTokens: 60,
      temperature: 0.7,
      topP: 0.95,
      topK: 0,
      seed,
    })
    samples.push({ label, prompt, text })
  }
  generator.dispose()
  return samples
}

const total = (documents: readonly Int32Array[]) => documents.reduce((n, d) => n + d.length, 0)
const count = (documents: readonly Int32Array[]) => total(documents).toLocaleString('en')

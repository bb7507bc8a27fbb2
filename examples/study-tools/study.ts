/**
 * The common part of the studies: a corpus, a model small enough for a CPU, and training runs with given settings.
 */
import { availableParallelism, cpus } from 'node:os'
import { batches, type EvaluationSet, packEvaluation } from '@kumiki/data'
import { builtinCorpus } from '@kumiki/data/node'
import { countParameters, type DecoderModel, decoderModel, type ModelArchitecture, nano } from '@kumiki/models'
import type { Optimizer, Schedule } from '@kumiki/optim'
import { type Device, init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { type PrecisionPolicy, Run, type RunObserver, type RunOptions, Trainer } from '@kumiki/train'
import { Command } from 'commander'

export interface StudyRunOptions {
  readonly optimizer: Optimizer
  readonly schedule: Schedule | ((step: number) => number)
  readonly seed: number
  readonly batchSize?: number
  /** Precision policy. Default: float32. */
  readonly precision?: PrecisionPolicy
}

export interface StudyOptions {
  readonly name: string
  readonly description: string
  /** Updates of one run. */
  readonly steps: number
}

const batchSize = 8
const sequenceLength = 64

/** One study: `await Study.open(...)`, runs, `close()`. */
export class Study {
  readonly device: Device
  /** Updates of one run. */
  readonly steps: number
  readonly seeds: readonly number[]
  readonly architecture: ModelArchitecture
  private readonly heldOut: EvaluationSet
  private readonly model: DecoderModel
  private readonly documents: readonly Int32Array[]
  private readonly eosId: number
  private readonly began = performance.now()

  private constructor(
    device: Device,
    steps: number,
    seeds: readonly number[],
    vocabSize: number,
    data: { documents: readonly Int32Array[]; heldOut: readonly Int32Array[]; eosId: number },
  ) {
    this.device = device
    this.steps = steps
    this.seeds = seeds
    this.documents = data.documents
    this.eosId = data.eosId
    this.architecture = {
      ...nano,
      hiddenSize: 64,
      intermediateSize: 176,
      numHiddenLayers: 2,
      numAttentionHeads: 4,
      numKeyValueHeads: 4,
      headDim: 16,
      vocabSize,
      paddedVocabSize: vocabSize,
      maxPositionEmbeddings: sequenceLength,
    }
    this.model = decoderModel(this.architecture)
    this.heldOut = packEvaluation(data.heldOut, sequenceLength, { eosId: data.eosId, vocabSize })
  }

  /** Reads the command line (--steps, --seeds, --device), the corpus and its tokenizer. */
  static async open({ name, description, steps }: StudyOptions): Promise<Study> {
    const options = new Command(name)
      .description(description)
      .option('--steps <n>', 'updates of one run', Number, steps)
      .option('--seeds <n>', 'seeds, at least 1', Number, 3)
      .option('--device <name>', 'auto, webgpu or cpu', 'cpu')
      .parse()
      .opts()
    for (const key of ['steps', 'seeds'] as const)
      if (!Number.isInteger(options[key]) || options[key] < 1)
        throw new RangeError(`--${key} must be an integer of at least 1, got ${options[key]}`)
    const corpus = await builtinCorpus()
    const tokenizer = loadTokenizer(
      trainUnigram(
        corpus.train.map(({ text }) => text),
        { vocabSize: 1024, byteFallback: true, hardVocabLimit: false },
      ),
    )
    const encode = (documents: readonly { text: string }[]) => documents.map(({ text }) => tokenizer.encode(text))
    const device = await init({ backend: options.device })
    const seeds = Array.from({ length: options.seeds }, (_, i) => i + 1)
    const study = new Study(device, options.steps, seeds, tokenizer.vocabSize, {
      documents: encode(corpus.train),
      heldOut: encode(corpus.heldOut),
      eosId: tokenizer.eosId,
    })
    const tokens = study.documents.reduce((n, d) => n + d.length + 1, 0)
    console.log(
      `${name}: ${countParameters(study.architecture).total.toLocaleString('en')} parameters, batches of ${batchSize} x ${sequenceLength} tokens from a corpus of ${tokens.toLocaleString('en')} (messages of the TypeScript ${corpus.version} compiler, Japanese and English), ${device.name}`,
    )
    return study
  }

  /**
   * Trains for `steps` updates; observers see every step.
   * @returns nats per token on held-out text
   */
  async run(
    { steps = this.steps, ...options }: StudyRunOptions & { steps?: number },
    ...observers: RunObserver[]
  ): Promise<number> {
    let heldOut = Number.NaN
    const last: RunObserver = {
      onEvaluation({ natsPerToken }) {
        heldOut = natsPerToken
      },
    }
    const run = Run.create({ ...this.options(options), steps, heldOut: this.heldOut }, [...observers, last])
    try {
      await run.train()
      return heldOut
    } finally {
      run.dispose()
    }
  }

  /**
   * A trainer, for studies that rewind or branch. The same seed gives the same weights and data order.
   */
  trainer(options: StudyRunOptions): Trainer {
    return Trainer.create(this.options(options))
  }

  private options({
    optimizer,
    schedule,
    seed,
    precision,
    batchSize: rows = batchSize,
  }: StudyRunOptions): Omit<RunOptions, 'steps'> {
    return {
      device: this.device,
      model: this.model,
      data: batches({
        documents: this.documents,
        eosId: this.eosId,
        vocabSize: this.architecture.vocabSize,
        batchSize: rows,
        sequenceLength,
        seed,
      }),
      optimizer,
      schedule,
      seed,
      precision,
    }
  }

  /** Nats per token on held-out text. */
  async evaluate(trainer: Trainer): Promise<number> {
    return (await trainer.evaluate(this.heldOut)).natsPerToken
  }

  /** The environment of the study, as a line of results.jsonl. */
  environment(): object {
    return {
      kind: 'environment',
      device: this.device.name,
      processor: cpus()[0]?.model ?? 'unknown',
      threads: availableParallelism(),
      node: process.version,
      parameters: countParameters(this.architecture).total,
      steps: this.steps,
      seeds: this.seeds,
      batchTokens: batchSize * sequenceLength,
      date: new Date().toISOString().slice(0, 10),
    }
  }

  /** Logs a line to stderr with the elapsed time. */
  log(text: string): void {
    console.error(`${((performance.now() - this.began) / 1000).toFixed(0).padStart(4)} s  ${text}`)
  }

  close(): void {
    this.log('done')
    this.device.dispose()
  }
}

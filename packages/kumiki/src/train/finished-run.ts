/** Writes the results of a finished run: model, samples and metrics. */
import { join } from 'node:path'
import { packEvaluation } from '@kumiki/data'
import { countParameters, type ModelArchitecture } from '@kumiki/models'
import { fitNgram } from '@kumiki/models/ngram'
import { saveModel, saveTokenizerConfig } from '@kumiki/models/node'
import type { Device } from '@kumiki/tensor'
import type { Run, RunObserver } from '@kumiki/train'
import { type RunClock, type RunFolder, type StopSignals, writeFileAtomically } from '@kumiki/train/node'
import type { LossFigures, RunSummary, Sample, UsedSubset } from '@kumiki/train/records'
import { sampleTexts } from '../models/sampling.ts'
import type { TextTokenizer } from '../models/text-tokenizer.ts'
import { log } from '../verb.ts'
import type { Corpus } from './corpus.ts'
import { hasSentencePiece } from './run-tokenizer.ts'

/** The results of a finished run, which summary.json contains too. */
export interface FinishedRun extends RunSummary {
  readonly samples: readonly Sample[]
  readonly folder: string
}

export interface FinishOptions {
  readonly device: Device
  readonly folder: RunFolder
  readonly architecture: ModelArchitecture
  readonly tokenizer: TextTokenizer
  readonly corpus: Corpus
  /** Training documents as token ids. */
  readonly train: readonly Int32Array[]
  readonly heldOut: readonly Int32Array[]
  /** What the run used of each source, if its text is from named sources. */
  readonly used?: readonly UsedSubset[]
  readonly seed: number
  readonly stop: StopSignals
  readonly clock: RunClock
}

/** An observer that writes the model, samples.json and summary.json when the run finishes. */
export function finishObserver(options: FinishOptions): RunObserver & { summary(): FinishedRun } {
  let made: FinishedRun | undefined
  return {
    summary() {
      if (!made) throw new Error('finishObserver: the run has not finished')
      return made
    },
    async onEnd({ kind }, run) {
      if (kind === 'finished') made = await finish(options, run)
    },
  }
}

async function finish(
  options: FinishOptions,
  { trainer, options: { heldOut: heldOutText } }: Run,
): Promise<FinishedRun> {
  const { device, folder, architecture, tokenizer, corpus, train, heldOut, used, seed, stop, clock } = options
  const path = folder.path
  const { signal } = stop
  const bytesOf = (texts: readonly string[]) => texts.reduce((n, t) => n + new TextEncoder().encode(t).length, 0)
  const bytes = bytesOf(corpus.heldOut)
  const figures = ({ nats, natsPerToken }: { nats: number; natsPerToken: number }, of = bytes): LossFigures => ({
    natsPerToken,
    bitsPerByte: nats / Math.LN2 / of,
  })
  log('Held-out loss, baselines and samples')
  const averaged = trainer.hasAverage
  const result = await trainer.evaluate(heldOutText!, { signal, averaged })
  const heldOutParts: Record<string, LossFigures> = {}
  let at = 0
  for (const { name, documents } of corpus.parts ?? []) {
    const to = at + documents
    const { eosId, vocabSize } = tokenizer
    const set = packEvaluation(heldOut.slice(at, to), heldOutText!.sequenceLength, { eosId, vocabSize })
    heldOutParts[name] = figures(
      await trainer.evaluate(set, { signal, averaged }),
      bytesOf(corpus.heldOut.slice(at, to)),
    )
    at = to
  }
  const baseline = async (order: 1 | 2 | 3) => {
    await stop.listen()
    signal.throwIfAborted()
    return figures(fitNgram(train, { order, vocabSize: tokenizer.vocabSize, endId: tokenizer.eosId }).score(heldOut))
  }
  const baselines = { unigram: await baseline(1), bigram: await baseline(2), trigram: await baseline(3) }
  await folder.check()
  const parameters = trainer.hasAverage ? trainer.averagedParameters() : trainer.parameters
  await saveModel(path, architecture, parameters, {
    ...(tokenizer.bosId >= 0 && { bosTokenId: tokenizer.bosId }),
    eosTokenId: tokenizer.eosId,
  })
  if (await hasSentencePiece(path))
    await saveTokenizerConfig(
      path,
      {
        bos: tokenizer.bosId < 0 ? '<s>' : tokenizer.idToPiece(tokenizer.bosId),
        eos: tokenizer.idToPiece(tokenizer.eosId),
        unk: tokenizer.idToPiece(tokenizer.unkId),
      },
      architecture.maxPositionEmbeddings,
    )
  const samples = await sampleTexts(device, trainer, tokenizer, corpus.prompts, seed, signal, parameters)
  if (trainer.hasAverage) trainer.disposeAverage(parameters)
  const summary: FinishedRun = {
    heldOut: figures(result),
    ...(corpus.parts && { heldOutParts }),
    ...(used && { corpus: used }),
    baselines,
    steps: trainer.step,
    tokens: trainer.tokens,
    seconds: clock.seconds(),
    device: device.name,
    precision: trainer.precision.name,
    seed,
    parameters: countParameters(architecture).total,
    samples,
    folder: path,
  }
  await writeFileAtomically(join(path, 'samples.json'), `${JSON.stringify(samples, null, 2)}\n`)
  await writeFileAtomically(join(path, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
  return summary
}

// Worker that trains the model `nano` and generates text with it.
import { batches, packEvaluation } from '@kumiki/data'
import { decoderModel, Generator, nano, streamText } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, constant, cosine, type Schedule, warmup, wsd } from '@kumiki/optim'
import { type Device, init } from '@kumiki/tensor'
import { loadTokenizer, type Tokenizer } from '@kumiki/tokenizer'
import { findPrecision, Trainer } from '@kumiki/train'
import { fetchBytes } from '../assets.ts'
import type { FromWorker, ToWorker, TrainingSettings } from './messages.ts'

const tell = (message: FromWorker) => postMessage(message)

interface Corpus {
  readonly tokenizer: Tokenizer
  readonly train: readonly Int32Array[]
  readonly heldOut: readonly Int32Array[]
}
let corpus: Promise<Corpus> | undefined
async function readCorpus(): Promise<Corpus> {
  const [model, text] = await Promise.all([fetchBytes('tokenizer.model'), fetchBytes('corpus.json')])
  const tokenizer = loadTokenizer(model)
  const { train, heldOut }: Record<'train' | 'heldOut', string[]> = JSON.parse(new TextDecoder().decode(text))
  const encode = (texts: readonly string[]) => texts.map((one) => tokenizer.encode(one))
  return { tokenizer, train: encode(train), heldOut: encode(heldOut) }
}

function scheduleOf({ schedule, rate, steps }: TrainingSettings): Schedule {
  const warm = Math.max(1, Math.round(steps / 20))
  if (schedule === 'constant') return warmup(constant(rate), warm)
  if (schedule === 'cosine')
    return warmup(cosine({ from: rate, to: rate / 10, steps: Math.max(1, steps - warm) }), warm)
  return wsd({ peak: rate, warmupSteps: warm, steps, decaySteps: Math.max(1, Math.round(steps / 5)) })
}

let device: Device | undefined
let deviceAsked: string | undefined
let trainer: Trainer | undefined
let stopping = false

async function train(settings: TrainingSettings): Promise<void> {
  corpus ??= readCorpus()
  const { tokenizer, train, heldOut } = await corpus
  trainer?.dispose()
  trainer = undefined
  if (!device || deviceAsked !== settings.device) {
    device?.dispose()
    device = await init({ backend: settings.device })
    deviceAsked = settings.device
  }
  tell({ kind: 'device', name: device.name })
  const { eosId, vocabSize } = tokenizer
  const sequenceLength = 64
  trainer = Trainer.create({
    device,
    model: decoderModel({ ...nano, vocabSize, paddedVocabSize: Math.ceil(vocabSize / 64) * 64 }),
    data: batches({ documents: train, eosId, vocabSize, batchSize: 8, sequenceLength }),
    optimizer: chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1, epsilon: settings.epsilon })),
    schedule: scheduleOf(settings),
    precision: findPrecision(settings.precision),
  })
  stopping = false
  for await (const { step, loss, tokensPerSecond } of trainer.run(settings.steps)) {
    tell({ kind: 'step', step, loss, tokensPerSecond })
    await new Promise((resolve) => setTimeout(resolve)) // yields to the event loop, which delivers a stop message
    if (stopping) break
  }
  const { natsPerToken } = await trainer.evaluate(packEvaluation(heldOut, sequenceLength, { eosId, vocabSize }))
  tell({ kind: 'trained', stopped: stopping, heldOut: natsPerToken })
}

async function generate(prompt: string, temperature: number, tokens: number): Promise<void> {
  if (!trainer || !device) return
  const { tokenizer } = await corpus!
  const generator = new Generator(device, trainer.model, trainer.parameters)
  try {
    const options = { temperature, seed: 1, stopIds: [tokenizer.eosId] }
    for await (const piece of streamText(generator, tokenizer, tokenizer.encode(prompt), tokens, options))
      tell({ kind: 'text', piece })
  } finally {
    generator.dispose()
  }
  tell({ kind: 'written' })
}

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'stop') {
    stopping = true
    return
  }
  const work = data.kind === 'train' ? train(data.settings) : generate(data.prompt, data.temperature, data.tokens)
  work.catch((error: Error) => tell({ kind: 'failed', message: error.message }))
})

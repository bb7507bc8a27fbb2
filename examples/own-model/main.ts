/**
 * Uses a custom model with the package's Trainer, checkpoints and Generator: trains half the steps, saves, resumes in a
 * new Trainer, and generates text.
 *
 *   npm start            about 20 seconds on a processor
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batches, packEvaluation } from '@kumiki/data'
import { builtinCorpus } from '@kumiki/data/node'
import { Generator } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, cosine, warmup } from '@kumiki/optim'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { bf16, Trainer } from '@kumiki/train'
import { loadCheckpoint, saveCheckpoint } from '@kumiki/train/node'
import { minimalGated } from './model.ts'

const [steps, batchSize, sequenceLength] = [300, 8, 64]
const corpus = await builtinCorpus()
const texts = corpus.train.map(({ text }) => text)
const tokenizer = loadTokenizer(trainUnigram(texts, { vocabSize: 1024, byteFallback: true, hardVocabLimit: false }))
const { vocabSize, eosId } = tokenizer
const documents = texts.map((text) => tokenizer.encode(text))
const heldOut = packEvaluation(
  corpus.heldOut.map(({ text }) => tokenizer.encode(text)),
  sequenceLength,
  { eosId, vocabSize },
)

const device = await init({ backend: 'auto' })
const model = minimalGated({ vocabSize, hiddenSize: 128, contextLength: sequenceLength })
const newTrainer = () =>
  Trainer.create({
    device,
    model,
    data: batches({ documents, eosId, vocabSize, batchSize, sequenceLength, seed: 1 }),
    optimizer: chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1 })),
    schedule: warmup(cosine({ from: 5e-3, to: 5e-4, steps: steps - 20 }), 20),
    precision: bf16,
  })
console.log(`${model.name}: ${model.countParameters().total.toLocaleString('en')} parameters, ${device.name}`)

const first = newTrainer()
for await (const { step, loss } of first.run(steps / 2)) if (step % 50 === 0) console.log(step, loss.toFixed(3))
const folder = await mkdtemp(join(tmpdir(), 'own-model-'))
const checkpoint = await saveCheckpoint(folder, await first.snapshot())
first.dispose()

const second = newTrainer()
await second.restore(await loadCheckpoint(checkpoint))
await rm(folder, { recursive: true })
for await (const { step, loss } of second.run(steps)) if (step % 50 === 0) console.log(step, loss.toFixed(3))
const { natsPerToken } = await second.evaluate(heldOut)
console.log(`held out: ${natsPerToken.toFixed(3)} nats per token`)

const generator = new Generator(device, model, second.parameters)
const ids: number[] = []
for await (const id of generator.generate(tokenizer.encode('The type'), 20, { temperature: 0.7, seed: 3 })) ids.push(id)
console.log(`The type${tokenizer.decode(ids)}`)
generator.dispose()
second.dispose()
device.dispose()

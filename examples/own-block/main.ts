/**
 * Custom parts of the decoder: a feed-forward layer, an attention and a whole block, each trained for the same number
 * of steps as the unchanged decoder.
 *
 *   npm start            about half a minute on a processor
 */
import { batches, packEvaluation } from '@kumiki/data'
import { builtinCorpus } from '@kumiki/data/node'
import { type DecoderParts, decoderModel, Generator, nano } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, cosine, warmup } from '@kumiki/optim'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { bf16, Trainer } from '@kumiki/train'
import { oneKey, parallel, squaredRelu } from './parts.ts'

const steps = Number(process.argv[2] ?? 60)
const [batchSize, sequenceLength] = [8, 64]
const corpus = await builtinCorpus()
const texts = corpus.train.map(({ text }) => text)
const tokenizer = loadTokenizer(trainUnigram(texts, { vocabSize: 1024, byteFallback: true, hardVocabLimit: false }))
const { vocabSize, eosId } = tokenizer
const documents = texts.map((text) => tokenizer.encode(text))
const heldOutIds = corpus.heldOut.map(({ text }) => tokenizer.encode(text))
const heldOut = packEvaluation(heldOutIds, sequenceLength, { eosId, vocabSize })

const architecture = {
  ...nano,
  hiddenSize: 96,
  intermediateSize: 256,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  headDim: 24,
  maxPositionEmbeddings: 128,
  vocabSize,
  paddedVocabSize: vocabSize,
}
const variants: Record<string, DecoderParts> = {
  unchanged: {},
  'squared ReLU': { feedForward: squaredRelu },
  'multi-query attention': { attention: oneKey },
  'parallel block': { block: parallel(oneKey) },
}

const device = await init({ backend: 'auto' })
for (const [name, parts] of Object.entries(variants)) {
  const model = decoderModel(architecture, { parts })
  const trainer = Trainer.create({
    ...{ device, model, precision: bf16 },
    data: batches({ documents, eosId, vocabSize, batchSize, sequenceLength, seed: 1 }),
    optimizer: chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1 })),
    schedule: warmup(cosine({ from: 5e-3, to: 5e-4, steps: Math.max(1, steps - 10) }), 10),
  })
  for await (const _ of trainer.run(steps));
  const { natsPerToken } = await trainer.evaluate(heldOut)
  const generator = new Generator(device, model, trainer.parameters)
  const ids: number[] = []
  for await (const id of generator.generate(tokenizer.encode('The type'), 12, { temperature: 0 })) ids.push(id)
  const count = model.countParameters().total.toLocaleString('en')
  console.log(
    `${name}: ${count} parameters, held out ${natsPerToken.toFixed(3)} nats per token, "${tokenizer.decode(ids)}"`,
  )
  generator.dispose()
  trainer.dispose()
  model.dispose()
}
device.dispose()

/**
 * Compares language models of different years on one corpus with equal training time: n-gram (counts), feed-forward
 * (2001), recurrent (2010), LSTM (2012), GRU (2014), Transformer (2017). Trainer, optimizer and output layer are the
 * same; the models differ in how they represent the previous tokens.
 *
 *   npm start                      20 seconds for each of fifteen models: about 8 minutes
 *   npm start -- --seconds 60
 */
import { batches, packEvaluation } from '@kumiki/data'
import { builtinCorpus } from '@kumiki/data/node'
import { fitNgram } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { lineCharts } from '@kumiki/report'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { Trainer } from '@kumiki/train'
import { Command, InvalidArgumentError } from 'commander'
import { Results, withTable } from 'example-study-tools'
import { type Era, eras } from './models.ts'

const options = new Command('language-models-through-history')
  .description('n-gram, feed-forward, recurrent, gated and Transformer language models with equal time')
  .option('--seconds <n>', 'training time of one model', seconds, 20)
  .option('--device <name>', 'auto, webgpu or cpu', 'cpu')
  .parse()
  .opts<{ seconds: number; device: 'auto' | 'webgpu' | 'cpu' }>()

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value < 1e6)) throw new InvalidArgumentError('It must be a number of seconds above 0.')
  return value
}

const [batchSize, sequenceLength] = [8, 64]
const corpus = await builtinCorpus()
const tokenizer = loadTokenizer(
  trainUnigram(
    corpus.train.map(({ text }) => text),
    { vocabSize: 1024, byteFallback: true, hardVocabLimit: false },
  ),
)
const { vocabSize, eosId } = tokenizer
const encode = (texts: readonly { text: string }[]) => texts.map(({ text }) => tokenizer.encode(text))
const [documents, heldOutDocuments] = [encode(corpus.train), encode(corpus.heldOut)]
const heldOut = packEvaluation(heldOutDocuments, sequenceLength, { eosId, vocabSize })
const heldOutBytes = corpus.heldOut.reduce((n, { text }) => n + new TextEncoder().encode(text).length, 0)
const heldOutTokens = heldOutDocuments.reduce((n, d) => n + d.length + 1, 0)
const bitsPerByte = (natsPerToken: number) => (natsPerToken * heldOutTokens) / Math.LN2 / heldOutBytes

const device = await init({ backend: options.device })
console.log(`${documents.length.toLocaleString('en')} documents, vocabulary of ${vocabSize}, ${device.name}`)

interface Trained extends Era {
  readonly parameters: number
  readonly tokens: number
  /** [seconds of training, bits per byte on held-out text] */
  readonly curve: [number, number][]
}

/**
 * Trains for the given time, not counting the first step, which compiles the kernels.
 */
async function trained(era: Era): Promise<Trained> {
  let spent = 0
  const trainer = Trainer.create({
    device,
    model: era.model,
    data: batches({ documents, eosId, vocabSize, batchSize, sequenceLength, seed: 1 }),
    optimizer: chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1 })),
    // Warmup over 20 steps; the rate decays to zero in the last quarter of the time.
    schedule: (step) =>
      era.rate * Math.min(1, (step + 1) / 20) * Math.min(1, Math.max(0, 4 * (1 - spent / options.seconds))),
  })
  let tokens = 0
  const curve: [number, number][] = []
  for await (const metrics of trainer.run(1)) tokens = metrics.tokens
  for (const share of [1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1]) {
    const until = share * options.seconds
    while (spent < until) {
      const began = performance.now()
      for await (const metrics of trainer.run(trainer.step + 1)) tokens = metrics.tokens
      spent += (performance.now() - began) / 1000
    }
    const { natsPerToken } = await trainer.evaluate(heldOut)
    curve.push([spent, bitsPerByte(natsPerToken)])
  }
  trainer.dispose()
  return { ...era, parameters: era.model.countParameters().total, tokens, curve }
}

const results = new Results(import.meta.dirname)
results.add({ kind: 'environment', device: device.name, node: process.version, seconds: options.seconds })

const ngrams = ([1, 2, 3] as const).map((order) => {
  const model = fitNgram(documents, { order, vocabSize, endId: eosId })
  const value = bitsPerByte(model.score(heldOutDocuments).natsPerToken)
  results.add({ kind: 'n-gram', order, bitsPerByte: value })
  return { label: `${order}-gram (counts)`, y: value }
})

const all: Trained[] = []
for (const era of eras(vocabSize, sequenceLength)) {
  const run = await trained(era)
  const { label, parameters, tokens, curve } = run
  console.log(`${label}, ${parameters.toLocaleString('en')} parameters: ${curve.at(-1)![1].toFixed(3)} bits per byte`)
  results.add({ kind: 'run', label, parameters, tokens, curve })
  all.push(run)
}
device.dispose()

const last = (run: Trained) => run.curve.at(-1)![1]
const labels = [...new Set(all.map(({ label }) => label))]
const of = (label: string) => all.filter((run) => run.label === label)
const best = (label: string) => of(label).reduce((a, b) => (last(b) < last(a) ? b : a))
await withTable(
  import.meta.dirname,
  'results',
  ['model', 'parameters', 'tokens seen', 'held-out bits per byte'],
  [
    ...ngrams.map(({ label, y }) => [label, 'counts', 'all', y.toFixed(3)]),
    ...all.map((run) => [
      run.label,
      run.parameters.toLocaleString('en'),
      run.tokens.toLocaleString('en'),
      last(run).toFixed(3),
    ]),
  ],
)
const common = { yLabel: 'held-out bits per byte', xScale: 'log', rules: ngrams.slice(1) } as const
await results.write({
  'history.svg': lineCharts([
    {
      ...common,
      title: 'Time: the best size of each kind',
      xLabel: 'seconds of training',
      lines: labels.map((label) => ({ label, points: best(label).curve, dots: true })),
    },
    {
      ...common,
      title: 'Parameters: every size after equal time',
      xLabel: 'parameters',
      lines: labels.map((label) => ({
        label,
        points: of(label).map((run): [number, number] => [run.parameters, last(run)]),
        dots: true,
      })),
    },
  ]),
})

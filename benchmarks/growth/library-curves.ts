/** Host time of tensor, models, train, report and ablation at increasing sizes, and how it should grow. */
import { aliases, analyze, design, fullFactorial } from '@kumiki/ablation'
import { batches } from '@kumiki/data'
import { decoderModel, decodeSafetensors, encodeSafetensors, fitNgram, Generator, nano } from '@kumiki/models'
import { adamw } from '@kumiki/optim'
import { lineChart, runReport } from '@kumiki/report'
import { init } from '@kumiki/tensor'
import { Trainer } from '@kumiki/train'
import { loadCheckpoint, saveCheckpoint } from '@kumiki/train/node'
import { decoderStep } from '../common/decoder-step.ts'
import { temporaryFolder } from './data-curves.ts'
import { type HostCurve, linear, random } from './host-curves.ts'

const cpuDevice = () => init({ backend: 'cpu', threads: 1 })

/** A model with so little arithmetic that the time of the host is what is measured. */
const tiny = {
  ...nano,
  ...{ hiddenSize: 16, intermediateSize: 32, numAttentionHeads: 2, numKeyValueHeads: 2, headDim: 8 },
  ...{ numHiddenLayers: 1, vocabSize: 64, paddedVocabSize: 64, maxPositionEmbeddings: 32 },
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `F${i + 1}`)

const trainerOf = async (architecture = tiny) => {
  const device = await cpuDevice()
  const documents = [Int32Array.from({ length: 2000 }, (_, i) => 3 + ((i * 7) % 60))]
  const data = batches({ documents, eosId: 2, vocabSize: 64, batchSize: 1, sequenceLength: 8, seed: 1 })
  return Trainer.create({ device, model: decoderModel(architecture), data, optimizer: adamw(), schedule: () => 1e-3 })
}

export const libraryCurves: readonly HostCurve[] = [
  {
    package: 'tensor',
    name: 'tracing and planning a training step',
    axis: 'layers',
    sizes: [2, 4, 8, 16, 32],
    ...linear,
    async prepare(layers) {
      const device = await cpuDevice()
      return async () => (await decoderStep(device, { ...tiny, numHiddenLayers: layers }, [1, 8])).dispose()
    },
  },
  {
    package: 'models',
    name: 'safetensors, written and read',
    axis: 'tensors',
    sizes: [100, 1_000, 10_000, 100_000],
    ...linear,
    bends: {
      allowed: 2.5,
      why: 'JSON.parse alone takes 2.6 times as long for an entry of 100,000 as for one of 1,000: ten objects each, copied by the collector and past the caches',
    },
    prepare(size) {
      const tensors = Array.from({ length: size }, (_, i) => ({
        name: `layer.${i}`,
        dtype: 'F32' as const,
        shape: [4],
        data: new Uint8Array(16).fill(i),
      }))
      return () => decodeSafetensors(encodeSafetensors(tensors))
    },
  },
  {
    package: 'models',
    name: 'counting trigrams',
    axis: 'tokens',
    sizes: [20_000, 80_000, 320_000, 1_280_000],
    ...linear,
    bends: {
      allowed: 2.5,
      why: 'a token is seven places in hash tables (1.2 looks each at every size), and those of a million tokens are past the caches',
    },
    prepare(size) {
      // Phrases with widely differing frequencies. If nearly every trigram were new, the tables would exceed every
      // cache: see README.md.
      const next = random(5)
      const phrases = Array.from({ length: 2000 }, () => Array.from({ length: 8 }, () => Math.floor(next() * 4000)))
      const document = new Int32Array(size)
      for (let i = 0; i < size; i += 8) document.set(phrases[Math.floor(next() ** 4 * phrases.length)], i)
      return () => fitNgram([document], { order: 3, vocabSize: 4000 })
    },
  },
  {
    package: 'models',
    name: 'generating token by token',
    axis: 'tokens',
    sizes: [32, 64, 128, 256, 512],
    ...linear,
    async prepare(tokens) {
      const device = await cpuDevice()
      const model = decoderModel({ ...tiny, maxPositionEmbeddings: 1024 })
      const generator = new Generator(device, model, model.initialize(device))
      return async () => {
        for await (const _ of generator.generate([3, 4, 5], tokens, { temperature: 0 }));
      }
    },
  },
  {
    package: 'train',
    name: 'a checkpoint, written and read',
    axis: 'parameters',
    // Sizes at which the arrays of a state exceed every cache.
    sizes: [2_000_000, 4_000_000, 8_000_000, 16_000_000],
    ...linear,
    bends: {
      allowed: 2.5,
      why: 'new arrays and the file cache take new pages or used ones by chance: the time of the smallest size varies by half between runs',
    },
    async prepare(parameters) {
      const folder = temporaryFolder()
      // Embedding and head have nearly all of the parameters.
      const vocabSize = parameters / 32
      const trainer = await trainerOf({ ...tiny, vocabSize, paddedVocabSize: vocabSize })
      for await (const _ of trainer.run(1));
      const snapshot = await trainer.snapshot()
      return async () => loadCheckpoint(await saveCheckpoint(folder, snapshot, { keep: 1 }))
    },
  },
  {
    package: 'train',
    name: 'a run over its steps',
    axis: 'steps',
    sizes: [50, 100, 200, 400, 800],
    ...linear,
    async prepare(steps) {
      const trainer = await trainerOf()
      return async () => {
        for await (const _ of trainer.run(trainer.step + steps));
      }
    },
  },
  {
    package: 'report',
    name: 'a chart of a curve',
    axis: 'points',
    sizes: [1_000, 10_000, 100_000, 1_000_000],
    ...linear,
    prepare(count) {
      const points = Array.from({ length: count }, (_, i) => [i, Math.sin(i / 50) + ((i * 7919) % 13) / 13] as const)
      return () => lineChart({ title: 'loss', xLabel: 'step', yLabel: 'nats', lines: [{ label: 'a', points }] })
    },
  },
  {
    package: 'report',
    name: "a run's page",
    axis: 'steps',
    sizes: [1_000, 10_000, 100_000],
    ...linear,
    prepare(steps) {
      const metrics = Array.from({ length: steps }, (_, i) => ({
        ...{ step: i + 1, tokens: 4096 * (i + 1), loss: 8 / (1 + i / 100) + ((i * 7919) % 13) / 100 },
        ...{ gradNorm: 1 + ((i * 31) % 7) / 7, learningRate: 1e-3, tokensPerSecond: 5000, seconds: i },
      }))
      return () => runReport({ name: 'a', config: {}, metrics })
    },
  },
  {
    package: 'ablation',
    name: 'analysis of 7 factors in 16 runs, repeated',
    axis: 'trainings',
    sizes: [64, 256, 1024, 4096, 16_384],
    ...linear,
    prepare(trainings) {
      const next = random(6)
      const made = design({ factors: names(7), runs: 16 })
      const responses = made.runs.map(() => Array.from({ length: trainings / 16 }, next))
      return () => analyze(made, responses, { interactions: [['F1', 'F2']] })
    },
  },
  {
    package: 'ablation',
    name: 'every combination of two levels',
    axis: 'factors',
    sizes: [4, 6, 8, 10, 12],
    work: (factors) => factors * 2 ** factors,
    expected: 'n 2^n',
    prepare: (factors) => () => fullFactorial(names(factors)),
  },
  {
    package: 'ablation',
    name: 'aliases of effects in 128 runs',
    axis: 'factors',
    sizes: [8, 9, 10, 11, 12, 13, 14, 15],
    // Every pair of factors is compared with every word of the defining relation.
    work: (factors) => factors ** 2 * 2 ** (factors - 7),
    expected: 'n^2 2^(n - 7)',
    prepare(factors) {
      const made = design({ factors: names(factors), runs: 128 })
      return () => aliases(made)
    },
  },
]

// What the examples in docstrings take as given, package by package: `model`, `cluster`, `documents`, files in the
// working folder. Small, and made only for the package that is tried.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Device } from '@kumiki/tensor'

type Given = Record<string, unknown>

const packages = join(dirname(fileURLToPath(import.meta.url)), '..', 'packages')

const documents = Array.from({ length: 20 }, (_, d) => Int32Array.from({ length: 12 }, (_, i) => 3 + ((d + i) % 50)))
const lines = ['組木は釘を使わずに木を組む。', 'Joinery holds without nails.', '木と木を組んで家を建てる。']

/** A decoder of a few thousand parameters. */
async function smallModel() {
  const { decoderModel, nano } = await import('../packages/models/src/index.ts')
  const architecture = {
    ...nano,
    ...{ vocabSize: 64, paddedVocabSize: 64, hiddenSize: 16, intermediateSize: 32 },
    ...{ numHiddenLayers: 2, numAttentionHeads: 2, numKeyValueHeads: 2, headDim: 8, maxPositionEmbeddings: 64 },
  }
  return { architecture, model: decoderModel(architecture) }
}

const cluster = { gpu: 'H100', nodes: 16, gpusPerNode: 8 }
const search = {
  model: { layers: 24, hidden: 2048, ffn: 7168, heads: 16, kvHeads: 16, headDim: 128, vocab: 99487 },
  cluster: { gpu: 'H100', nodes: 1, gpusPerNode: 8 },
  recipe: { globalBatchSize: 512, sequenceLength: 4096 },
}
const loss = (natsPerToken: number) => ({ natsPerToken, bitsPerByte: natsPerToken / 3 })
const summary = {
  heldOut: loss(2.44),
  baselines: { unigram: loss(5), bigram: loss(3.6), trigram: loss(2.9) },
  ...{ steps: 800, tokens: 819_200, seconds: 240, device: 'cpu', precision: 'bf16', seed: 1, parameters: 1_574_016 },
}

export const givens: Record<string, (device: Device) => Promise<Given>> = {
  async planner() {
    const { planReport } = await import('../packages/report/src/index.ts')
    return {
      model: { layers: 40, hidden: 5120, ffn: 13824, heads: 40, kvHeads: 40, headDim: 128, vocab: 99487 },
      cluster,
      own: { tensorParallel: 2, pipelineParallel: 2, microBatchSize: 2, globalBatchSize: 1024, sequenceLength: 4096 },
      recipe: {
        ...{ learningRate: 3e-4, minLearningRate: 3e-5, warmupSteps: 2000, schedule: 'cosine' },
        ...{ trainSteps: 500_000, decaySteps: 500_000 },
        ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 1 },
      },
      config: {
        ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], hidden_size: 2048, intermediate_size: 5632 },
        ...{ num_hidden_layers: 24, num_attention_heads: 16, num_key_value_heads: 16, vocab_size: 32000 },
      },
      ...{ search, writeFileSync, planReport },
    }
  },

  async data() {
    const { writeIndexedDataset } = await import('../packages/data/src/node.ts')
    await writeIndexedDataset('corpus_text_document', documents, { vocabSize: 100, eosId: 2 })
    mkdirSync('texts')
    writeFileSync('texts/a.txt', 'Joinery that holds without nails.')
    writeFileSync('texts/b.txt', '釘を使わずに木を組む。')
    const mask = Array.from({ length: 12 }, (_, i) => (i < 4 ? 0 : 1))
    return { documents, conversations: documents.map((ids) => ({ ids, mask })) }
  },

  async tokenizer() {
    const { chatEncoder, harmonyTokens } = await import('../packages/tokenizer/src/chat.ts')
    const { loadHuggingFaceTokenizer } = await import('../packages/tokenizer/src/huggingface.ts')
    const { trainByteLevelBpe } = await import('../packages/tokenizer/src/tokenizer-json.ts')
    const model = new Uint8Array(readFileSync(join(packages, 'tokenizer', 'vectors', 'unigram.model')))
    writeFileSync('my.model', model)
    writeFileSync('lines.txt', `${lines.join('\n')}\n`)
    const specialTokens = [...harmonyTokens]
    const bytes = loadHuggingFaceTokenizer(
      trainByteLevelBpe([], { vocabSize: 256 + specialTokens.length, specialTokens }),
    )
    const encoder = chatEncoder(bytes, specialTokens)
    const written = bytes.encode('<|channel|>final<|message|>Yes.<|return|>', { special: 'all' })
    const vocab = Array.from({ length: 256 }, (_, rank) => ({ rank, token_bytes: btoa(String.fromCharCode(rank)) }))
    const numbers = { num_vocab_tokens: 256, default_vocab_size: 276, default_num_special_tokens: 20, version: 'v3' }
    return {
      ...{ lines, model, encoder, prompt: [] },
      generator: { generate: () => written },
      tekken: JSON.stringify({ config: { pattern: '\\p{L}+|[^\\p{L}]+', ...numbers }, vocab }),
    }
  },

  async models(device) {
    const { architecture, model } = await smallModel()
    const tokenizer = {
      encode: (text: string) => Int32Array.from(new TextEncoder().encode(text), (byte) => byte % 64),
      decodeStream: () => ({ push: (id: number) => String.fromCharCode(64 + id), end: () => '' }),
    }
    const tokens = device.tensor(Int32Array.of(1, 2, 3, 4), [1, 4])
    return { architecture, model, parameters: model.initialize(device, { seed: 1 }), tokens, tokenizer }
  },

  async train(device) {
    const { batches } = await import('../packages/data/src/index.ts')
    const { adamw, constant, skipBatches } = await import('../packages/optim/src/index.ts')
    const { init } = await import('../packages/tensor/src/index.ts')
    const { model } = await smallModel()
    return {
      init: () => init({ backend: 'cpu', threads: 1 }),
      ...{ model, documents, batches, skipBatches, steps: 2, optimizer: adamw(), schedule: constant(1e-3), summary },
      data: batches({ documents, eosId: 2, batchSize: 2, sequenceLength: 8 }),
      tokens: device.tensor(Int32Array.of(1, 2, 3, 4), [1, 4]),
      configuration: {
        ...{ steps: 3, batchSize: 2, accumulation: 1, sequenceLength: 8, schedule: 'constant', learningRate: 1e-3 },
        ...{ optimizer: { kind: 'adamw' }, maxGradNorm: 1, zLoss: 0, precision: 'f32', seed: 1, vocabSize: 300 },
        ...{ minLearningRateRatio: 0.1, warmupSteps: 0, decayFraction: 0.2 },
      },
    }
  },

  async report() {
    const { analyze, design } = await import('../packages/ablation/src/index.ts')
    const { exponentHistogram, finfo } = await import('../packages/numerics/src/index.ts')
    const { wsd } = await import('../packages/optim/src/index.ts')
    const { plan, simulatePipeline, summarizePlans } = await import('../packages/planner/src/index.ts')
    const stages = [1, 2].map(() => ({ forward: 1, backward: 2 }))
    const metric = { tokens: 1024, gradNorm: 1, learningRate: 1e-3, tokensPerSecond: 3000 }
    return {
      ...{ analyze, exponentHistogram, finfo, plan, summarizePlans, search },
      ...{
        design: design({ factors: ['code', 'math', 'web'], runs: 8 }),
        accuracy: [1, 5, 1.2, 5.1, 0.9, 5.2, 1.1, 4.9],
      },
      ...{ name: 'a', text: 'b', values: Float32Array.of(0.1, -1.7, 300) },
      stable: wsd({ peak: 3e-4, steps: 100_000, warmupSteps: 2000, decaySteps: 1 }),
      branch: wsd({ peak: 3e-4, steps: 100_000, warmupSteps: 2000, decaySteps: 20_000 }),
      timeline: simulatePipeline({ stages, microBatches: 8, schedule: '1f1b' }),
      run: {
        name: 'first',
        config: { seed: 1 },
        metrics: [1, 2].map((step) => ({ step, loss: 8 - step, ...metric })),
        summary,
      },
    }
  },
}

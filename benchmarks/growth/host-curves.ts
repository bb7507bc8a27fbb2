/** Work of the packages that use no device, at increasing sizes, and how its time should grow. */
import { readFileSync } from 'node:fs'
import { bestFit } from '@kumiki/data'
import { encodeArray } from '@kumiki/numerics'
import { adamw } from '@kumiki/optim'
import { plan } from '@kumiki/planner'
import { loadTokenizer } from '@kumiki/tokenizer'
import { loadHuggingFaceTokenizer } from '@kumiki/tokenizer/huggingface'
import { trainBpe, trainUnigram } from '@kumiki/tokenizer/train'

export interface HostCurve {
  readonly package: string
  readonly name: string
  /** Name of the size. */
  readonly axis: string
  readonly sizes: readonly number[]
  /** What the time should be proportional to. */
  work(size: number): number
  /** The work in words. */
  readonly expected: string
  /** A higher limit for the growth of the cost of a unit of work, and the reason. */
  readonly bends?: { readonly allowed: number; readonly why: string }
  /** Prepares the data. The returned function is timed, until the promise that it returns, if any, is settled. */
  prepare(size: number): (() => unknown) | Promise<() => unknown>
}

export const linear = { work: (size: number) => size, expected: 'linear' }

/** Uniform numbers from 0 to 1 by a seeded generator. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * Lines of words made of syllables. Their frequencies differ widely, so new words become rarer, as in natural language.
 */
export function linesOf(characters: number): string[] {
  const next = random(1)
  const lines: string[] = []
  for (let made = 0; made < characters; ) {
    const words = Array.from({ length: 12 }, () => {
      let word = Math.floor(next() ** 3 * 60_000)
      let text = ''
      for (; word > 0 || text === ''; word = Math.floor(word / 40)) {
        text += 'kstnhmyrwg'[word % 10] + 'aiueo'[Math.floor(word / 10) % 5]
      }
      return text
    })
    const line = words.join(' ')
    lines.push(line)
    made += line.length + 1
  }
  return lines
}

const unigramModel = () =>
  loadTokenizer(readFileSync(new URL('../../packages/tokenizer/vectors/unigram.model', import.meta.url)))

export const hostCurves: readonly HostCurve[] = [
  {
    package: 'tokenizer',
    name: 'encoding one text',
    axis: 'characters',
    sizes: [1_000, 10_000, 100_000, 1_000_000],
    ...linear,
    bends: {
      allowed: 2,
      why: '7 % of a text of a million characters is not taken from the cache of sections but computed again (1 % of one of 100,000): single-precision sums since its beginning, which decide as in the C++, round by more than the best path leads; and its buffers are past the caches',
    },
    prepare(size) {
      const tokenizer = unigramModel()
      const text = linesOf(size).join(' ').slice(0, size)
      return () => tokenizer.encode(text)
    },
  },
  {
    package: 'tokenizer',
    name: 'training BPE, 4,000 pieces',
    axis: 'characters',
    sizes: [200_000, 400_000, 800_000, 1_600_000, 3_200_000],
    ...linear,
    prepare(size) {
      const lines = linesOf(size)
      return () => trainBpe(lines, { vocabSize: 4000, hardVocabLimit: false })
    },
  },
  {
    package: 'tokenizer',
    name: 'training unigram, 4,000 pieces',
    axis: 'characters',
    sizes: [200_000, 400_000, 800_000, 1_600_000, 3_200_000],
    ...linear,
    prepare(size) {
      const lines = linesOf(size)
      return () => trainUnigram(lines, { vocabSize: 4000, hardVocabLimit: false })
    },
  },
  {
    package: 'tokenizer',
    name: 'training BPE, 800,000 characters',
    axis: 'vocabulary',
    sizes: [1_000, 2_000, 4_000, 8_000],
    ...linear,
    prepare(vocabSize) {
      const lines = linesOf(800_000)
      return () => trainBpe(lines, { vocabSize, hardVocabLimit: false })
    },
  },
  {
    package: 'tokenizer',
    name: 'training unigram, 800,000 characters',
    axis: 'vocabulary',
    sizes: [1_000, 2_000, 4_000, 8_000],
    ...linear,
    prepare(vocabSize) {
      const lines = linesOf(800_000)
      return () => trainUnigram(lines, { vocabSize, hardVocabLimit: false })
    },
  },
  {
    package: 'tokenizer',
    name: 'decoding one text',
    axis: 'characters',
    sizes: [1_000, 10_000, 100_000, 1_000_000],
    ...linear,
    prepare(size) {
      const tokenizer = unigramModel()
      const ids = tokenizer.encode(linesOf(size).join(' ').slice(0, size))
      return () => tokenizer.decode(ids)
    },
  },
  {
    package: 'tokenizer',
    name: 'decoding one text, byte-level',
    axis: 'characters',
    sizes: [1_000, 10_000, 100_000, 1_000_000],
    ...linear,
    bends: { allowed: 2.5, why: 'the list of all tokens, which the steps of a decoder pass on, is past the caches' },
    prepare(size) {
      const file = new URL('../../packages/tokenizer/vectors/hf/gpt2.tokenizer.json', import.meta.url)
      const tokenizer = loadHuggingFaceTokenizer(readFileSync(file))
      const ids = tokenizer.encode(linesOf(size).join(' ').slice(0, size))
      return () => tokenizer.decode(ids)
    },
  },
  {
    package: 'data',
    name: 'packing documents, best fit',
    axis: 'documents',
    sizes: [10_000, 40_000, 160_000, 640_000],
    // Linear, since best-fit packing here counts lengths in buckets instead of sorting them.
    ...linear,
    prepare(size) {
      const next = random(2)
      const lengths = Int32Array.from({ length: size }, () => 1 + Math.floor(next() ** 3 * 4095))
      return () => bestFit(lengths, 4096)
    },
  },
  {
    package: 'numerics',
    name: 'float32 to e4m3',
    axis: 'numbers',
    // Small enough that the result is below 2 MB: larger ones are allocated from the system, which takes as long as the
    // work.
    sizes: [125_000, 250_000, 500_000, 1_000_000],
    ...linear,
    prepare(size) {
      const next = random(3)
      const source = Float32Array.from({ length: size }, () => next() - 0.5)
      return () => encodeArray('float8_e4m3fn', source)
    },
  },
  {
    package: 'optim',
    name: 'a step of AdamW on arrays',
    axis: 'parameters',
    // Sizes at which the seven arrays exceed every cache.
    sizes: [2_000_000, 4_000_000, 8_000_000, 16_000_000],
    ...linear,
    bends: {
      allowed: 2,
      why: 'results are three new arrays: as many of their bytes as are new pages of the system cost 0.5 ns each, beside 7 ns a parameter at every size',
    },
    prepare(size) {
      const next = random(4)
      const params = { w: Float32Array.from({ length: size }, () => next() - 0.5) }
      const grads = { w: params.w.map((x) => 2 * x) }
      const optimizer = adamw({ beta2: 0.95 })
      const state = optimizer.init(params)
      return () => optimizer.update(grads, state, params, optimizer.scalars(1, 0.01))
    },
  },
  {
    package: 'planner',
    name: 'all plans of a mixture on 1,024 GPUs',
    axis: 'experts',
    sizes: [8, 16, 32, 64, 128, 256],
    // Expert parallelism takes one more power of two with every doubling.
    work: (experts) => Math.log2(experts) + 1,
    expected: 'log',
    prepare(experts) {
      const dense = { layers: 80, hidden: 5120, ffn: 2048, heads: 80, kvHeads: 4, headDim: 128, vocab: 196_608 }
      const model = { ...dense, experts: { count: experts, topK: 8, ffn: 2048 } }
      const cluster = { gpu: 'H200', nodes: 128, gpusPerNode: 8 }
      return () => plan({ model, cluster, recipe: { globalBatchSize: 8192, sequenceLength: 4096 } })
    },
  },
  {
    package: 'planner',
    name: 'all plans of a 13B model',
    axis: 'GPUs',
    sizes: [8, 32, 128, 512, 2048],
    // The number of plans is that of ways to factor the GPUs over parallelisms: a power of the logarithm.
    work: (size) => Math.log2(size) ** 3,
    expected: 'log^3',
    prepare(gpus) {
      const model = { layers: 40, hidden: 5120, ffn: 13824, heads: 40, kvHeads: 40, headDim: 128, vocab: 99487 }
      const cluster = { gpu: 'H100', nodes: gpus / 8, gpusPerNode: 8 }
      return () => plan({ model, cluster, recipe: { globalBatchSize: 2048, sequenceLength: 4096 } })
    },
  },
]

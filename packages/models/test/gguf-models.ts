/**
 * Tiny models of every architecture in GGUF, with a vocabulary that llama.cpp accepts; see
 * ../vectors/gguf-llama-cpp.ts.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Device } from '@kumiki/tensor'
import { decoderModel, type ModelArchitecture, nano, type Parameters } from '../src/index.ts'
import { type GgufTokenizer, saveGguf } from '../src/node.ts'

const base: ModelArchitecture = {
  ...nano,
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 16,
  vocabSize: 300,
  paddedVocabSize: 384,
  maxPositionEmbeddings: 64,
  initializerRange: 0.02,
}
const gemma = {
  activation: 'gelu_tanh',
  normPlacement: 'both',
  normOffset: true,
  scaleEmbeddings: true,
  tieWordEmbeddings: true,
  slidingWindow: 8,
} as const
const experts = { numExperts: 4, numExpertsPerToken: 2, intermediateSize: 48 }

export const ggufModels: Readonly<Record<string, ModelArchitecture>> = {
  llama: base,
  llama3: {
    ...base,
    ropeScaling: {
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositionEmbeddings: 32,
    },
  },
  linear: { ...base, ropeScaling: { type: 'linear', factor: 4 } },
  mixtral: { ...base, intermediateSize: 48, experts: { ...experts, tensorNames: 'mixtral' } },
  qwen2: { ...base, headDim: 8, family: 'qwen2', attentionBias: 'qkv' },
  qwen3: { ...base, family: 'qwen3', qkNorm: true },
  qwen3_moe: { ...base, qkNorm: true, experts: { ...experts, tensorNames: 'qwen3_moe' } },
  gemma2: {
    ...base,
    ...gemma,
    family: 'gemma2',
    numHiddenLayers: 4,
    slidingLayers: [true, false, true, false],
    attentionSoftcap: 5,
    logitSoftcap: 4,
  },
  gemma3: {
    ...base,
    ...gemma,
    family: 'gemma3',
    numHiddenLayers: 7,
    slidingLayers: [true, true, true, true, true, false, true],
    qkNorm: true,
    ropeTheta: 1e6,
    localRopeTheta: 1e4,
  },
  olmo2: { ...base, headDim: 8, family: 'olmo2', normPlacement: 'post', qkNorm: true, qkNormOver: 'projection' },
}

const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).padStart(2, '0').toUpperCase()}>`)
const words = Array.from({ length: base.vocabSize - 259 }, (_, i) => `w${i}`)

export const ggufTokenizer: GgufTokenizer = {
  model: 'llama',
  tokens: ['<unk>', '<s>', '</s>', ...bytes, ...words],
  scores: Array.from({ length: base.vocabSize }, (_, i) => -i),
  types: [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)],
  ...{ bosId: 1, eosId: 2, unknownId: 0, addBos: false },
}

export const ggufPrompt = [7, 120, 33, 280, 64, 5, 211, 99, 150, 42, 17, 260]

/** Weights that are not the first of a training: norms and biases of every size. */
export function ggufWeights(device: Device, architecture: ModelArchitecture): Parameters {
  const model = decoderModel({ ...architecture, initializerRange: 0.3 })
  const parameters = { ...model.initialize(device, { seed: 11 }) }
  for (const [name, t] of Object.entries(parameters))
    if (t.ndim === 1) {
      const shift = Float32Array.from({ length: t.size }, (_, i) => ((i * 7) % 11) / 16 - 0.3)
      parameters[name] = t.add(device.tensor(shift, t.shape))
    }
  // A tied table of large values would repeat its token.
  const table = 'model.embed_tokens.weight'
  if (architecture.tieWordEmbeddings) parameters[table] = parameters[table].mul(1 / 16)
  return parameters
}

/** @returns the hash of the file */
export async function writeGgufModel(device: Device, name: string, file: string): Promise<string> {
  const architecture = ggufModels[name]
  await saveGguf(file, architecture, ggufWeights(device, architecture), { type: 'F32', tokenizer: ggufTokenizer })
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

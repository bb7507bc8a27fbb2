/** What is measured: on a GPU the shapes of models, on a software adapter the same kernels at small sizes. */
import { findModel, type ModelArchitecture, nano } from '@kumiki/models/configs'
import type { DType } from '@kumiki/tensor'
import { attentionKernel, embeddingGradient, type GpuKernel, grouped, product, rows } from './kernels.ts'

const layouts = ['NN', 'NT', 'TN', 'TT']

export interface TrainingCase {
  readonly name: string
  readonly architecture: ModelArchitecture
  readonly batch: number
  readonly sequence: number
}

export type OpWithVariants = 'matmul' | 'attention' | 'groupedMatmul'

export interface Sizes {
  /** Kernel variants to check and time; default all. */
  readonly variants?: Readonly<Partial<Record<OpWithVariants, readonly string[]>>>
  /**
   * Kernels that are checked against the cpu backend before anything is timed: matmul and attention in every variant.
   */
  readonly products: readonly GpuKernel[]
  readonly attentions: readonly GpuKernel[]
  readonly others: readonly GpuKernel[]
  readonly timedProducts: readonly GpuKernel[]
  readonly timedAttentions: readonly GpuKernel[]
  readonly timedOthers: readonly GpuKernel[]
  readonly training: readonly TrainingCase[]
  readonly precisions: readonly string[]
  readonly generated: number
  readonly rounds: number
  /** Bytes of the array whose copying measures the memory's rate: more than caches hold. */
  readonly copiedBytes: number
  /** Dispatches of which the host's cost is measured. */
  readonly dispatches: number
}

/**
 * Products of a model's linear layers for `tokens` tokens: attention projection, MLP, output head, and the MLP's
 * gradients of its input (NN) and of its weights (TN).
 */
function projections(name: string, tokens: number, dtype: DType): GpuKernel[] {
  const { hiddenSize: h, intermediateSize: f, paddedVocabSize: v } = findModel(name).architecture
  const some = Math.min(tokens, 1024)
  return [
    product([tokens, h, h], 'NT', dtype, `${name} attention ${tokens} x ${h} x ${h}`),
    product([tokens, h, f], 'NT', dtype, `${name} MLP ${tokens} x ${h} x ${f}`),
    product([tokens, f, h], 'NN', dtype, `${name} MLP gradient ${tokens} x ${f} x ${h}`),
    product([f, tokens, h], 'TN', dtype, `${name} MLP weights ${f} x ${tokens} x ${h}`),
    product([some, h, v], 'NT', dtype, `${name} head ${some} x ${h} x ${v}`),
  ]
}

/** Attention of a model over `tokens` tokens. */
function attentionOf(name: string, tokens: number, dtype: DType): GpuKernel {
  const { numAttentionHeads, numKeyValueHeads, headDim } = findModel(name).architecture
  return attentionKernel([1, tokens, numAttentionHeads, numKeyValueHeads, headDim], dtype, true)
}

const dtypes: readonly DType[] = ['float32', 'bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2']
const models = ['llm-jp-3-150m', 'llm-jp-3-440m', 'llm-jp-3-980m', 'llm-jp-3-1.8b']

export const gpuSizes: Sizes = {
  // The first sizes have tails in every direction; the second fill the tiles.
  products: dtypes.flatMap((dtype) =>
    layouts.flatMap((layout) => [product([130, 40, 132], layout, dtype), product([512, 256, 512], layout, dtype)]),
  ),
  attentions: [64, 80, 96, 128, 160, 192].flatMap((d) =>
    (['float32', 'bfloat16'] as const).map((dtype) => attentionKernel([1, 200, 4, 2, d], dtype, true)),
  ),
  others: [
    ...(['softmax', 'rmsNorm', 'sum'] as const).map((kind) => rows([300, 2050], kind)),
    embeddingGradient([4096, 512, 8192]),
    grouped([700, 256, 384, 8], 'float32'),
    grouped([700, 256, 384, 8], 'bfloat16'),
  ],
  timedProducts: [
    ...models.flatMap((name) => projections(name, 4096, 'bfloat16')),
    ...projections('llm-jp-3-1.8b', 4096, 'float32').slice(0, 2),
    ...[512, 1024, 2048, 4096, 8192].flatMap((n) =>
      (['float32', 'bfloat16', 'float16'] as const).map((dtype) => product([n, n, n], 'NN', dtype)),
    ),
    product([4096, 4096, 4096], 'NN', 'float8_e4m3fn'),
  ],
  timedAttentions: [
    ...[512, 2048, 4096, 8192].flatMap((tokens) =>
      ['llm-jp-3-150m', 'llm-jp-3-1.8b'].map((name) => attentionOf(name, tokens, 'bfloat16')),
    ),
    ...['llm-jp-3-440m', 'llm-jp-3-980m'].map((name) => attentionOf(name, 4096, 'bfloat16')),
    attentionOf('llm-jp-3-1.8b', 4096, 'float32'),
  ],
  timedOthers: [
    rows([8192, 4096], 'softmax'),
    rows([8192, 4096], 'rmsNorm'),
    embeddingGradient([8192, 1024, 99_584]),
    grouped([8192, 2048, 7168, 8], 'bfloat16'),
  ],
  training: [
    { name: 'nano', architecture: nano, batch: 32, sequence: 256 },
    ...['150m', '440m'].map((name) => ({
      name,
      architecture: findModel(`llm-jp-3-${name}`).architecture,
      batch: 4,
      sequence: 1024,
    })),
  ],
  precisions: ['f32', 'bf16', 'fp8-current'],
  generated: 64,
  rounds: 5,
  copiedBytes: 2 ** 28,
  dispatches: 400,
}

/**
 * Every kind of measurement once, at minimal sizes, without the tiled variants: a software adapter takes seconds to
 * compile each. The tests of tensor check them.
 */
export const smallSizes: Sizes = {
  variants: { matmul: ['direct 4x4 vec4', 'direct 4x4'], attention: ['rows'] },
  products: [product([33, 20, 36], 'NT', 'float32'), product([33, 20, 36], 'TN', 'bfloat16')],
  attentions: [attentionKernel([1, 20, 2, 1, 16], 'float32', false)],
  others: [rows([3, 70], 'softmax'), embeddingGradient([40, 8, 32]), grouped([20, 8, 12, 3], 'float32')],
  timedProducts: [product([64, 64, 64], 'NN', 'float32')],
  timedAttentions: [attentionKernel([1, 20, 2, 1, 16], 'float32', true)],
  timedOthers: [rows([3, 70], 'rmsNorm'), grouped([20, 8, 12, 3], 'float32')],
  training: [
    {
      name: 'tiny',
      architecture: {
        ...nano,
        hiddenSize: 32,
        intermediateSize: 64,
        headDim: 16,
        numAttentionHeads: 2,
        numKeyValueHeads: 2,
        numHiddenLayers: 1,
        vocabSize: 128,
        paddedVocabSize: 128,
      },
      batch: 2,
      sequence: 16,
    },
  ],
  precisions: ['f32'],
  generated: 3,
  rounds: 2,
  copiedBytes: 2 ** 22,
  dispatches: 20,
}

/** Block-scaled quantization of a model's linear weights: frozen 8-bit codes with a scale per block. */
import {
  apply1,
  bitcast,
  bitwiseAnd,
  cast,
  type Device,
  type DType,
  defineOp,
  full,
  max,
  maximum,
  scaledMatmul,
  type Tensor,
} from '@kumiki/tensor'
import type { LanguageModel, Parameters } from '../language-model.ts'
import type { ParameterShape } from '../parameters.ts'

export interface BlockScaledOptions {
  /** Storage format of the weights. Default `float8_e4m3fn`. */
  readonly format?: 'float8_e4m3fn' | 'float8_e5m2'
  /**
   * Weights along a row that share a scale. For a layer whose width it does not divide, it is halved until it does.
   * Default 32, as in MX.
   */
  readonly blockSize?: number
}

const largest = { float8_e4m3fn: 448, float8_e5m2: 57344 } as const

const scaleName = (weight: string) => `${weight}_scale`
const one = () => full([1, 1], 1)

/**
 * Inputs: x [rows, in], codes [out, in], scales [out, blocks]. Output: float32 [rows, out]. Forward and backward passes
 * read the stored codes, so that no dequantized copy of a weight is kept.
 */
const frozenLinearOp = defineOp<unknown>({
  name: 'frozenScaledLinear',
  kind: 'composite',
  infer: ([x, codes]) => [{ shape: [x.shape[0], codes.shape[0]], dtype: 'float32' }],
  definition: ([x, codes, scales]) => [
    scaledMatmul({ codes: x, scales: one() }, { codes, scales }, { transposeB: true }),
  ],
  gradient: ({ inputs: [x, codes, scales], grads: [g] }) => [
    g && cast(scaledMatmul({ codes: g, scales: one() }, { codes, scales }), x.dtype),
    undefined,
    undefined,
  ],
})

/** A model whose linear weights are 8-bit codes. */
export interface BlockScaledModel extends LanguageModel {
  readonly inner: LanguageModel
  /**
   * Quantizes the linear weights one at a time; other tensors are returned as given.
   * @returns parameters of this model; the caller disposes the given weights
   */
  narrow(parameters: Parameters): Promise<Parameters>
}

/**
 * A model whose linear layers read 8-bit weights with a scale for each block (a power of two, in bfloat16): one byte
 * per weight, and two bytes per block. The weights are frozen (they have no gradient). Adapters go inside:
 * `blockScaledModel(loraModel(base, config))`.
 * @throws RangeError for options out of bounds
 * @example
 * const adapted = loraModel(decoderModel(architecture), { rank: 8, alpha: 16, targets: 'all-linear' })
 * const narrow = blockScaledModel(adapted)
 * const held = await narrow.narrow({ ...parameters, ...initializeAdapter(device, adapted).parameters })
 * narrow.forward(held, tokens).logits().shape // [1, 4, 64]
 */
export function blockScaledModel(inner: LanguageModel, options: BlockScaledOptions = {}): BlockScaledModel {
  const { format = 'float8_e4m3fn', blockSize = 32 } = options
  if (!Object.hasOwn(largest, format))
    throw new RangeError(`blockScaledModel: format must be float8_e4m3fn or float8_e5m2, got ${format}`)
  if (!Number.isInteger(blockSize) || blockSize < 1)
    throw new RangeError(`blockScaledModel: blockSize must be an integer of at least 1, got ${blockSize}`)
  const layers = new Set(inner.linearLayers.map(({ name }) => name))
  const blockOf = (width: number) => {
    let size = blockSize
    while (width % size !== 0) size = Math.floor(size / 2)
    return size
  }
  const scalesOf = ([out, width]: readonly number[]) => [out, width / blockOf(width)]
  const parameters = inner.parameters.flatMap(({ name, shape }): ParameterShape[] =>
    layers.has(name)
      ? [
          { name, shape },
          { name: scaleName(name), shape: scalesOf(shape) },
        ]
      : [{ name, shape }],
  )
  const quantizeOne = async (device: Device, weight: Tensor) => {
    const made = quantizeBlocks(weight, blockOf(weight.shape[1]), format)
    await device.evaluate([made.codes, made.scales])
    return made
  }
  return {
    name: `${inner.name} in 8 bits`,
    inner,
    contextLength: inner.contextLength,
    vocabSize: inner.vocabSize,
    parameters,
    linearLayers: [],
    initialize(device, options) {
      const wide = inner.initialize(device, options)
      return Object.fromEntries(
        inner.parameters.flatMap(({ name, shape }) => {
          if (!layers.has(name)) return [[name, wide[name]]]
          const { codes, scales } = quantizeBlocks(wide[name], blockOf(shape[1]), format)
          return [
            [name, codes],
            [scaleName(name), scales],
          ]
        }),
      )
    },
    async narrow(wide) {
      const made: Parameters = {}
      for (const { name } of inner.parameters) {
        const t = wide[name]
        if (!t) throw new RangeError(`blockScaledModel: the parameters have no ${name}`)
        if (!layers.has(name)) made[name] = t
        else {
          const { codes, scales } = await quantizeOne(t.device!, t)
          made[name] = codes
          made[scaleName(name)] = scales
        }
      }
      return made
    },
    supportsPadding: inner.supportsPadding,
    forward(p, tokens, options = {}) {
      const { activations = 'float32' as DType } = options
      if (options.linear)
        throw new RangeError(
          'blockScaledModel: options.linear is not supported: the quantized weights need their own matrix product; use a policy without fp8',
        )
      return inner.forward(p, tokens, {
        ...options,
        linear(x, codes, name) {
          const rows = cast(x, activations).reshape([-1, x.shape[x.ndim - 1]])
          const y = apply1(frozenLinearOp, [rows, codes, p[scaleName(name)]], {})
          return y.reshape([...x.shape.slice(0, -1), codes.shape[0]])
        },
      })
    },
    countParameters: () => inner.countParameters(),
    flopsPerToken: (sequenceLength) => inner.flopsPerToken(sequenceLength),
  }
}

/**
 * Codes and scales of a weight: the scale of a block is the smallest power of two that brings its largest magnitude
 * into range.
 */
function quantizeBlocks(weight: Tensor, block: number, format: keyof typeof largest) {
  const [out, width] = weight.shape
  const blocks = cast(weight, 'float32').reshape([out, width / block, block])
  const needed = max(blocks.abs(), -1).mul(1 / largest[format])
  // Rounds up to a power of two in the bit pattern. The minimum gives a block of zeros a finite scale.
  const up = bitwiseAnd(bitcast(maximum(needed, 2 ** -100), 'uint32').add(0x7fffff), 0x7f800000)
  const scales = bitcast(up, 'float32')
  const codes = cast(blocks.div(scales.reshape([out, width / block, 1])), format).reshape([out, width])
  return { codes, scales: cast(scales, 'bfloat16') }
}

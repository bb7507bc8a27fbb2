/** Low-rank adapters (LoRA): y = x Wᵀ + scale (x Aᵀ) Bᵀ, with frozen weights W. */
import { cast, type Device, matmul, type Tensor } from '@kumiki/tensor'
import { type LanguageModel, type LinearLayer, linear, type Parameters } from '../language-model.ts'
import type { ParameterShape } from '../parameters.ts'
import { hashName, words } from '../random.ts'

export interface LoraConfig {
  /** Rows of A, columns of B. */
  readonly rank: number
  /** The product B A is multiplied by alpha / rank. */
  readonly alpha: number
  /**
   * Which linear layers are adapted: names, or their last parts, such as `q_proj` or `mlp.down_proj`; `all-linear` for
   * all of the model's blocks.
   */
  readonly targets: readonly string[] | 'all-linear'
  /** Multiply by alpha / sqrt(rank) instead (rsLoRA, arXiv:2312.03732). Default false. */
  readonly rankStabilized?: boolean
}

/** An adapter: its configuration, and its matrices by name. */
export interface Adapter {
  readonly config: LoraConfig
  /** `MODULE.lora_A.weight` [rank, in] and `MODULE.lora_B.weight` [out, rank] for each adapted layer. */
  readonly parameters: Parameters
}

/** A layer to adapt. Its module's name is that of its weight without `.weight`. */
interface Target {
  readonly module: string
  readonly out: number
  readonly in: number
}

const matrixA = (module: string) => `${module}.lora_A.weight`
const matrixB = (module: string) => `${module}.lora_B.weight`
const moduleOf = (weight: string) => weight.replace(/\.weight$/, '')

/** The names of an adapter's matrices, for `Trainer`'s `trainable`. */
export const loraTrainable: readonly string[] = ['*.lora_A.weight', '*.lora_B.weight']

const maxRank = 1 << 16

/** @throws RangeError naming the field, or a target that is no linear layer of the model */
function findTargets(model: LanguageModel, { rank, alpha, targets }: LoraConfig): Target[] {
  if (!Number.isInteger(rank) || rank < 1 || rank > maxRank)
    throw new RangeError(`loraModel: rank must be an integer from 1 to ${maxRank}, got ${rank}`)
  if (!Number.isFinite(alpha)) throw new RangeError(`loraModel: alpha must be a finite number, got ${alpha}`)
  const shapes = new Map(model.parameters.map(({ name, shape }) => [name, shape]))
  const layers = model.linearLayers.map(({ name }: LinearLayer) => name)
  const fits = (target: string) => (layer: string) => {
    const module = moduleOf(layer)
    return module === target || module.endsWith(`.${target}`)
  }
  const wanted = targets === 'all-linear' ? undefined : targets
  if (wanted?.length === 0) throw new RangeError('loraModel: targets is empty; name a layer, or give all-linear')
  for (const target of wanted ?? [])
    if (!layers.some(fits(target))) {
      const kinds = [...new Set(layers.map((name) => moduleOf(name).split('.').at(-1)))]
      throw new RangeError(
        `loraModel: the target ${JSON.stringify(target)} is no linear layer of the model ${model.name}; there are ${kinds.join(', ')}`,
      )
    }
  return layers
    .filter((layer) => wanted?.some((target) => fits(target)(layer)) ?? true)
    .map((layer) => {
      const [out, width] = shapes.get(layer)!
      return { module: moduleOf(layer), out, in: width }
    })
}

/** Names and shapes of an adapter's matrices, in the order of the forward pass. */
export function loraParameters(model: LanguageModel, config: LoraConfig): ParameterShape[] {
  return findTargets(model, config).flatMap(({ module, out, in: width }) => [
    { name: matrixA(module), shape: [config.rank, width] },
    { name: matrixB(module), shape: [out, config.rank] },
  ])
}

/** The factor of the product B A. */
export function loraScale({ alpha, rank, rankStabilized = false }: LoraConfig): number {
  return alpha / (rankStabilized ? Math.sqrt(rank) : rank)
}

/**
 * A model with adapters on its linear layers. Its parameters are the base model's, under their own names, and the
 * adapter's.
 */
export interface LoraModel extends LanguageModel {
  readonly base: LanguageModel
  readonly config: LoraConfig
}

/**
 * A model whose linear layers have adapters. It is a language model like any other: `Trainer` trains the adapters alone
 * with `trainable: loraTrainable`. To hold several adapters of one base, keep only their matrices:
 * `{ ...base, ...adapter.parameters }` shares the base's tensors.
 * @throws RangeError naming a field out of bounds, or a target that the model does not have
 * @see arXiv:2106.09685
 * @example
 * const model = loraModel(decoderModel(architecture), { rank: 8, alpha: 16, targets: ['q_proj', 'v_proj'] })
 * const tuned = { ...parameters, ...initializeAdapter(device, model).parameters }
 * model.forward(tuned, tokens).logits().shape // [1, 4, 64]
 */
export function loraModel(base: LanguageModel, config: LoraConfig): LoraModel {
  const scale = loraScale(config)
  const matrices = loraParameters(base, config)
  const adapted = new Set(matrices.map(({ name }) => name))
  const forward: LanguageModel['forward'] = (p, tokens, options = {}) => {
    const { activations = 'float32' } = options
    const product = options.linear ?? ((x, weight) => linear(x, weight, activations))
    return base.forward(p, tokens, {
      ...options,
      linear(x, weight, name) {
        const y = product(x, weight, name)
        const module = moduleOf(name)
        if (!adapted.has(matrixA(module))) return y
        const low = linear(x, p[matrixA(module)], activations)
        return y.add(linear(low, p[matrixB(module)], activations).mul(scale))
      },
    })
  }
  return {
    name: `${base.name} with adapters`,
    base,
    config,
    contextLength: base.contextLength,
    vocabSize: base.vocabSize,
    parameters: [...base.parameters, ...matrices],
    linearLayers: base.linearLayers,
    ...(base.groupedLayers && { groupedLayers: base.groupedLayers }),
    initialize: (device, options) => ({
      ...base.initialize(device, options),
      ...drawMatrices(device, matrices, options?.seed),
    }),
    supportsPadding: base.supportsPadding,
    forward,
    countParameters: () => ({
      total: base.countParameters().total + matrices.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0),
    }),
    flopsPerToken: (sequenceLength) =>
      base.flopsPerToken(sequenceLength) + matrices.reduce((sum, { shape }) => sum + 6 * shape[0] * shape[1], 0),
  }
}

/**
 * A new adapter, which leaves the model's output unchanged: A is uniform within ±1 / sqrt(in) and B is zero, as in
 * PEFT.
 * @param options.seed default 0
 */
export function initializeAdapter(
  device: Device,
  { base, config }: LoraModel,
  options: { readonly seed?: number } = {},
): Adapter {
  return { config, parameters: drawMatrices(device, loraParameters(base, config), options.seed) }
}

function drawMatrices(device: Device, matrices: readonly ParameterShape[], seed = 0): Parameters {
  return Object.fromEntries(
    matrices.map(({ name, shape }) => {
      const values = new Float32Array(shape[0] * shape[1])
      if (name.endsWith('.lora_A.weight')) {
        const next = words(seed, hashName(name))
        const bound = 1 / Math.sqrt(shape[1])
        for (let i = 0; i < values.length; i++) values[i] = (next() / 2147483648 - 1) * bound
      }
      return [name, device.tensor(values, shape)]
    }),
  )
}

/** The adapter's matrices, selected from all parameters of a model (such as a trainer's). */
export function adapterOf({ base, config }: LoraModel, parameters: Parameters): Adapter {
  const names = loraParameters(base, config).map(({ name }) => name)
  return { config, parameters: Object.fromEntries(names.map((name) => [name, parameters[name]])) }
}

/**
 * The base's parameters with an adapter merged in: W + scale B A, summed in float32 and stored in W's format. Tensors
 * of layers without an adapter are returned as given.
 * @throws TypeError for a base stored in 8 bits: merge into the weights it was quantized from
 */
export function mergeAdapter(
  base: LanguageModel,
  parameters: Parameters,
  { config, parameters: adapter }: Adapter,
): Parameters {
  const scale = loraScale(config)
  const merged: Parameters = Object.fromEntries(base.parameters.map(({ name }) => [name, parameters[name]]))
  for (const { module } of findTargets(base, config)) {
    const name = `${module}.weight`
    const weight: Tensor = parameters[name]
    if (weight.dtype.startsWith('float8'))
      throw new TypeError(
        `mergeAdapter: ${name} is ${weight.dtype}; merge into the weights it was quantized from, then quantize the result`,
      )
    const [a, b] = [matrixA(module), matrixB(module)].map((key) => cast(adapter[key], 'float32'))
    merged[name] = cast(cast(weight, 'float32').add(matmul(b, a).mul(scale)), weight.dtype)
  }
  return merged
}

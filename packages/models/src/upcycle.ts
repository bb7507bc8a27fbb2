/**
 * Upcycling: initializes a mixture of experts with copies of a dense model's MLPs.
 * @see arXiv:2212.05055; Drop-Upcycling, arXiv:2502.19261
 */
import type { Device, Tensor } from '@kumiki/tensor'
import { type ExpertArchitecture, type ModelArchitecture, validateArchitecture } from './architecture.ts'
import type { Parameters } from './language-model.ts'
import { expertNames, parameterShapes } from './parameters.ts'
import { fillNormal, hashName, words } from './random.ts'

export interface UpcycleOptions {
  readonly numExperts: number
  readonly numExpertsPerToken: number
  /** Naming of the experts' tensors. Default `mixtral`, as in LLM-jp-3's mixtures. */
  readonly tensorNames?: ExpertArchitecture['tensorNames']
  /**
   * Drop-Upcycling: the fraction of each expert's inner width that is re-initialized, with the mean and standard
   * deviation of the weights it replaces, so that experts differ from the start. 0 (default): plain upcycling, every
   * expert is the dense MLP. LLM-jp-3's mixtures used 0.5.
   */
  readonly dropRatio?: number
  /** Default 0. */
  readonly seed?: number
}

export interface UpcycledModel {
  readonly architecture: ModelArchitecture
  readonly parameters: Parameters
}

/**
 * A mixture of experts from a dense model. All tensors except the MLPs' are reused as they are; routers are drawn with
 * the architecture's `initializerRange`. With dropRatio 0, the mixture computes the dense model's logits.
 * @param parameters of the dense model, on the device
 * @throws RangeError for an architecture with experts, MLP biases or an activation other than SiLU, or options out of
 * bounds
 * @example
 * const options = { numExperts: 8, numExpertsPerToken: 2, dropRatio: 0.5 }
 * const mixture = await upcycle(device, architecture, parameters, options)
 * mixture.architecture.experts.numExperts // 8
 */
export async function upcycle(
  device: Device,
  dense: ModelArchitecture,
  parameters: Parameters,
  options: UpcycleOptions,
): Promise<UpcycledModel> {
  const { numExperts, numExpertsPerToken, tensorNames = 'mixtral', dropRatio = 0, seed = 0 } = options
  if (dense.experts) throw new RangeError('upcycle: the model has experts already; give a dense one')
  if (dense.mlpBias || (dense.activation ?? 'silu') !== 'silu')
    throw new RangeError(
      'upcycle: experts are SwiGLU without biases; give a model whose MLP is (activation silu, no mlpBias)',
    )
  if (!(dropRatio >= 0 && dropRatio <= 1))
    throw new RangeError(`upcycle: dropRatio must be from 0 to 1, got ${dropRatio}`)
  const { family: _, ...sizes } = dense
  const experts = { numExperts, numExpertsPerToken, intermediateSize: dense.intermediateSize, tensorNames }
  const architecture = validateArchitecture({ ...sizes, experts }, 'upcycle')
  const made: Parameters = {}
  for (const { name } of parameterShapes(architecture, { experts: 'stacked' }))
    if (parameters[name]) made[name] = parameters[name]
  for (let layer = 0; layer < dense.numHiddenLayers; layer++) {
    const names = expertNames(architecture, layer)
    const router = new Float32Array(numExperts * dense.hiddenSize)
    fillNormal(router, dense.initializerRange, seed, hashName(names.router))
    made[names.router] = device.tensor(router, [numExperts, dense.hiddenSize])
    const kept = Array.from({ length: numExperts }, (_, e) =>
      keptOf(dense.intermediateSize, dropRatio, seed, hashName(`${names.router}.${e}`)),
    )
    // The same inner dimensions are re-initialized in all three matrices: rows of gate and up, columns of down.
    for (const [layerName, source, along] of [
      [names.gate, 'gate_proj', 'rows'],
      [names.up, 'up_proj', 'rows'],
      [names.down, 'down_proj', 'columns'],
    ] as const) {
      const weight = parameters[`model.layers.${layer}.mlp.${source}.weight`]
      made[layerName] = await copies(device, weight, kept, along, seed, layerName)
    }
  }
  // In the order of the forward pass.
  const ordered = parameterShapes(architecture, { experts: 'stacked' }).map(({ name }) => [name, made[name]])
  return { architecture, parameters: Object.fromEntries(ordered) }
}

/** Which inner dimensions keep their weights: all but a random fraction `ratio`. */
function keptOf(width: number, ratio: number, seed: number, stream: number): boolean[] {
  const drop = Math.round(width * ratio)
  const next = words(seed, stream)
  const order = Array.from({ length: width }, (_, i) => i)
  // The first `drop` elements of a Fisher-Yates shuffle.
  for (let i = 0; i < drop; i++) {
    const j = i + Math.floor((next() / 4294967296) * (width - i))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  const kept = new Array<boolean>(width).fill(true)
  for (let i = 0; i < drop; i++) kept[order[i]] = false
  return kept
}

/**
 * [experts, ...weight.shape]: copies in which weights not kept are redrawn, normal with the mean and standard deviation
 * of those they replace.
 */
async function copies(
  device: Device,
  weight: Tensor,
  kept: readonly (readonly boolean[])[],
  along: 'rows' | 'columns',
  seed: number,
  name: string,
): Promise<Tensor> {
  const [rows, columns] = weight.shape
  const source = Float32Array.from(await weight.data())
  const all = new Float32Array(kept.length * source.length)
  kept.forEach((places, e) => {
    const copy = all.subarray(e * source.length, (e + 1) * source.length)
    copy.set(source)
    const dropped: number[] = []
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) if (!places[along === 'rows' ? i : j]) dropped.push(i * columns + j)
    if (dropped.length === 0) return
    let mean = 0
    for (const i of dropped) mean += source[i] / dropped.length
    let variance = 0
    for (const i of dropped) variance += (source[i] - mean) ** 2 / dropped.length
    const drawn = new Float32Array(dropped.length)
    fillNormal(drawn, Math.sqrt(variance), seed, hashName(`${name}.${e}`))
    dropped.forEach((at, i) => {
      copy[at] = mean + drawn[i]
    })
  })
  return device.tensor(all, [kept.length, rows, columns], weight.dtype)
}

/** Initial weights of a decoder, as Megatron-LM draws them. */
import type { Device } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import type { Parameters } from '../language-model.ts'
import { type ParameterShape, parameterShapes } from '../parameters.ts'
import { fillNormal, hashName } from '../random.ts'

export interface InitializeOptions {
  /** Default 0. The same seed gives the same weights on every backend. */
  readonly seed?: number
  /** Divide the deviation of o_proj and down_proj by sqrt(2 * layers), as Megatron-LM does by default. Default true. */
  readonly scaleOutputs?: boolean
}

/**
 * Draws matrices from a normal distribution with standard deviation `initializerRange`; norms begin as the identity,
 * biases as 0.
 * @returns float32 host tensors of the device
 */
export function initializeDecoder(
  device: Device,
  architecture: ModelArchitecture,
  options: InitializeOptions = {},
  shapes: readonly ParameterShape[] = parameterShapes(architecture, { experts: 'stacked' }),
): Parameters {
  const { seed = 0, scaleOutputs = true } = options
  const { initializerRange, numHiddenLayers } = architecture
  const parameters: Parameters = {}
  for (const { name, shape } of shapes) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
    if (name.endsWith('.bias')) values.fill(0)
    else if (shape.length === 1) values.fill(architecture.normOffset ? 0 : 1)
    else {
      const output = scaleOutputs && /\.(o_proj|down_proj|w2)\./.test(name)
      fillNormal(values, initializerRange / (output ? Math.sqrt(2 * numHiddenLayers) : 1), seed, hashName(name))
    }
    parameters[name] = device.tensor(values, shape)
  }
  return parameters
}

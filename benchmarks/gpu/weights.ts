/** Weights that a model is timed with: made faster than initial weights, which take a minute for the largest model. */
import type { DecoderModel, Parameters } from '@kumiki/models'
import type { Device } from '@kumiki/tensor'
import { inputValues } from '../kernels/cases.ts'

let pool: Float32Array | undefined

/** Norms are 1 and matrices small pseudo-random numbers, which repeat after a length that no row has. */
export function benchmarkWeights(device: Device, model: DecoderModel): Parameters {
  pool ??= inputValues([1_000_003], 0).map((x) => 0.03 * x)
  const parameters: Parameters = {}
  for (const { name, shape } of model.parameters) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
    if (shape.length === 1) values.fill(name.endsWith('.bias') ? 0 : 1)
    else
      for (let at = 0; at < values.length; at += pool.length)
        values.set(pool.subarray(0, Math.min(pool.length, values.length - at)), at)
    parameters[name] = device.tensor(values, shape)
  }
  return parameters
}

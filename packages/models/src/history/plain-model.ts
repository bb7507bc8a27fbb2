/** Shared by the models before Transformers: size checks, initial weights, counts from shapes. */
import type { Device } from '@kumiki/tensor'
import type { LanguageModel, Parameters } from '../language-model.ts'
import type { ParameterShape } from '../parameters.ts'
import { fillNormal, hashName } from '../random.ts'

/** @throws RangeError naming the size, what was given and what is allowed */
export function requireSizes(where: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(sizes))
    if (!Number.isInteger(value) || value < 1 || value > 2 ** 24)
      throw new RangeError(`${where}: ${name} must be an integer from 1 to 2^24, got ${value}`)
}

/** @throws RangeError naming the first key that is not in `known` */
export function requireKnown(where: string, options: object, known: readonly string[]): void {
  const other = Object.keys(options).find((key) => !known.includes(key))
  if (other !== undefined)
    throw new RangeError(`${where}: unknown option ${other}; known options are ${known.join(', ')}`)
}

const elements = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

/**
 * The parts of a model that follow from its parameters' shapes. Matrices are normal with standard deviation 1 /
 * sqrt(inputs), embeddings with 0.1, biases are 0. Each matrix except the embedding is one product per token: 2 FLOP
 * per weight forward, 4 backward.
 */
export function fromShapes(
  parameters: readonly ParameterShape[],
): Pick<LanguageModel, 'parameters' | 'initialize' | 'countParameters' | 'flopsPerToken'> {
  const products = parameters.filter(({ name, shape }) => shape.length === 2 && name !== 'embedding.weight')
  return {
    parameters,
    initialize(device: Device, { seed = 0 } = {}): Parameters {
      const values = ({ name, shape }: ParameterShape) => {
        const out = new Float32Array(elements(shape))
        const deviation = name === 'embedding.weight' ? 0.1 : 1 / Math.sqrt(shape[1])
        if (shape.length === 2) fillNormal(out, deviation, seed, hashName(name))
        return device.tensor(out, shape)
      }
      return Object.fromEntries(parameters.map((parameter) => [parameter.name, values(parameter)]))
    },
    countParameters: () => ({ total: parameters.reduce((n, { shape }) => n + elements(shape), 0) }),
    flopsPerToken: () => products.reduce((n, { shape }) => n + 6 * elements(shape), 0),
  }
}

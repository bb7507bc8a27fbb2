/**
 * A custom language model: a minimal gated recurrent network with one layer,
 *
 *   z = sigmoid(W e + b)   c = tanh(V e)   h' = h + z (c - h)
 *
 * where e is the token's embedding. It is an object of the type `LanguageModel`.
 */
import { type LanguageModel, linear, outputLayer } from '@kumiki/models'
import { add, cast, full, mul, scan, sigmoid, sub, type Tensor, take, tanh, transpose } from '@kumiki/tensor'

export interface Sizes {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly contextLength: number
}

export function minimalGated({ vocabSize, hiddenSize, contextLength }: Sizes): LanguageModel {
  const square = [hiddenSize, hiddenSize]
  const parameters = [
    { name: 'embedding', shape: [vocabSize, hiddenSize] },
    { name: 'gate.weight', shape: square },
    { name: 'gate.bias', shape: [hiddenSize] },
    { name: 'candidate.weight', shape: square },
    { name: 'head', shape: [vocabSize, hiddenSize] },
  ]
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b)
  return {
    name: 'minimal gated',
    contextLength,
    vocabSize,
    parameters,
    // The layers that a precision policy may run in fp8.
    linearLayers: [
      { name: 'gate.weight', role: 'gate', block: 0 },
      { name: 'candidate.weight', role: 'candidate', block: 0 },
    ],
    initialize(device, { seed = 0 } = {}) {
      return Object.fromEntries(
        parameters.map(({ name, shape }, k) => {
          const range = name === 'gate.bias' ? 0 : name === 'embedding' ? 1 : 1 / Math.sqrt(hiddenSize)
          return [name, device.tensor(uniform(size(shape), range, 100 * seed + k), shape)]
        }),
      )
    },
    forward(p, tokens, { activations, linear: rule, documents, cache } = {}) {
      if (documents) throw new RangeError('minimal gated: does not separate documents in one sequence')
      const layer = rule ?? ((x, weight) => linear(x, weight, activations))
      const [batch] = tokens.shape
      const x = cast(take(p.embedding, tokens), 'float32') // [B, T, C]
      const byTime = (y: Tensor) => transpose(y, [1, 0, 2]) // [T, B, C]
      const z = byTime(sigmoid(add(layer(x, p['gate.weight'], 'gate.weight'), p['gate.bias'])))
      const c = byTime(tanh(layer(x, p['candidate.weight'], 'candidate.weight')))
      const step = (h: Tensor, at: { z: Tensor; c: Tensor }) => {
        const next = add(h, mul(at.z, sub(at.c, h)))
        return [next, next] as const
      }
      const begin = cache && cache !== 'begin' ? cache.h : full([batch, hiddenSize], 0)
      const [h, states] = scan(step, begin, { z, c })
      return { ...outputLayer(byTime(states), p.head, activations), ...(cache && { cache: { h } }) }
    },
    countParameters: () => ({ total: parameters.reduce((n, { shape }) => n + size(shape), 0) }),
    flopsPerToken: () => 6 * (2 * size(square) + vocabSize * hiddenSize),
  }
}

/** Deterministic uniform numbers between -range and range (mulberry32). */
function uniform(count: number, range: number, seed: number): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return range * (((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1)
  })
}

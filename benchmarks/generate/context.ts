/**
 * Time of a decoding step by context length, and of its attention alone, measured alternately in one process. The
 * difference should not grow with the context.
 */
import { decoderModel, Generator, type Parameters } from '@kumiki/models'
import { compile, type Device, matmul, softmax, swapAxes, type Tensor } from '@kumiki/tensor'
import { medianOf } from '../common/statistics.ts'
import { architecture, promptOf } from './workload.ts'

export interface ContextCost {
  readonly context: number
  readonly millisecondsPerToken: number
  /** Scores, softmax and weighted sums of values in all layers, over all positions of the cache. */
  readonly attentionMilliseconds: number
  readonly otherMilliseconds: number
}

export async function costOverContext(
  device: Device,
  parameters: Parameters,
  contexts: readonly number[],
  rounds: number,
): Promise<ContextCost[]> {
  const { numAttentionHeads, numKeyValueHeads, headDim, numHiddenLayers } = architecture
  const group = numAttentionHeads / numKeyValueHeads
  const generator = new Generator(device, decoderModel(architecture), parameters)
  // Attention as in the decoder with a cache: q [KV, G, D], keys and values [S, KV, D], with G query heads per
  // key/value head.
  const attend = compile((q: Tensor, keys: Tensor, values: Tensor) => {
    const scores = matmul(q, keys.transpose([1, 2, 0]), { dtype: 'float32' }).mul(headDim ** -0.5)
    return matmul(softmax(scores), swapAxes(values, 0, 1), { dtype: 'float32' })
  })
  const step = 16
  const costs: ContextCost[] = []
  for (const context of contexts) {
    const tensor = (shape: number[]) => device.tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.01), shape)
    const q = tensor([numKeyValueHeads, group, headDim])
    // Each layer has its own: what is read again and again stands in a cache of the processor, which no model's does.
    const layers = Array.from({ length: numHiddenLayers }, () =>
      [1, 2].map(() => tensor([context + step, numKeyValueHeads, headDim])),
    )
    const whole: number[] = []
    const attention: number[] = []
    for (let round = 0; round <= rounds; round++) {
      let at = 0
      for await (const _ of generator.generate(promptOf(context, round), step + 1, { temperature: 0 })) {
        const now = performance.now()
        if (at > 0 && round > 0) whole.push(now - at)
        at = now
      }
      const began = performance.now()
      for (let i = 0; i < step; i++) for (const [keys, values] of layers) (await attend(q, keys, values)).dispose()
      if (round > 0) attention.push((performance.now() - began) / step)
    }
    for (const t of [q, ...layers.flat()]) t.dispose()
    const [token, of] = [medianOf(whole), medianOf(attention)]
    const figure = (x: number) => Number(x.toPrecision(4))
    costs.push({
      context,
      millisecondsPerToken: figure(token),
      attentionMilliseconds: figure(of),
      otherMilliseconds: figure(token - of),
    })
  }
  generator.dispose()
  return costs
}

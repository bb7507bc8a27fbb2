/** What is measured at growing sizes, and how much work each size is. */
import { flopsPerToken, nano } from '@kumiki/models'
import {
  attention,
  type Compiled,
  compile,
  type Device,
  linearCrossEntropy,
  type Tensor,
  valueAndGrad,
} from '@kumiki/tensor'
import { decoderStep } from '../common/decoder-step.ts'
import { inputValues } from '../kernels/cases.ts'

export interface Prepared {
  /** One call, until the device has done it. */
  run(): Promise<void>
  /** Known before the first run. */
  readonly peakBytes: number
  dispose(): void
}

export interface Curve {
  readonly name: string
  /** What grows. */
  readonly axis: string
  readonly sizes: readonly number[]
  /** FLOPs of one call, those that are done twice to save memory included. */
  flops(size: number): number
  prepare(device: Device, size: number): Promise<Prepared>
}

const heads = 2
const headDim = 64

/** Forward and backward of one sequence: 2 and 5 products of [T, T] with [T, headDim] a head, half of each masked. */
const attentionCurve: Curve = {
  name: 'causal attention, forward and backward',
  axis: 'sequence length',
  sizes: [128, 256, 512, 1024, 2048, 4096, 8192],
  flops: (length) => 7 * length * (length + 1) * heads * headDim,
  async prepare(device, length) {
    const shape = [1, length, heads, headDim]
    const inputs = [0, 1, 2].map((i) => device.tensor(inputValues(shape, i), shape))
    const f = compile((all: Tensor[]) => {
      const result = valueAndGrad(([q, k, v]: Tensor[]) => attention(q, k, v).square().sum())(all)
      return [result.value, ...result.grads]
    })
    return prepared(f, inputs)
  },
}

const tokens = 256
const hidden = 128

/** Above this many bytes logits are computed a second time for the gradient: see linearCrossEntropy. */
const keptLogits = 16 << 20

/** Loss and gradients of hidden states and vocabulary matrix: logits (again, if they are not kept), and two products of their gradient. */
const vocabularyCurve: Curve = {
  name: 'linear + cross-entropy, loss and gradient',
  axis: 'vocabulary',
  sizes: [2048, 4096, 8192, 16_384, 32_768, 65_536, 99_584],
  flops: (vocabulary) => (4 * tokens * vocabulary <= keptLogits ? 6 : 8) * tokens * hidden * vocabulary,
  async prepare(device, vocabulary) {
    const inputs = [
      device.tensor(inputValues([tokens, hidden], 0), [tokens, hidden]),
      device.tensor(inputValues([vocabulary, hidden], 1), [vocabulary, hidden]),
      device.tensor(
        Int32Array.from({ length: tokens }, (_, i) => (i * 7919) % vocabulary),
        [tokens],
      ),
    ]
    const f = compile(([x, weight, targets]: Tensor[]) => {
      const result = valueAndGrad(([h, w]: Tensor[]) => linearCrossEntropy(h, w, targets).mean())([x, weight])
      return [result.value, ...result.grads]
    })
    return prepared(f, inputs)
  },
}

const step = [2, 128] as const

const layersCurve: Curve = {
  name: 'training step, nano with more layers',
  axis: 'layers',
  sizes: [2, 4, 8, 16, 24],
  flops: (layers) =>
    step[0] * step[1] * flopsPerToken({ ...nano, numHiddenLayers: layers }, { sequenceLength: step[1] }),
  async prepare(device, layers) {
    const made = await decoderStep(device, { ...nano, numHiddenLayers: layers }, step)
    return {
      peakBytes: made.memory().peakBytes,
      async run() {
        await made.start()
        await made.loss()
      },
      dispose: made.dispose,
    }
  },
}

export const curves: readonly Curve[] = [attentionCurve, vocabularyCurve, layersCurve]

async function prepared(f: Compiled<[Tensor[]], Tensor[]>, inputs: Tensor[]): Promise<Prepared> {
  await f.prepare(inputs)
  return {
    peakBytes: f.memory().peakBytes,
    async run() {
      const results = await f(inputs)
      // The loss is ready when everything is: commands run in order.
      await results[0].item()
      for (const t of results) t.dispose()
    },
    dispose() {
      f.dispose()
      for (const t of inputs) t.dispose()
    },
  }
}

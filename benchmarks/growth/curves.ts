/** What is measured at increasing sizes, and the FLOPs of each size. */
import { countParameters, flopsPerToken, type ModelArchitecture, nano } from '@kumiki/models'
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
  /** One call; resolves when the device has finished it. */
  run(): Promise<void>
  /** Peak memory of the compiled program, in bytes. */
  readonly peakBytes: number
  dispose(): void
}

export interface Curve {
  readonly name: string
  /** Name of the size. */
  readonly axis: string
  readonly sizes: readonly number[]
  /** FLOPs of one call, including those that are repeated to save memory. */
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

/** Loss, and gradients of hidden states and vocabulary matrix: the logits and two more products. */
const vocabularyCurve: Curve = {
  name: 'linear + cross-entropy, loss and gradient',
  axis: 'vocabulary',
  sizes: [2048, 4096, 8192, 16_384, 32_768, 65_536, 99_584],
  flops: (vocabulary) => 6 * tokens * hidden * vocabulary,
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

/** A training step: FLOPs by the model's formula, plus the attention scores, which the backward pass recomputes. */
function stepCurve(
  name: string,
  axis: string,
  sizes: readonly number[],
  caseOf: (size: number) => { architecture: ModelArchitecture; shape: readonly [batch: number, sequence: number] },
): Curve {
  return {
    name,
    axis,
    sizes,
    flops(size) {
      const { architecture, shape } = caseOf(size)
      const [batch, sequenceLength] = shape
      const { numHiddenLayers, numAttentionHeads, headDim } = architecture
      const scores = numHiddenLayers * sequenceLength * numAttentionHeads * headDim
      return batch * sequenceLength * (flopsPerToken(architecture, { sequenceLength }) + scores)
    },
    async prepare(device, size) {
      const { architecture, shape } = caseOf(size)
      const made = await decoderStep(device, architecture, shape)
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
}

const layersCurve = stepCurve('training step, nano with more layers', 'layers', [2, 4, 8, 16, 24], (layers) => ({
  architecture: { ...nano, numHiddenLayers: layers },
  shape: step,
}))

const contextCurve = stepCurve(
  'training step, nano on one sequence',
  'context',
  [128, 256, 512, 1024, 2048, 4096],
  (length) => ({ architecture: { ...nano, maxPositionEmbeddings: length }, shape: [1, length] }),
)

const ofWidth = (width: number): ModelArchitecture => ({
  ...nano,
  hiddenSize: width,
  intermediateSize: 4 * width,
  headDim: width / nano.numAttentionHeads,
})
const widths = new Map([64, 128, 256, 512].map((width) => [countParameters(ofWidth(width)).total, width]))

const parametersCurve = stepCurve('training step, nano made wider', 'parameters', [...widths.keys()], (parameters) => ({
  architecture: ofWidth(widths.get(parameters)!),
  shape: step,
}))

/**
 * The number of tokens grows with that of experts, so every expert has the same number: FLOPs grow as the parameters
 * do.
 */
const expertsCurve = stepCurve(
  'training step of a mixture, 128 tokens an expert',
  'experts',
  [4, 8, 16, 32, 64],
  (numExperts) => ({
    architecture: {
      ...nano,
      numHiddenLayers: 2,
      experts: { numExperts, numExpertsPerToken: 2, intermediateSize: 256, tensorNames: 'mixtral' },
    },
    shape: [numExperts / 2, 128],
  }),
)

export const curves: readonly Curve[] = [
  attentionCurve,
  vocabularyCurve,
  layersCurve,
  contextCurve,
  parametersCurve,
  expertsCurve,
]

async function prepared(f: Compiled<[Tensor[]], Tensor[]>, inputs: Tensor[]): Promise<Prepared> {
  await f.prepare(inputs)
  return {
    peakBytes: f.memory().peakBytes,
    async run() {
      const results = await f(inputs)
      // Commands run in order, so reading the loss waits for all of them.
      await results[0].item()
      for (const t of results) t.dispose()
    },
    dispose() {
      f.dispose()
      for (const t of inputs) t.dispose()
    },
  }
}

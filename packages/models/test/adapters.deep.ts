/** Adapters of PEFT: every case of its vectors, on WebGPU too. */
import { type Device, init, valueAndGrad } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { blockScaledModel, decoderModel, loraModel, nano, type Parameters } from '../src/index.ts'
import { far } from './transformers-checks.ts'

const architecture = {
  ...nano,
  numHiddenLayers: 2,
  hiddenSize: 64,
  intermediateSize: 96,
  headDim: 16,
  vocabSize: 50,
  paddedVocabSize: 128,
}
const adapted = loraModel(decoderModel({ ...architecture, initializerRange: 0.2 }), {
  rank: 4,
  alpha: 8,
  targets: 'all-linear',
})

test.each([undefined, { blockSize: 16 }, { format: 'float8_e5m2' }] as const)(
  'adapters on a base of %j: WebGPU as the processor, forward and backward',
  async (options) => {
    const model = options ? blockScaledModel(adapted, options) : adapted
    const run = async (device: Device) => {
      const parameters = model.initialize(device, { seed: 3 })
      for (const [name, t] of Object.entries(parameters))
        if (name.endsWith('lora_B.weight'))
          parameters[name] = device.tensor(
            Float32Array.from({ length: t.size }, (_, i) => Math.sin(i) / 5),
            t.shape,
          )
      const trained = Object.fromEntries(Object.entries(parameters).filter(([name]) => name.includes('.lora_')))
      const ids = (shift: number) =>
        device.tensor(
          Int32Array.from({ length: 24 }, (_, i) => (i * 7 + shift) % 50),
          [2, 12],
        )
      const loss = (p: Parameters) =>
        model
          .forward({ ...parameters, ...p }, ids(0), { activations: 'bfloat16' })
          .losses(ids(7))
          .mean()
      const { value, grads } = valueAndGrad(loss)(trained)
      const all = [await value.data()]
      for (const g of Object.values(grads)) all.push(await g.data())
      device.dispose()
      return all
    }
    const [a, b] = [await run(await init({ backend: 'cpu' })), await run(await init({ backend: 'webgpu' }))]
    a.forEach((x, i) => void expect(far(x, b[i])).toBeLessThan(2e-3))
    expect(Math.max(...a[3].map(Math.abs))).toBeGreaterThan(1e-3)
  },
)

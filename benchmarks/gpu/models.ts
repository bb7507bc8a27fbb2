/** Training steps, generation, and the host's time per dispatch. */
import { batches } from '@kumiki/data'
import { decoderModel, Generator } from '@kumiki/models'
import { flopsPerToken, type ModelArchitecture } from '@kumiki/models/configs'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { compile, type Device, init, matmul, type Tensor } from '@kumiki/tensor'
import { findPrecision, Trainer } from '@kumiki/train'
import { medianOf } from '../common/statistics.ts'
import type { Devices } from './measure.ts'
import { nvidiaBytes } from './nvidia.ts'
import { type Peaks, peakFor } from './peaks.ts'
import type { Cases, Figures } from './record.ts'
import type { Sizes } from './sizes.ts'
import { benchmarkWeights } from './weights.ts'

/** One document of ids over the whole vocabulary, low ones more frequent. */
function documents(vocabSize: number, tokens: number): Int32Array[] {
  return [Int32Array.from({ length: tokens }, (_, i) => Math.floor((vocabSize - 1) * ((i * 0.618034) % 1) ** 3))]
}

/** Most that the memory which a step took may differ from what its program stated beforehand. */
const memoryTolerance = 0.05

export async function training(cases: Cases, gpu: GPU, sizes: Sizes, peak: Peaks): Promise<void> {
  for (const { name, architecture, batch, sequence } of sizes.training)
    for (const precision of sizes.precisions)
      await cases.try('training', `${name} ${precision} ${batch} x ${sequence}`, async () => {
        // A device of its own, so that its memory is that of this case.
        const device = await init({ backend: 'webgpu', gpu })
        try {
          return await trainingFigures(device, { architecture, batch, sequence, precision, rounds: sizes.rounds }, peak)
        } finally {
          device.dispose()
        }
      })
}

interface Trained {
  readonly architecture: ModelArchitecture
  readonly batch: number
  readonly sequence: number
  readonly precision: string
  readonly rounds: number
}

async function trainingFigures(
  device: Device,
  { architecture, batch, sequence, precision, rounds }: Trained,
  peak: Peaks,
): Promise<Figures> {
  const { vocabSize } = architecture
  const steps = rounds + 2
  const needed = batch * (sequence + 1) * (steps + 1)
  const model = decoderModel(architecture)
  const usedBefore = nvidiaBytes()
  const trainer = Trainer.create({
    device,
    model,
    parameters: benchmarkWeights(device, model),
    data: batches({
      documents: documents(vocabSize, needed),
      eosId: vocabSize - 1,
      vocabSize,
      batchSize: batch,
      sequenceLength: sequence,
    }),
    optimizer: chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1 })),
    schedule: () => 1e-4,
    precision: findPrecision(precision),
  })
  try {
    const losses: number[] = []
    const seconds: number[] = []
    let before = performance.now()
    for await (const { loss } of trainer.run(steps)) {
      losses.push(loss)
      const now = performance.now()
      // The first steps trace and compile.
      if (losses.length > 2) seconds.push((now - before) / 1000)
      before = now
    }
    const used = nvidiaBytes()
    const expected = Math.log(vocabSize)
    if (!(Math.abs(losses[0] - expected) < 0.2 * expected))
      throw new Error(`the first loss is ${losses[0]}; an untrained model has about ${expected.toFixed(2)}`)
    if (!(losses.at(-1)! < losses[0])) throw new Error(`the loss has not fallen: ${losses.join(', ')}`)
    const second = medianOf(seconds)
    const tokensPerSecond = (batch * sequence) / second
    const gflops = (tokensPerSecond * flopsPerToken({ ...architecture, maxPositionEmbeddings: sequence })) / 1e9
    const most = peakFor(peak, precision === 'f32' ? 'float32' : 'bfloat16')
    const statedBytes = trainer.memory().peakBytes
    const takenBytes = device.counters.bytes
    return {
      tokensPerSecond,
      secondsPerStep: second,
      gflops,
      mfu: most && gflops / most.gflops,
      peak: most?.of,
      statedBytes,
      takenBytes,
      memoryConfirmed: Math.abs(takenBytes / statedBytes - 1) <= memoryTolerance,
      ...(usedBefore !== undefined && used !== undefined && { driverBytes: used - usedBefore }),
      firstLoss: losses[0],
      lastLoss: losses.at(-1)!,
    }
  } finally {
    trainer.dispose()
  }
}

export async function generation(cases: Cases, devices: Devices, sizes: Sizes): Promise<void> {
  for (const { name, architecture, sequence } of sizes.training)
    await cases.try('generation', `${name}, ${sequence / 2} tokens read`, async () => {
      const device = await devices.of()
      const model = decoderModel(architecture)
      const parameters = benchmarkWeights(device, model)
      const generator = new Generator(device, model, parameters)
      const prompt = Int32Array.from({ length: sequence / 2 }, (_, i) => (i * 7919) % architecture.vocabSize)
      try {
        const run = async () => {
          const start = performance.now()
          let first = 0
          let count = 0
          for await (const _ of generator.generate([...prompt], sizes.generated, { temperature: 0 })) {
            if (++count === 1) first = performance.now()
          }
          return { prefill: (first - start) / 1000, decode: (performance.now() - first) / 1000 / (count - 1) }
        }
        await run()
        const runs = [await run(), await run(), await run()]
        const [prefill, decode] = [medianOf(runs.map((r) => r.prefill)), medianOf(runs.map((r) => r.decode))]
        return { prefillTokensPerSecond: prompt.length / prefill, tokensPerSecond: 1 / decode }
      } finally {
        generator.dispose()
        for (const t of Object.values(parameters)) t.dispose()
      }
    })
}

/** A chain of products of 4 x 4 matrices: so little work for the device that the host's time is what is measured. */
export async function hostCost(cases: Cases, devices: Devices, count: number): Promise<void> {
  await cases.try('host', `${count} dispatches`, async () => {
    const device: Device = await devices.of()
    const chainOf = compile((x: Tensor, w: Tensor) => {
      let y = x
      for (let i = 0; i < count; i++) y = matmul(y, w)
      return y
    })
    const [x, w] = [
      device.tensor(new Float32Array(16).fill(0.25), [4, 4]),
      device.tensor(new Float32Array(16).fill(0.25), [4, 4]),
    ]
    const microseconds: number[] = []
    for (let round = -2; round < 9; round++) {
      const before = device.counters.dispatches
      const start = performance.now()
      const y = await chainOf(x, w)
      const returned = performance.now()
      await y.data()
      y.dispose()
      if (round >= 0) microseconds.push(((returned - start) * 1e3) / (device.counters.dispatches - before))
    }
    chainOf.dispose()
    return { microseconds: medianOf(microseconds), best: Math.min(...microseconds) }
  })
}

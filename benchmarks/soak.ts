/**
 * Does training leak? Steps by the ten thousand, and trainers made and disposed: memory and step times, drawn.
 *
 *     nice -n 19 node --expose-gc --conditions=source --import tsx benchmarks/soak.ts --backend cpu --steps 20000 --out results/soak-cpu
 *     nice -n 19 node scripts/with-swiftshader.mjs node --expose-gc --conditions=source --import tsx benchmarks/soak.ts --backend webgpu --steps 2000
 *     node --expose-gc --conditions=source --import tsx benchmarks/soak.ts --trainers 200
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { batches } from '@kumiki/data'
import { decoderModel, nano } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, constant } from '@kumiki/optim'
import { lineCharts } from '@kumiki/report'
import { init } from '@kumiki/tensor'
import { bf16, Trainer } from '@kumiki/train'
import { countOf } from './common/options.ts'
import { provenance } from './common/provenance.ts'

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '1' },
    steps: { type: 'string', default: '20000' },
    /** Instead of steps: trainers that are made, make three steps and are disposed. */
    trainers: { type: 'string' },
    batch: { type: 'string', default: '1' },
    sequence: { type: 'string', default: '32' },
    /** Beginning of the names of a .jsonl and a .svg. */
    out: { type: 'string' },
  },
})
const steps = countOf('steps', values.steps)
const sequenceLength = countOf('sequence', values.sequence)
const device = await init({ backend: values.backend as 'cpu', threads: countOf('threads', values.threads) } as never)
const documents = Array.from({ length: 200 }, (_, d) =>
  Int32Array.from({ length: 50 }, (_, i) => 3 + ((d * 7 + i) % 90)),
)
const architecture = { ...nano, vocabSize: 512, paddedVocabSize: 512 }
const make = () =>
  Trainer.create({
    device,
    model: decoderModel(architecture),
    data: batches({
      documents,
      eosId: 2,
      vocabSize: 512,
      batchSize: countOf('batch', values.batch),
      sequenceLength,
      seed: 1,
    }),
    optimizer: chain(clipGlobalNorm(1), adamw()),
    schedule: constant(1e-4),
    precision: bf16,
  })

interface Sample {
  readonly at: number
  /** MB: of the process, of JavaScript's heap after a collection. */
  readonly rss: number
  readonly heap: number
  /** Buffers that the device has, where it tells. */
  readonly buffers: number
}

const collect = (globalThis as { gc?: () => void }).gc
const sample = (at: number): Sample => {
  collect?.()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  const { liveBuffers } = device as unknown as { liveBuffers?: number }
  return { at, rss: rss / 1e6, heap: heapUsed / 1e6, buffers: liveBuffers ?? arrayBuffers / 1e6 }
}
const samples: Sample[] = []
const milliseconds: number[] = []
if (values.trainers !== undefined) {
  const count = countOf('trainers', values.trainers)
  for (let i = 0; i < count; i++) {
    const trainer = make()
    for await (const _ of trainer.run(3)) void _
    trainer.dispose()
    if (i % Math.ceil(count / 100) === 0 || i === count - 1) samples.push(sample(i + 1))
  }
} else {
  const trainer = make()
  let before = performance.now()
  for await (const { step } of trainer.run(steps)) {
    milliseconds.push(performance.now() - before)
    if (step % Math.ceil(steps / 200) === 0) samples.push(sample(step))
    before = performance.now()
  }
  trainer.dispose()
}

// The second half against the first: what grows keeps growing.
const half = samples.slice(Math.floor(samples.length / 5))
const slope = (pick: (s: Sample) => number) => {
  const n = half.length
  const x = half.reduce((sum, s) => sum + s.at, 0) / n
  const y = half.reduce((sum, s) => sum + pick(s), 0) / n
  return (
    (half.reduce((sum, s) => sum + (s.at - x) * (pick(s) - y), 0) / half.reduce((sum, s) => sum + (s.at - x) ** 2, 0)) *
    1000
  )
}
const sorted = [...milliseconds].sort((a, b) => a - b)
const median = sorted[Math.floor(sorted.length / 2)]
const summary = {
  ...provenance(['tensor', 'train']),
  device: device.name,
  what: values.trainers === undefined ? `${steps} steps` : `${values.trainers} trainers`,
  rssPerThousandMB: slope((s) => s.rss),
  heapPerThousandMB: slope((s) => s.heap),
  rssMB: [samples[0].rss, samples.at(-1)!.rss],
  heapMB: [samples[0].heap, samples.at(-1)!.heap],
  ...(median && {
    medianMilliseconds: median,
    // The first steps compile.
    slow: milliseconds.slice(10).filter((ms) => ms > 3 * median).length,
    slowest: Math.max(...milliseconds.slice(10)),
  }),
}
console.log(JSON.stringify(summary))
if (values.out) {
  writeFileSync(`${values.out}.jsonl`, `${[summary, ...samples].map((s) => JSON.stringify(s)).join('\n')}\n`)
  const chart = (title: string, pick: (s: Sample) => number) => ({
    title,
    xLabel: values.trainers === undefined ? 'step' : 'trainers made and disposed',
    yLabel: 'MB',
    lines: [{ label: title, points: samples.map((s) => [s.at, pick(s)] as const) }],
    fromZero: true,
  })
  writeFileSync(
    `${values.out}.svg`,
    lineCharts([chart('Resident memory', (s) => s.rss), chart('Heap after collection', (s) => s.heap)]),
  )
}
device.dispose()

/**
 * Looks for leaks in training: tens of thousands of steps, or many trainers created and disposed, with charts of live
 * buffers, heap, resident memory and step times.
 *
 *     node --expose-gc --conditions=source --import tsx benchmarks/soak.ts --backend cpu --steps 20000 --out soak-cpu
 *     node --expose-gc --conditions=source --import tsx benchmarks/soak.ts --small --sequence 8 --steps 10000
 *     node --expose-gc --conditions=source --import tsx benchmarks/soak.ts --trainers 200
 *
 * `--backend webgpu` needs an adapter: on a machine without one, put `node scripts/with-swiftshader.mjs` in front.
 * Prefix `nice -n 19` where the machine is shared.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { batches } from '@kumiki/data'
import { decoderModel, nano } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, constant } from '@kumiki/optim'
import { lineCharts } from '@kumiki/report'
import { init } from '@kumiki/tensor'
import { bf16, Trainer } from '@kumiki/train'
import { countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '1' },
    steps: { type: 'string', default: '20000' },
    /** Instead of `steps`: the number of trainers, each of which makes three steps and is disposed. */
    trainers: { type: 'string' },
    batch: { type: 'string', default: '1' },
    sequence: { type: 'string', default: '64' },
    /**
     * A model of one layer of width 16, for many short steps: what a step leaks does not depend on the model's size.
     */
    small: { type: 'boolean', default: false },
    /** Path of the .jsonl and .svg files, without the extension. */
    out: { type: 'string' },
  },
})
const steps = countOf('steps', values.steps)
const sequenceLength = countOf('sequence', values.sequence)
const device = await init({ backend: values.backend as 'cpu', threads: countOf('threads', values.threads) } as never)
const documents = Array.from({ length: 200 }, (_, d) =>
  Int32Array.from({ length: 50 }, (_, i) => 3 + ((d * 7 + i) % 90)),
)
const sizes = { hiddenSize: 16, intermediateSize: 16, numHiddenLayers: 1, numAttentionHeads: 1, headDim: 16 }
const small = { ...sizes, numKeyValueHeads: 1, initializerRange: 0.1 }
const architecture = { ...nano, ...(values.small && small), vocabSize: 512, paddedVocabSize: 512 }
const model = () => decoderModel(architecture)
const make = (of = model()) =>
  Trainer.create({
    device,
    model: of,
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
  /** MB: resident memory of the process, and JavaScript's heap after a collection. */
  readonly rss: number
  readonly heap: number
  /** MB that JavaScript objects hold outside the heap. */
  readonly external: number
  /** Buffers that the device holds, and their MB. */
  readonly buffers: number
  readonly bufferMB: number
  /** Processor milliseconds of the steps since the previous sample: the median, and the slowest. */
  readonly median?: number
  readonly slowest?: number
}

/**
 * Processor time in milliseconds: other processes on the machine are not counted. Of the main thread where it computes
 * the steps itself (cpu backend with one thread, on Linux), else of the process, which includes a software adapter's
 * threads.
 */
const ownThread = device.kind === 'cpu' && values.threads === '1' && existsSync('/proc/self/schedstat')
const processorTime = (): number => {
  if (ownThread) return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[0]) / 1e6
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Garbage collections, with their start and duration: they explain slow steps. */
const collections: { readonly from: number; readonly milliseconds: number }[] = []
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) collections.push({ from: startTime, milliseconds: duration })
}).observe({ entryTypes: ['gc'] })

const collect = (globalThis as { gc?: () => void }).gc
const sample = (at: number, steps: readonly Step[] = []): Sample => {
  collect?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  const { buffers, bytes } = device.counters
  const own = steps.map(({ processor }) => processor)
  return {
    at,
    rss: rss / 1e6,
    heap: heapUsed / 1e6,
    external: external / 1e6,
    buffers,
    bufferMB: bytes / 1e6,
    ...(own.length > 0 && { median: medianOf(own), slowest: Math.max(...own) }),
  }
}

interface Step {
  readonly step: number
  readonly began: number
  /** Milliseconds. */
  readonly wall: number
  readonly processor: number
}
const samples: Sample[] = []
const made: Step[] = []
if (values.trainers !== undefined) {
  const count = countOf('trainers', values.trainers)
  for (let i = 0; i < count; i++) {
    const own = model()
    const trainer = make(own)
    for await (const _ of trainer.run(3)) void _
    trainer.dispose()
    // Frees the rotary tables: a trainer does not dispose the model that it was given.
    own.dispose()
    if (i % Math.ceil(count / 100) === 0 || i === count - 1) samples.push(sample(i + 1))
  }
} else {
  const trainer = make()
  let [began, processor, from] = [performance.now(), processorTime(), 0]
  for await (const { step } of trainer.run(steps)) {
    made.push({ step, began, wall: performance.now() - began, processor: processorTime() - processor })
    if (step % Math.ceil(steps / 200) === 0) {
      samples.push(sample(step, made.slice(from)))
      from = made.length
    }
    began = performance.now()
    processor = processorTime()
  }
  trainer.dispose()
}
// The observer receives the last collections in a later turn of the event loop.
await new Promise((resolve) => setTimeout(resolve, 50))

// Without the first fifth, in which code is compiled and pools fill: growth after that is a leak.
const settled = samples.slice(Math.floor(samples.length / 5))
const slope = (pick: (s: Sample) => number) => {
  const x = settled.reduce((sum, s) => sum + s.at, 0) / settled.length
  const y = settled.reduce((sum, s) => sum + pick(s), 0) / settled.length
  const over = settled.reduce((sum, s) => sum + (s.at - x) * (pick(s) - y), 0)
  return (1000 * over) / settled.reduce((sum, s) => sum + (s.at - x) ** 2, 0)
}
const span = (pick: (s: Sample) => number) => [Math.min(...settled.map(pick)), Math.max(...settled.map(pick))]
// The first steps compile.
const counted = made.slice(10)
const median = medianOf(counted.map(({ processor }) => processor))
const medianWall = medianOf(counted.map(({ wall }) => wall))
const slow = counted.filter(({ processor }) => processor > 3 * median)
const inCollection = ({ began, wall }: Step) =>
  collections.filter((c) => c.from >= began && c.from < began + wall).reduce((sum, c) => sum + c.milliseconds, 0)
const summary = {
  ...provenance(['tensor', 'train']),
  device: device.name,
  what: values.trainers === undefined ? `${steps} steps` : `${values.trainers} trainers`,
  batch: [countOf('batch', values.batch), sequenceLength],
  rssPerThousandMB: slope((s) => s.rss),
  heapPerThousandMB: slope((s) => s.heap),
  rssMB: span((s) => s.rss),
  heapMB: span((s) => s.heap),
  externalMB: span((s) => s.external),
  buffers: span((s) => s.buffers),
  bufferMB: span((s) => s.bufferMB),
  ...(median !== undefined && {
    clock: ownThread ? "processor time of the step's thread" : 'processor time of the process',
    medianMilliseconds: median,
    medianWallMilliseconds: medianWall,
    slow: slow.length,
    slowByWall: counted.filter(({ wall }) => wall > 3 * medianWall).length,
    /** Slow steps that would be slow even without the time of garbage collections. */
    slowWithoutCollections: slow.filter((s) => s.processor - inCollection(s) > 3 * median).length,
    slowest: [...slow]
      .sort((a, b) => b.processor - a.processor)
      .slice(0, 20)
      .map((s) => ({ step: s.step, milliseconds: s.processor, wall: s.wall, collections: inCollection(s) })),
  }),
}
console.log(JSON.stringify(summary))
if (values.out) {
  writeFileSync(`${values.out}.jsonl`, `${[summary, ...samples].map((s) => JSON.stringify(s)).join('\n')}\n`)
  const points = (pick: (s: Sample) => number | undefined) =>
    samples.flatMap((s) => (pick(s) === undefined ? [] : [[s.at, pick(s)!] as const]))
  const chart = (title: string, yLabel: string, pick: (s: Sample) => number | undefined) => ({
    title,
    xLabel: values.trainers === undefined ? 'step' : 'trainers made and disposed',
    yLabel,
    lines: [{ label: title, points: points(pick) }],
    fromZero: true,
  })
  const times = {
    ...chart('Processor time of a step', 'ms', (s) => s.median),
    lines: [
      { label: 'median', points: points((s) => s.median) },
      { label: 'slowest of the steps between two samples', points: points((s) => s.slowest), faint: true },
    ],
  }
  writeFileSync(
    `${values.out}.svg`,
    lineCharts([
      chart('Resident memory', 'MB', (s) => s.rss),
      chart('Heap after collection', 'MB', (s) => s.heap),
      chart('Buffers of the device', 'buffers', (s) => s.buffers),
      ...(median === undefined ? [] : [times]),
    ]),
  )
}
device.dispose()

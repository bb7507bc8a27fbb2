/**
 * Processor time that a run adds to the compiled step alone: trainer, figures, metrics.jsonl and live page. The
 * subjects are measured alternately, a few steps at a time.
 *
 * The same kernels differ by some percent from one compiled program to the next, because their memory is placed
 * differently and the machine's load changes. So the compiled step is measured twice, the second time as a control, and
 * everything is measured again with short steps, where an added millisecond is visible. What a run adds does not grow
 * with the step: the result to rely on is `overhead.fromShort`, the time added to a short step divided by the time of a
 * long one.
 *
 *     node --expose-gc --conditions=source --import tsx benchmarks/trainer-overhead.ts
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batches } from '@kumiki/data'
import { decoderModel, nano } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, constant } from '@kumiki/optim'
import { init } from '@kumiki/tensor'
import { bf16, initialState, makeTrainStep, Run } from '@kumiki/train'
import { livePageObserver, MetricsLog, standardMetrics } from '@kumiki/train/node'
import { countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '45' },
    /** Steps in each measurement. */
    steps: { type: 'string', default: '1' },
    batch: { type: 'string', default: '4' },
    sequence: { type: 'string', default: '128' },
  },
})
const rounds = countOf('rounds', values.rounds)
const device = await init({ backend: values.backend as 'cpu', threads: countOf('threads', values.threads) } as never)
const model = decoderModel({ ...nano, vocabSize: 2048, paddedVocabSize: 2048 })
const documents = Array.from({ length: 400 }, (_, d) =>
  Int32Array.from({ length: 90 }, (_, i) => 3 + ((d * 7 + i) % 2000)),
)
const optimizer = chain(clipGlobalNorm(1), adamw())
const folder = await mkdtemp(join(tmpdir(), 'kumiki-overhead-'))

interface Size {
  readonly batchSize: number
  readonly sequenceLength: number
}

/** What is measured: `make` makes a number of steps. */
interface Subject {
  make(steps: number): Promise<void>
  end(): Promise<void>
}

const source = (size: Size) => batches({ documents, eosId: 2, vocabSize: 2048, ...size, seed: 1 })

/** The compiled step alone, with the trainer's inputs; its loss is read after each step. */
function bareStep(size: Size): Subject {
  const step = makeTrainStep({ model, optimizer, precision: bf16, zLoss: 0, accumulation: 1 })
  let state = initialState(model.initialize(device, { seed: 0 }), optimizer, bf16)
  const data = source(size)
  let made = 0
  return {
    async make(steps) {
      for (let i = 0; i < steps; i++) {
        const { inputs, targets } = data.next().value!
        const tensor = (ids: Int32Array) => device.tensor(ids, [size.batchSize, size.sequenceLength])
        const batch = { inputs: tensor(inputs), targets: tensor(targets) }
        const result = await step(state, batch, optimizer.scalars(++made, 1e-3), {})
        state = result.state
        await result.loss.item()
        for (const t of [result.loss, result.gradNorm, result.gradSquares]) t.dispose()
      }
    },
    async end() {
      step.dispose()
    },
  }
}

/** A run with the observers of `kumiki train --ui`. It pauses after the steps that `make` asked for. */
async function wholeRun(size: Size): Promise<Subject> {
  const page = await livePageObserver({ name: 'overhead' })
  const file = await MetricsLog.open(join(folder, `metrics-${size.batchSize}x${size.sequenceLength}.jsonl`))
  let allowed = 0
  let go = () => {}
  let reached = () => {}
  const run = Run.create(
    {
      device,
      model,
      data: source(size),
      optimizer,
      schedule: constant(1e-3),
      precision: bf16,
      steps: 1e9,
      extraMetrics: standardMetrics({ flopsPerToken: 1e6, ceiling: 1e10 }),
    },
    [
      { onStep: (metrics) => file.append(metrics) },
      page,
      {
        async onStep() {
          if (--allowed > 0) return
          await new Promise<void>((resolve) => {
            go = resolve
            reached()
          })
        },
      },
    ],
  )
  const stop = {
    requested: false,
    signal: new AbortController().signal,
    async listen() {
      await new Promise((resolve) => setImmediate(resolve))
      return stop.requested
    },
  }
  let train: Promise<unknown> | undefined
  return {
    async make(steps) {
      allowed = steps
      const there = new Promise<void>((resolve) => {
        reached = resolve
      })
      if (train) go()
      else train = run.train(stop)
      await there
    },
    async end() {
      stop.requested = true
      allowed = 10
      go()
      await train
      await file.close()
      run.dispose()
    },
  }
}

/** Processor milliseconds of this process: other processes on the machine are not counted. */
function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Median with its 95 % confidence interval, by order statistics. */
function medianOf(list: readonly number[]): { low: number; median: number; high: number } {
  const sorted = [...list].sort((a, b) => a - b)
  const at = (i: number) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(i)))]
  const [middle, reach] = [(sorted.length - 1) / 2, 0.98 * Math.sqrt(sorted.length)]
  return { low: at(middle - reach), median: at(middle), high: at(middle + reach) }
}

async function compare(size: Size, rounds: number, steps: number) {
  const subjects = [bareStep(size), bareStep(size), await wholeRun(size)]
  // A run reads a step's figures while the next step is computed, so its first measurement contains one step more.
  for (const subject of subjects) await subject.make(Math.max(3, steps))
  const times: number[][] = subjects.map(() => [])
  for (let round = 0; round < rounds; round++) {
    globalThis.gc?.()
    // Objects are finalized in turns of the event loop after a collection. Without this pause the first subject that
    // yields to the event loop would be charged for the garbage of all of them.
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (let i = 0; i < subjects.length; i++) {
      // The order rotates, so that none is always measured first.
      const which = (i + round) % subjects.length
      const began = processorTime()
      await subjects[which].make(steps)
      times[which].push((processorTime() - began) / steps)
    }
  }
  for (const subject of subjects) await subject.end()
  const [bare, control, run] = times
  const both = bare.map((b, i) => (b + control[i]) / 2)
  return {
    batch: [size.batchSize, size.sequenceLength],
    bareMilliseconds: medianOf(both).median,
    addedMilliseconds: medianOf(run.map((r, i) => r - both[i])),
    controlMilliseconds: medianOf(control.map((c, i) => c - bare[i])),
  }
}

const steps = countOf('steps', values.steps)
const short = await compare({ batchSize: 1, sequenceLength: 8 }, 3 * rounds, 4 * steps)
const long = await compare(
  { batchSize: countOf('batch', values.batch), sequenceLength: countOf('sequence', values.sequence) },
  rounds,
  steps,
)
const share = ({ low, median, high }: ReturnType<typeof medianOf>) =>
  Object.fromEntries(Object.entries({ low, median, high }).map(([name, x]) => [name, x / long.bareMilliseconds]))
console.log(
  JSON.stringify({
    ...provenance(['tensor', 'train']),
    device: device.name,
    short,
    long,
    /**
     * As parts of a long step: time added to a short step, time added to a long step; `control`: one bare step minus
     * the other.
     */
    overhead: { fromShort: share(short.addedMilliseconds), seen: share(long.addedMilliseconds) },
    control: share(long.controlMilliseconds),
  }),
)
device.dispose()
await rm(folder, { recursive: true })

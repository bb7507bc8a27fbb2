/**
 * What the trainer and its observers add to the bare compiled step: turns about, on one device, medians of processor time.
 *
 *     node --conditions=source --import tsx benchmarks/trainer-overhead.ts --rounds 9 --steps 10
 */
import { parseArgs } from 'node:util'
import { batches } from '@kumiki/data'
import { decoderModel, nano } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, constant } from '@kumiki/optim'
import { init } from '@kumiki/tensor'
import { bf16, initialState, makeTrainStep, Run } from '@kumiki/train'
import { livePageObserver, standardFigures } from '@kumiki/train/node'
import { countOf } from './common/options.ts'
import { provenance } from './common/provenance.ts'

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '9' },
    /** In a round, of each. */
    steps: { type: 'string', default: '10' },
    batch: { type: 'string', default: '4' },
    sequence: { type: 'string', default: '128' },
  },
})
const rounds = countOf('rounds', values.rounds)
const steps = countOf('steps', values.steps)
const [batchSize, sequenceLength] = [countOf('batch', values.batch), countOf('sequence', values.sequence)]
const device = await init({ backend: values.backend as 'cpu', threads: countOf('threads', values.threads) } as never)
const model = decoderModel({ ...nano, vocabSize: 2048, paddedVocabSize: 2048 })
const documents = Array.from({ length: 400 }, (_, d) =>
  Int32Array.from({ length: 90 }, (_, i) => 3 + ((d * 7 + i) % 2000)),
)
const data = () => batches({ documents, eosId: 2, vocabSize: 2048, batchSize, sequenceLength, seed: 1 })
const optimizer = chain(clipGlobalNorm(1), adamw())

/** Milliseconds of processor time of this process: what else runs on the machine does not count. */
const processorTime = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The compiled step alone, fed as the trainer feeds it. */
const bare = makeTrainStep({ model, optimizer, precision: bf16, zLoss: 0, accumulation: 1 })
let state = initialState(model.initialize(device, { seed: 0 }), optimizer, bf16)
const source = data()
let made = 0
async function bareSteps(): Promise<number> {
  const began = processorTime()
  for (let i = 0; i < steps; i++) {
    const { inputs, targets } = source.next().value!
    const tensor = (ids: Int32Array) => device.tensor(ids, [batchSize, sequenceLength])
    const batch = { inputs: tensor(inputs), targets: tensor(targets) }
    const result = await bare(state, batch, optimizer.scalars(++made, 1e-3), {})
    state = result.state
    await result.loss.item()
    for (const t of [result.loss, result.gradNorm, result.gradSquares]) t.dispose()
  }
  return (processorTime() - began) / steps
}

/** The same as a run, with figures and the live page. */
const page = await livePageObserver({ name: 'overhead' })
const run = Run.create(
  {
    device,
    model,
    data: data(),
    optimizer,
    schedule: constant(1e-3),
    precision: bf16,
    steps: 1e9,
    figures: standardFigures({ flopsPerToken: 1e6, ceiling: 1e10 }),
  },
  [page],
)
let asked = 0
const stop = {
  requested: false,
  signal: new AbortController().signal,
  async listen() {
    await new Promise((resolve) => setImmediate(resolve))
    return asked-- <= 0
  },
}
async function runSteps(): Promise<number> {
  const before = run.trainer.step
  asked = steps
  const began = processorTime()
  for await (const metrics of run.trainer.run(before + steps)) {
    page.onStep!({ ...run.options.figures!(metrics, run), ...metrics }, run)
    await stop.listen()
  }
  return (processorTime() - began) / steps
}

await bareSteps()
await runSteps()
const pairs: [bare: number, run: number][] = []
for (let round = 0; round < rounds; round++) {
  // Who begins changes, so that neither has the warmer machine.
  const first = round % 2 === 0 ? await bareSteps() : 0
  const whole = await runSteps()
  pairs.push([first || (await bareSteps()), whole])
}
const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
const result = {
  ...provenance(['tensor', 'train']),
  device: device.name,
  batch: [batchSize, sequenceLength],
  bareMilliseconds: median(pairs.map(([b]) => b)),
  runMilliseconds: median(pairs.map(([, r]) => r)),
  overhead: median(pairs.map(([b, r]) => r / b - 1)),
}
console.log(JSON.stringify(result))
await page.close()
run.dispose()
bare.dispose()
device.dispose()

/**
 * What a compiled program costs on the host: microseconds per dispatch until the call returns, without waiting for the
 * device's results. See README.md.
 *
 *     node scripts/with-swiftshader.mjs node --conditions=source --import tsx benchmarks/host-cost.ts
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { nano } from '@kumiki/models'
import { compile, type Device, init, matmul, softmax, type Tensor } from '@kumiki/tensor'
import { decoderStep } from './common/decoder-step.ts'
import { countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'
import { threadMicroseconds } from './common/thread-time.ts'
import { table } from './kernels/report.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    /** JSON lines on stdout; everything else goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const rounds = countOf('rounds', values.rounds)
/** Limit of the median: of the processor time of the host's thread, or of elapsed time where that is not known. */
const limitMicroseconds = 10
/** Calls in a row before the device is waited for, so that collecting their garbage is part of what is measured. */
const callsInTurn = 5
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** A compiled program: `start` calls it, `finish` waits until the device has computed the result of the last call. */
interface Replay {
  readonly name: string
  start(): Promise<void>
  finish(): Promise<void>
}

/**
 * A chain of `count` operations on 4 x 4 matrices, each on the result before: so little work for the device that the
 * host's time is what is measured.
 */
async function chain(
  device: Device,
  name: string,
  count: number,
  link: (y: Tensor, w: Tensor) => Tensor,
): Promise<Replay> {
  const f = compile((x: Tensor, w: Tensor) => {
    let y = x
    for (let i = 0; i < count; i++) y = link(y, w)
    return y
  })
  // A permutation matrix: products leave the values' magnitudes as they are, so that no subnormal number slows one
  // down.
  const x = device.tensor(
    Float32Array.from({ length: 16 }, (_, i) => i / 16),
    [4, 4],
  )
  const w = device.tensor(
    Float32Array.from({ length: 16 }, (_, i) => (i % 4 === (Math.floor(i / 4) + 1) % 4 ? 1 : 0)),
    [4, 4],
  )
  let result: Tensor | undefined
  return {
    name,
    async start() {
      result?.dispose()
      result = await f(x, w)
    },
    async finish() {
      await result?.data()
    },
  }
}

async function trainingStep(device: Device): Promise<Replay> {
  const step = await decoderStep(device, nano, [1, 32])
  return { name: 'training step of nano, 1 x 32', start: step.start, finish: async () => void (await step.loss()) }
}

/**
 * Collects garbage before a measurement. Waiting for a device in Node polls and leaves a hundred megabytes of garbage a
 * second; collected objects are finalized in later turns of the event loop, so some turns follow the collection.
 */
async function clearAway(): Promise<void> {
  collectGarbage()
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
}

const from = provenance(['tensor', 'models', 'optim', 'train'])
const device = await init({ backend: 'webgpu' })
const replays = [
  await chain(device, '400 products of 4 x 4', 400, (y, w) => matmul(y, w)),
  await chain(device, '200 products and 200 softmaxes of 4 x 4', 200, (y, w) => softmax(matmul(y, w))),
  await trainingStep(device),
]
interface Samples {
  dispatches: number
  /**
   * Microseconds per dispatch: elapsed until the call returns, processor time until then, and elapsed until the device
   * is done.
   */
  readonly elapsed: number[]
  readonly processor: number[]
  readonly untilDone: number[]
}
const measured = new Map(
  replays.map((replay): [Replay, Samples] => [replay, { dispatches: 0, elapsed: [], processor: [], untilDone: [] }]),
)
for (let round = -2; round < rounds; round++) {
  for (const replay of replays) {
    await clearAway()
    const dispatchesBefore = device.counters.dispatches
    const processorBefore = threadMicroseconds()
    const started = performance.now()
    for (let call = 0; call < callsInTurn; call++) await replay.start()
    const returned = performance.now()
    const processorAfter = threadMicroseconds()
    await replay.finish()
    const done = performance.now()
    // The first two rounds trace, compile and allocate memory.
    if (round < 0) continue
    const samples = measured.get(replay)!
    const dispatches = device.counters.dispatches - dispatchesBefore
    samples.dispatches = dispatches / callsInTurn
    samples.elapsed.push(((returned - started) * 1e3) / dispatches)
    samples.untilDone.push(((done - started) * 1e3) / dispatches)
    if (processorBefore !== undefined && processorAfter !== undefined)
      samples.processor.push((processorAfter - processorBefore) / dispatches)
  }
}

const rows: string[][] = []
for (const [{ name }, { dispatches, elapsed, processor, untilDone }] of measured) {
  const spread = (list: readonly number[]) => ({
    best: Math.min(...list),
    median: medianOf(list),
    worst: Math.max(...list),
  })
  const known = processor.length > 0
  const decides = known ? processor : elapsed
  const within = medianOf(decides) < limitMicroseconds
  if (!within) process.exitCode = 1
  const cells = (list: readonly number[]) => Object.values(spread(list)).map((x) => x.toFixed(2))
  rows.push([
    name,
    String(dispatches),
    ...(known ? cells(processor) : ['', '', '']),
    ...cells(elapsed).slice(0, 2),
    medianOf(untilDone).toFixed(0),
    within ? 'yes' : 'NO',
  ])
  const rounded = (list: readonly number[]) =>
    Object.fromEntries(Object.entries(spread(list)).map(([k, x]) => [k, Number(x.toFixed(3))]))
  const line = {
    kind: 'host-cost',
    ...{ program: name, adapter: device.name, dispatches, rounds },
    ...(known ? { processor: rounded(processor) } : {}),
    ...{ elapsed: rounded(elapsed), untilDone: rounded(untilDone), limitMicroseconds, within },
    ...from,
  }
  if (values.json) console.log(JSON.stringify(line))
}
const print = values.json ? console.error : console.log
print(
  `${device.name}; microseconds a dispatch until the call returns, ${rounds} rounds, load average ${from.loadAverage}\n`,
)
const head = ['', 'dispatches', 'processor best', 'median', 'worst', 'elapsed best', 'median', 'until done']
print(table([[...head, `below ${limitMicroseconds}`], ...rows]))
device.dispose()

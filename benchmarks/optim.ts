/**
 * AdamW over 10^8 float32 parameters: `@kumiki/optim` on Float32Array, in place, compared with a hand-written loop. The
 * results are compared first; then each round times every row.
 *
 *     node --conditions=source --import tsx benchmarks/optim.ts
 *     node --conditions=source --import tsx benchmarks/optim.ts --elements 1e6 --rounds 21 --json
 */
import { adamw, lion, type Optimizer, sgd } from '@kumiki/optim'
import { countOf, parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'

const { values: options } = parseArgs({
  options: {
    elements: { type: 'string', default: '1e8' },
    rounds: { type: 'string', default: '7' },
    /** JSON lines on stdout; the table goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const elements = countOf('elements', options.elements)
const rounds = countOf('rounds', options.rounds)

const [beta1, beta2, epsilon, weightDecay, rate] = [0.9, 0.95, 1e-8, 0.1, 3e-4]

/** AdamW in one pass: computed in float64, stored as float32. */
function handWritten(p: Float32Array, g: Float32Array, m: Float32Array, v: Float32Array, step: number): void {
  const kept = 1 - rate * weightDecay
  const stepSize = rate / (1 - beta1 ** step)
  const correction = Math.sqrt(1 - beta2 ** step)
  for (let i = 0; i < p.length; i++) {
    const gradient = g[i]
    const first = beta1 * m[i] + (1 - beta1) * gradient
    const second = beta2 * v[i] + (1 - beta2) * gradient * gradient
    m[i] = first
    v[i] = second
    p[i] = p[i] * kept - (stepSize * first) / (Math.sqrt(second) / correction + epsilon)
  }
}

const sizes = [1, 1e-1, 1e-2, 1e-3]
const grads = new Float32Array(elements)
for (let i = 0; i < elements; i++) grads[i] = Math.sin(i) * sizes[i % 4]
const start = new Float32Array(elements)
for (let i = 0; i < elements; i++) start[i] = Math.cos(i)

interface Row {
  readonly name: string
  readonly run: (step: number) => void
}
const [p, m, v] = [start.slice(), new Float32Array(elements), new Float32Array(elements)]
const rows: Row[] = [{ name: 'AdamW, hand-written loop', run: (step) => handWritten(p, grads, m, v, step) }]

function row(name: string, optimizer: Optimizer, without = false): Row & { params: Float32Array } {
  const params = start.slice()
  let made: ReturnType<Optimizer['init']> | undefined
  const run = (step: number) => {
    made ??= optimizer.init(params)
    optimizer.update(grads, made as never, params, optimizer.scalars(step, rate), { inPlace: true })
  }
  if (!without) return { name, params, run }
  // The optimizer's program is compiled at the first step, so WebAssembly is hidden only during that step.
  const saved = globalThis.WebAssembly
  return {
    name,
    params,
    run(step) {
      if (made === undefined) (globalThis as any).WebAssembly = undefined
      try {
        run(step)
      } finally {
        globalThis.WebAssembly = saved
      }
    },
  }
}
const ours = row('AdamW, @kumiki/optim', adamw({ beta1, beta2, epsilon, weightDecay }))
rows.push(
  ours,
  row('AdamW, moments in bfloat16', adamw({ beta1, beta2, epsilon, weightDecay, momentDtype: 'bfloat16' })),
  row('AdamW, without WebAssembly', adamw({ beta1, beta2, epsilon, weightDecay }), true),
  row('Lion', lion({ weightDecay })),
  row('SGD with momentum', sgd({ momentum: 0.9 })),
)

const from = provenance(['optim'])
// Two checked steps, which also warm up. They may differ by 1e-6, since the loop rounds only stored values to float32.
for (const step of [1, 2]) for (const r of rows) r.run(step)
let worst = 0
for (let i = 0; i < elements; i++)
  worst = Math.max(worst, Math.abs(p[i] - ours.params[i]) / Math.max(Math.abs(p[i]), 0.5))
if (!(worst <= 1e-6)) {
  console.error(
    `@kumiki/optim and the hand-written loop differ by ${worst}, relative to the parameters (allowed: 1e-6)`,
  )
  process.exit(1)
}

const seconds = rows.map((): number[] => [])
for (let round = 0; round < rounds; round++)
  rows.forEach((r, i) => {
    const began = performance.now()
    r.run(3 + round)
    seconds[i].push((performance.now() - began) / 1000)
  })

const log = options.json ? console.error : console.log
log(
  `${elements.toExponential()} float32 parameters, ${processorName()}, Node ${process.version}, 1 thread, load average ${from.loadAverage}`,
)
log('| row | seconds a step | ns per parameter | times the hand-written loop | within a round |')
log('| --- | --- | --- | --- | --- |')
rows.forEach(({ name }, i) => {
  const within = seconds[i].map((s, round) => s / seconds[0][round])
  const line = {
    row: name,
    elements,
    secondsMedian: medianOf(seconds[i]),
    secondsBest: Math.min(...seconds[i]),
    ratioOfMedians: medianOf(seconds[i]) / medianOf(seconds[0]),
    ratioWithinRound: [Math.min(...within), Math.max(...within)],
    difference: worst,
    processor: processorName(),
    ...from,
    rounds: seconds[i],
  }
  if (options.json) console.log(JSON.stringify(line))
  log(
    `| ${name} | ${line.secondsMedian.toFixed(3)} | ${((line.secondsMedian / elements) * 1e9).toFixed(2)} | ${line.ratioOfMedians.toFixed(2)} | ${line.ratioWithinRound.map((x) => x.toFixed(2)).join(' to ')} |`,
  )
})

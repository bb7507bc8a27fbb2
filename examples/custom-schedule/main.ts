/**
 * Compares custom schedules and optimizers with the package's in the Trainer, and uses the package's in another
 * library's training loop.
 *
 *   npm start                      3 seeds
 *   npm start -- --steps 60 --seeds 1
 */

import {
  adamw,
  chain,
  clipGlobalNorm,
  cooldown,
  cosine,
  type Optimizer,
  type Schedule,
  scheduleFromJSON,
  scheduleToJSON,
  warmup,
} from '@kumiki/optim'
import { lineCharts, scheduleChart } from '@kumiki/report'
import { Results, Study, smoothed, spread, withTable } from 'example-study-tools'
import { fitAndResume } from './other-library.ts'
import { harmonic, normalizedSgd, ownKinds, rootGradients, sawtooth, signum } from './own-pieces.ts'

const fitted = fitAndResume()
console.log(
  `Kumiki's wsd and adamw in another library's loop: y = ${fitted.w.toFixed(3)} x ${fitted.b.toFixed(3)} (target: 2 x - 0.5)`,
)

const study = await Study.open({
  name: 'custom-schedule',
  description: 'Custom schedules and optimizers.',
  steps: 200,
})
const { steps } = study
const rise = Math.max(1, Math.round(steps / 10))
const fall = Math.round(steps / 5)

/** Custom schedules work with the package's combinators, and with JSON if they have a description. */
const own = cooldown(warmup(harmonic({ peak: 4e-3, halfAfter: 150 }), rise), { start: steps - fall, steps: fall })
const again = scheduleFromJSON(JSON.parse(JSON.stringify(scheduleToJSON(own))), ownKinds)
for (let step = 0; step <= steps; step++)
  if (again(step) !== own(step))
    throw new Error(`step ${step}: the schedule from JSON gives ${again(step)}, the original ${own(step)}`)

const schedules: Record<string, Schedule> = {
  cosine: warmup(cosine({ from: 3e-3, to: 0, steps: steps - rise }), rise),
  'harmonic with cooldown (own)': again,
  'sawtooth (own function)': warmup(sawtooth, rise),
}
const ours = (): Optimizer => chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1 }))
const arms: { name: string; schedule: Schedule; optimizer: () => Optimizer }[] = [
  ...Object.entries(schedules).map(([name, schedule]) => ({ name: `adamw, ${name}`, schedule, optimizer: ours })),
  {
    name: 'signum (own rule), cosine / 4',
    schedule: (step) => schedules.cosine(step) / 4,
    optimizer: () => chain(clipGlobalNorm(1), signum({ momentum: 0.95, weightDecay: 0.1 })),
  },
  {
    name: 'rootGradients > normalizedSgd (own), cosine x 100',
    schedule: (step) => schedules.cosine(step) * 100,
    optimizer: () => chain(rootGradients, normalizedSgd),
  },
]

const results = new Results(import.meta.dirname)
results.add(study.environment())
const curves: { label: string; points: [number, number][][] }[] = []
const rows: string[][] = []
for (const { name, schedule, optimizer } of arms) {
  const heldOut: number[] = []
  const points: [number, number][][] = []
  for (const seed of study.seeds) {
    const losses: number[] = []
    heldOut.push(
      await study.run({ optimizer: optimizer(), schedule, seed }, { onStep: ({ loss }) => void losses.push(loss) }),
    )
    points.push(smoothed(losses, 5).map((y, i) => [i + 1, y]))
    results.add({
      kind: 'run',
      arm: name,
      seed,
      heldOut: heldOut.at(-1),
      losses: losses.map((x) => Number(x.toFixed(4))),
    })
  }
  study.log(`${name}: ${spread(heldOut)}`)
  curves.push({ label: name, points })
  rows.push([name, spread(heldOut)])
}
study.close()
await withTable(import.meta.dirname, 'results', ['optimizer, schedule', 'held-out nats/token'], rows)
await results.write({
  'schedules.svg': scheduleChart(schedules, { steps, title: 'A schedule of the package and two custom ones' }),
  'custom-schedule.svg': lineCharts([
    { title: 'Training loss', xLabel: 'step', yLabel: 'nats per token', lines: curves },
  ]),
})

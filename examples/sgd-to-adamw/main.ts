/**
 * From SGD to AdamW in four steps: plain SGD, then momentum, then an adaptive step size, then decoupled
 * weight decay.
 *
 *   npm start                      learning rates swept for each, 3 seeds
 *   npm start -- --steps 100 --seeds 1
 */

import { adam, adamw, chain, clipGlobalNorm, constant, type Optimizer, sgd, warmup, withDynamics } from '@kumiki/optim'
import { lineCharts } from '@kumiki/report'
import { mean, Results, Study, smoothed, spread, stepsToReach, withTable } from 'example-study-tools'

const study = await Study.open({
  name: 'sgd-to-adamw',
  description: 'SGD, plus momentum, plus adaptive step sizes, plus weight decay.',
  steps: 300,
})

interface Stage {
  readonly name: string
  readonly make: () => Optimizer
  /** Learning rates tried, from low to high. */
  readonly rates: readonly number[]
}

/** Each stage adds one change to the previous one. */
const stages: Stage[] = [
  { name: 'SGD', make: () => sgd(), rates: [0.1, 0.3, 1, 3, 10] },
  { name: '+ momentum 0.9', make: () => sgd({ momentum: 0.9 }), rates: [0.03, 0.1, 0.3, 1, 3] },
  { name: '+ adaptive (Adam)', make: () => adam({ beta2: 0.95 }), rates: [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2] },
  {
    name: '+ decay 0.1 (AdamW)',
    make: () => adamw({ beta2: 0.95, weightDecay: 0.1 }),
    rates: [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2],
  },
]

interface Run {
  readonly losses: number[]
  readonly ratios: number[]
  readonly heldOut: number
}

async function run({ make }: Stage, rate: number, seed: number, steps: number): Promise<Run> {
  const losses: number[] = []
  const ratios: number[] = []
  const heldOut = await study.run(
    {
      optimizer: chain(clipGlobalNorm(1), withDynamics(make())),
      schedule: warmup(constant(rate), 20),
      seed,
      steps,
    },
    {
      onStep(m) {
        losses.push(m.loss)
        ratios.push(m.updateRatio!)
      },
    },
  )
  return { losses, ratios, heldOut }
}

const results = new Results(import.meta.dirname)
results.add(study.environment())
const swept: { stage: Stage; points: [number, number][]; best: number }[] = []
const runs = new Map<Stage, Run[]>()
for (const stage of stages) {
  // The rate is chosen on a separate seed, so that the choice does not favour a reported one.
  const points: [number, number][] = []
  for (const rate of stage.rates) {
    const { heldOut } = await run(stage, rate, 1000, Math.ceil(study.steps / 2))
    points.push([rate, heldOut])
    results.add({ kind: 'sweep', stage: stage.name, rate, steps: Math.ceil(study.steps / 2), heldOut })
  }
  const best = points.reduce((a, b) => (b[1] < a[1] ? b : a))[0]
  swept.push({ stage, points, best })
  const all: Run[] = []
  for (const seed of study.seeds) all.push(await run(stage, best, seed, study.steps))
  runs.set(stage, all)
  study.log(`${stage.name}: best rate ${best}, held out ${spread(all.map((r) => r.heldOut))}`)
}
study.close()

const sgdEnd = runs.get(stages[0])!.map((r) => smoothed(r.losses).at(-11) ?? Number.NaN)
await withTable(
  import.meta.dirname,
  'results',
  ['optimizer', 'best rate', 'held-out nats/token', 'steps to where SGD ends', 'update / weight'],
  swept.map(({ stage, best }) => {
    const all = runs.get(stage)!
    const steps = all.map((r, i) => stepsToReach(r.losses, sgdEnd[i]) ?? Number.NaN)
    all.forEach((r, i) => {
      results.add({
        kind: 'run',
        stage: stage.name,
        rate: best,
        seed: study.seeds[i],
        heldOut: r.heldOut,
        stepsToSgdEnd: steps[i],
        updateRatio: mean(r.ratios.slice(r.ratios.length >> 1)),
        losses: r.losses.map((x) => Number(x.toFixed(4))),
      })
    })
    return [
      stage.name,
      String(best),
      spread(all.map((r) => r.heldOut)),
      steps.some(Number.isNaN) ? 'not reached' : spread(steps, 0),
      mean(all.map((r) => mean(r.ratios.slice(r.ratios.length >> 1)))).toExponential(1),
    ]
  }),
)
await results.write({
  'sgd-to-adamw.svg': lineCharts([
    {
      title: 'Training loss, each at its best rate',
      xLabel: 'step',
      yLabel: 'nats per token',
      lines: stages.map((stage) => ({
        label: stage.name,
        dashed: stage === stages[3], // it overlaps Adam's
        points: runs.get(stage)!.map((r) => smoothed(r.losses, 5).map((y, i): [number, number] => [i + 1, y])),
      })),
    },
    {
      title: `Held-out loss after ${Math.ceil(study.steps / 2)} steps`,
      xLabel: 'learning rate',
      yLabel: 'nats per token (cut at 6)',
      xScale: 'log',
      yDomain: [3, 6],
      lines: swept.map(({ stage, points }) => ({
        label: stage.name,
        points,
        dots: true,
        dashed: stage === stages[3],
      })),
    },
  ]),
})

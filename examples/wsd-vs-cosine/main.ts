/**
 * Compares warmup-stable-decay and cosine schedules at equal budgets over decay lengths, and branches two budgets off
 * one stable run.
 *
 *   npm start                      3 seeds
 *   npm start -- --steps 100 --seeds 1
 */

import { adamw, chain, clipGlobalNorm, constant, cooldown, cosine, type Schedule, warmup } from '@kumiki/optim'
import { lineCharts, scheduleChart } from '@kumiki/report'
import type { Trainer, TrainerSnapshot } from '@kumiki/train'
import { mean, Results, Study, smoothed, spread, withTable } from 'example-study-tools'

const study = await Study.open({
  name: 'wsd-vs-cosine',
  description: 'Warmup-stable-decay against cosine, decay length swept.',
  steps: 400,
})
const { steps } = study
const half = Math.round(steps / 2)
const warmupSteps = Math.max(1, Math.round(steps / 20))
const shares = [0.05, 0.1, 0.2, 0.4, 0.6]
const peaks = [1.5e-3, 3e-3, 6e-3]
const main = 3e-3

const optimizer = () => chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1 }))
const stableSchedule = (peak: number) => warmup(constant(peak), warmupSteps)
const cosineSchedule = (peak: number, budget: number, final: number) =>
  warmup(cosine({ from: peak, to: peak * final, steps: budget - warmupSteps }), warmupSteps)
/** The schedule of a branch that ends at step `budget`, with a decay over the fraction `share` of it. */
const branchSchedule = (peak: number, budget: number, share: number) => {
  const decay = Math.round(budget * share)
  return cooldown(stableSchedule(peak), { start: budget - decay, steps: decay, shape: '1-sqrt' })
}

interface Outcome {
  readonly arm: string
  readonly peak: number
  readonly budget: number
  readonly seed: number
  readonly heldOut: number
  readonly losses: readonly number[]
}
const outcomes: Outcome[] = []

/** Trains until step `end`. @returns the losses */
async function advance(trainer: Trainer, end: number): Promise<number[]> {
  const losses: number[] = []
  for await (const { loss } of trainer.run(end)) losses.push(loss)
  return losses
}

async function whole(arm: string, schedule: Schedule, peak: number, budget: number, seed: number): Promise<void> {
  const losses: number[] = []
  const heldOut = await study.run(
    { optimizer: optimizer(), schedule, seed, steps: budget },
    { onStep: ({ loss }) => void losses.push(loss) },
  )
  outcomes.push({ arm, peak, budget, seed, heldOut, losses })
}

/** Trains one stable run with a snapshot at the start of each branch, then the branches. */
async function stableWithBranches(
  peak: number,
  branches: readonly (readonly [budget: number, share: number])[],
  seed: number,
) {
  const trunk = study.trainer({ optimizer: optimizer(), schedule: stableSchedule(peak), seed })
  const starts = branches.map(([budget, share]) => budget - Math.round(budget * share))
  const snapshots = new Map<number, TrainerSnapshot>()
  const losses: number[] = []
  for (const start of [...new Set(starts)].sort((a, b) => a - b)) {
    losses.push(...(await advance(trunk, start)))
    snapshots.set(start, await trunk.snapshot())
  }
  losses.push(...(await advance(trunk, steps)))
  outcomes.push({ arm: 'constant', peak, budget: steps, seed, heldOut: await study.evaluate(trunk), losses })
  trunk.dispose()
  for (const [i, [budget, share]] of branches.entries()) {
    const branch = study.trainer({ optimizer: optimizer(), schedule: branchSchedule(peak, budget, share), seed })
    await branch.restore(snapshots.get(starts[i])!)
    const tail = await advance(branch, budget)
    outcomes.push({
      arm: `wsd, decay ${share * 100} %`,
      peak,
      budget,
      seed,
      heldOut: await study.evaluate(branch),
      losses: [...losses.slice(0, starts[i]), ...tail],
    })
    branch.dispose()
  }
}

for (const seed of study.seeds) {
  for (const peak of peaks) {
    await whole('cosine to 0', cosineSchedule(peak, steps, 0), peak, steps, seed)
    if (peak === main) {
      await whole('cosine to 10 %', cosineSchedule(peak, steps, 0.1), peak, steps, seed)
      await whole('cosine to 0', cosineSchedule(peak, half, 0), peak, half, seed)
      await stableWithBranches(peak, [[half, 0.2], ...shares.map((s) => [steps, s] as const)], seed)
    } else await stableWithBranches(peak, [[steps, 0.2]], seed)
    study.log(`seed ${seed}, peak ${peak}`)
  }
}
study.close()

const pick = (arm: string, peak: number, budget: number) =>
  outcomes.filter((o) => o.arm === arm && o.peak === peak && o.budget === budget)
const reference = pick('cosine to 0', main, steps)
const row = (arm: string, peak: number, budget: number) => {
  const found = pick(arm, peak, budget)
  const base = budget === steps ? reference : pick('cosine to 0', main, half)
  return [
    arm,
    peak.toExponential(),
    String(budget),
    spread(found.map((o) => o.heldOut)),
    // Paired by seed: the same initial weights and data.
    spread(found.map((o, i) => o.heldOut - base[i].heldOut)),
  ]
}
const header = ['schedule', 'peak', 'steps', 'held-out nats/token', 'minus cosine to 0 at 3e-3']
await withTable(import.meta.dirname, 'decay', header, [
  row('cosine to 0', main, steps),
  row('cosine to 10 %', main, steps),
  ...shares.map((s) => row(`wsd, decay ${s * 100} %`, main, steps)),
  row('constant', main, steps),
])
await withTable(
  import.meta.dirname,
  'peaks',
  header,
  peaks.flatMap((peak) => [row('cosine to 0', peak, steps), row('wsd, decay 20 %', peak, steps)]),
)
await withTable(import.meta.dirname, 'half', header, [
  row('cosine to 0', main, half),
  row('wsd, decay 20 %', main, half),
])

const results = new Results(import.meta.dirname)
results.add(study.environment())
for (const o of outcomes) results.add({ kind: 'run', ...o, losses: o.losses.map((x) => Number(x.toFixed(4))) })
const curves = (arm: string, budget = steps) =>
  pick(arm, main, budget).map((o) => smoothed(o.losses, 8).map((y, i): [number, number] => [i + 1, y]))
const held = (arm: string) => pick(arm, main, steps).map((o) => o.heldOut)
const [from, to] = [shares[0] * 100, shares[shares.length - 1] * 100]
await results.write({
  'wsd-vs-cosine.svg': lineCharts([
    {
      title: 'Training loss, second half of the run',
      xLabel: 'step',
      yLabel: 'nats per token (mean of 17 steps)',
      lines: [
        { label: 'constant', points: curves('constant') },
        { label: 'cosine to 0', points: curves('cosine to 0') },
        { label: 'wsd 10 %', points: curves('wsd, decay 10 %') },
        { label: 'wsd 40 %', points: curves('wsd, decay 40 %') },
      ].map((l) => ({ ...l, points: l.points.map((run) => run.filter(([x]) => x >= half)) })),
    },
    {
      title: 'Held-out loss by length of the decay',
      xLabel: 'decay, % of all steps',
      yLabel: 'nats per token',
      lines: [
        {
          label: 'wsd (1-sqrt to 0)',
          color: 2,
          dots: true,
          points: study.seeds.map((_, i) =>
            shares.map((s): [number, number] => [s * 100, pick(`wsd, decay ${s * 100} %`, main, steps)[i].heldOut]),
          ),
        },
        ...['cosine to 0', 'cosine to 10 %'].map((arm, k) => ({
          label: arm,
          color: k === 0 ? 1 : 3,
          dashed: true,
          points: [from, to].map((x): [number, number] => [x, mean(held(arm))]),
        })),
      ],
    },
  ]),
  'schedules.svg': scheduleChart(
    {
      'cosine to 0': cosineSchedule(main, steps, 0),
      'cosine to 10 %': cosineSchedule(main, steps, 0.1),
      [`branch at ${half} steps`]: branchSchedule(main, half, 0.2),
      ...Object.fromEntries([0.1, 0.4].map((s) => [`decay ${s * 100} %`, branchSchedule(main, steps, s)])),
    },
    { steps, title: 'Learning rates of the study' },
  ),
})

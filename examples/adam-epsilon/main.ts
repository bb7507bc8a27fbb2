/**
 * Compares Adam with epsilon 1e-5 and 1e-8, at gradients as small as those of a large model.
 *
 *   npm start                      10 settings, 3 seeds: about 4 minutes on two processor cores
 *   npm start -- --steps 60 --seeds 1
 */

import { adamw, chain, clipGlobalNorm, constant, type GradientTransform, warmup, withDynamics } from '@kumiki/optim'
import { lineCharts } from '@kumiki/report'
import { mean, Results, Study, smoothed, spread, stepsToReach, withTable } from 'example-study-tools'

/**
 * Multiplies gradients after clipping. This is equivalent to scaling both the loss and the clipping norm; gradients of
 * a larger model are smaller without it.
 */
function scaleGradients(factor: number): GradientTransform {
  return {
    name: `scaleGradients(${factor})`,
    apply: (grads: any) => ({
      grads: Object.fromEntries(Object.entries<any>(grads).map(([name, g]) => [name, g.mul(factor)])) as any,
      metrics: {},
    }),
  }
}

interface Setting {
  readonly scale: number
  readonly epsilon: number
  /** Factor on the learning rate. */
  readonly boost?: number
}

const small = 1e-3
const settings: Setting[] = [
  ...[1e-8, 1e-5, 1e-4].map((epsilon) => ({ scale: 1, epsilon })),
  ...[1e-8, 1e-7, 1e-6, 3e-6, 1e-5].map((epsilon) => ({ scale: small, epsilon })),
  ...[3, 10].map((boost) => ({ scale: small, epsilon: 1e-5, boost })),
]

interface Run {
  readonly losses: number[]
  readonly root: number[]
  readonly effective: number[]
  readonly below: number[]
  readonly heldOut: number
}

const study = await Study.open({
  name: 'adam-epsilon',
  description: "Adam's epsilon against the size of gradients.",
  steps: 300,
})
const results = new Results(import.meta.dirname)
results.add(study.environment())

async function run({ scale, epsilon, boost = 1 }: Setting, seed: number): Promise<Run> {
  const optimizer = chain(
    clipGlobalNorm(1),
    scaleGradients(scale),
    withDynamics(adamw({ beta2: 0.95, epsilon, weightDecay: 0.1 })),
  )
  const [losses, root, effective, below]: number[][] = [[], [], [], []]
  const heldOut = await study.run(
    { optimizer, schedule: warmup(constant(3e-3 * boost), 20), seed },
    {
      onStep(m) {
        losses.push(m.loss)
        root.push(m.secondMomentRoot!)
        effective.push(m.effectiveStep!)
        below.push(m.belowEpsilon!)
      },
    },
  )
  return { losses, root, effective, below, heldOut }
}

const runs = new Map<Setting, Run[]>()
for (const setting of settings) {
  const all: Run[] = []
  for (const seed of study.seeds) all.push(await run(setting, seed))
  runs.set(setting, all)
  const { scale, epsilon, boost = 1 } = setting
  study.log(`scale ${scale}, epsilon ${epsilon.toExponential()}, rate x ${boost}: ${spread(all.map((r) => r.heldOut))}`)
}
study.close()

const find = (scale: number, epsilon: number) =>
  runs.get(settings.find((s) => s.scale === scale && s.epsilon === epsilon)!)!
// For each seed, the final loss with epsilon 1e-5 and small gradients, and the step that reached it.
const slow = find(small, 1e-5).map((r) => {
  const level = smoothed(r.losses).at(-11) ?? Number.NaN // the last whole window of 21 steps
  return { level, steps: stepsToReach(r.losses, level)! }
})
const rows = settings.map((setting) => {
  const { scale, epsilon, boost = 1 } = setting
  const all = runs.get(setting)!
  const steps = all.map((r, i) => stepsToReach(r.losses, slow[i].level))
  const ratios = steps.map((n, i) => (n === undefined ? Number.NaN : slow[i].steps / n))
  // Over the second half of the run, when the moments have converged.
  const late = (values: readonly number[]) => mean(values.slice(values.length >> 1))
  all.forEach((r, i) => {
    results.add({
      kind: 'run',
      scale,
      epsilon,
      boost,
      seed: study.seeds[i],
      heldOut: r.heldOut,
      stepsToLevel: steps[i] ?? null,
      level: slow[i].level,
      secondMomentRoot: late(r.root),
      effectiveStep: late(r.effective),
      belowEpsilon: late(r.below),
      losses: r.losses.map((x) => Number(x.toFixed(5))),
    })
  })
  const figure = (pick: (r: Run) => readonly number[]) => mean(all.map((r) => late(pick(r))))
  return [
    scale === 1 ? '1' : scale.toExponential(),
    epsilon.toExponential(),
    boost === 1 ? '1' : `${boost}`,
    figure((r) => r.root).toExponential(1),
    figure((r) => r.effective).toFixed(3),
    `${(100 * figure((r) => r.below)).toFixed(0)} %`,
    spread(all.map((r) => r.heldOut)),
    ratios.some(Number.isNaN) ? 'not reached' : spread(ratios, 2),
  ]
})
await withTable(
  import.meta.dirname,
  'results',
  ['gradient scale', 'epsilon', 'rate x', 'r', 'r/(r+eps)', 'below eps', 'held-out nats/token', 'times as fast'],
  rows,
)

// The emulation is exact except for rounding: scaling gradients and epsilon alike gives the same steps.
const difference = Math.max(
  ...find(1, 1e-5).flatMap((r, i) => r.losses.map((x, k) => Math.abs(x - find(small, 1e-8)[i].losses[k]))),
)
results.add({ kind: 'emulation', largestLossDifference: difference })
console.log(
  `scale 1, epsilon 1e-5 against scale 1e-3, epsilon 1e-8: losses differ by at most ${difference.toExponential(1)}`,
)

const curve = (all: readonly Run[], pick: (r: Run) => readonly number[]) =>
  all.map((r) => pick(r).map((y, i): [number, number] => [i + 1, y]))
const shown = settings.filter((s) => s.scale === small && s.boost === undefined)
const lines = (pick: (r: Run) => readonly number[]) =>
  shown.map((s) => ({ label: `epsilon ${s.epsilon.toExponential()}`, points: curve(runs.get(s)!, pick) }))
await results.write({
  'adam-epsilon.svg': lineCharts([
    {
      title: 'Training loss, gradients scaled by 1e-3',
      xLabel: 'step',
      yLabel: 'nats per token',
      lines: lines((r) => smoothed(r.losses, 5)),
    },
    {
      title: 'Effective step r / (r + epsilon)',
      xLabel: 'step',
      yLabel: 'mean over all elements',
      yDomain: [0, 1.02],
      lines: lines((r) => r.effective),
    },
  ]),
})

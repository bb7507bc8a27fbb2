/**
 * Compares training in bfloat16 and fp8, as LLM-jp did before it chose bfloat16, at a size that a CPU can train.
 *
 *   npm start                      3 seeds
 *   npm start -- --steps 60 --seeds 1
 */

import { compareFormats, comparisonTable } from '@kumiki/numerics'
import { adamw, chain, clipGlobalNorm, cosine, warmup } from '@kumiki/optim'
import { lineCharts } from '@kumiki/report'
import { bf16, f32, fp8Current, fp8Hybrid, type PrecisionPolicy, type Trainer } from '@kumiki/train'
import { mean, Results, Study, smoothed, spread, withTable } from 'example-study-tools'

const study = await Study.open({ name: 'bf16-vs-fp8', description: 'bfloat16 against fp8 in training.', steps: 300 })
const { steps } = study
const rising = Math.max(1, Math.round(steps / 20))
const schedule = warmup(cosine({ from: 3e-3, to: 3e-4, steps: steps - rising }), rising)

/**
 * A custom policy is an object: here only the feed-forward layers are in fp8, with gradients in E4M3 too and scales
 * from a history of 16 steps.
 */
const feedForwardOnly: PrecisionPolicy = {
  name: 'own: fp8 feed-forward',
  parameters: 'bfloat16',
  activations: 'bfloat16',
  fp8: {
    scaling: { kind: 'delayed', historyLength: 16, margin: 1 },
    backward: 'float8_e4m3fn',
    includes: ({ name }) => name.includes('.mlp.'),
  },
}
/** The effect of fp8 without scaling, as if fp8 were just another dtype. */
const unscaled: PrecisionPolicy = {
  ...fp8Current,
  name: 'own: fp8 without scaling',
  // A history of one step, and a margin that cancels the gain of scaling.
  fp8: { scaling: { kind: 'delayed', historyLength: 1, margin: 20 } },
}
const policies = [bf16, f32, fp8Hybrid, fp8Current, feedForwardOnly, unscaled]

interface Outcome {
  readonly policy: string
  readonly seed: number
  readonly heldOut: number
  readonly losses: readonly number[]
  readonly clippedSteps: number
  readonly peakBytes: number
}
const outcomes: Outcome[] = []
for (const seed of study.seeds) {
  for (const precision of policies) {
    const losses: number[] = []
    let clippedSteps = 0
    let peakBytes = 0
    const heldOut = await study.run(
      {
        optimizer: chain(clipGlobalNorm(1), adamw({ beta2: 0.95, weightDecay: 0.1 })),
        schedule,
        seed,
        precision,
      },
      {
        onStep(m) {
          losses.push(m.loss)
          if (m.step > 1 && Number(m.clippedTensors ?? 0) > 0) clippedSteps++
        },
        async onEnd(_, { trainer }) {
          peakBytes = trainer.memory().peakBytes
          if (precision === bf16 && seed === study.seeds[0]) await printFormats(trainer.masterParameters())
        },
      },
    )
    outcomes.push({ policy: precision.name, seed, heldOut, losses, clippedSteps, peakBytes })
    study.log(`${precision.name}, seed ${seed}: held out ${heldOut.toFixed(4)}`)
  }
}

/** Prints the error of each format on a weight of this model. */
async function printFormats(parameters: Trainer['parameters']): Promise<void> {
  const [name, weight] = Object.entries(parameters).find(([n]) => n.includes('down_proj'))!
  console.log(`\n${name} in each format, with the best scale:\n`)
  console.log(comparisonTable(compareFormats((await weight.data()) as Float32Array)))
}

const of = (policy: PrecisionPolicy) => outcomes.filter((o) => o.policy === policy.name)
const base = new Map(of(bf16).map((o) => [o.seed, o]))
const results = new Results(import.meta.dirname ?? new URL('.', import.meta.url).pathname)
results.add(study.environment())
for (const o of outcomes) results.add({ kind: 'run', ...o })
const points = (values: readonly number[]) => values.map((y, i) => [i + 1, y] as const)
await results.write({
  'bf16-vs-fp8.svg': lineCharts([
    {
      title: 'Training loss (smoothed)',
      xLabel: 'step',
      yLabel: 'nats per token',
      lines: policies.map((p, color) => ({
        label: p.name,
        color,
        points: of(p).map((o) => points(smoothed(o.losses))),
      })),
    },
    {
      title: 'Difference from bf16, same seed (smoothed)',
      xLabel: 'step',
      yLabel: 'nats per token',
      yDomain: [-0.65, 0.35],
      lines: policies.slice(1).map((p, i) => ({
        label: p.name,
        color: i + 1,
        points: of(p).map((o) => {
          const b = smoothed(base.get(o.seed)!.losses)
          return points(smoothed(o.losses).map((x, k) => x - b[k]))
        }),
      })),
    },
  ]),
})
await withTable(
  results.folder,
  'policies',
  ['policy', 'held-out nats/token', 'minus bf16', 'steps with clipping', 'memory of a step'],
  policies.map((p) => [
    p.name,
    spread(of(p).map((o) => o.heldOut)),
    p === bf16
      ? ''
      : spread(
          of(p).map((o) => o.heldOut - base.get(o.seed)!.heldOut),
          4,
        ),
    `${Math.round(mean(of(p).map((o) => o.clippedSteps)))} of ${steps}`,
    `${(of(p)[0].peakBytes / 1e6).toFixed(1)} MB`,
  ]),
)
study.close()

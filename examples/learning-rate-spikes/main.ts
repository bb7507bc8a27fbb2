/**
 * Raises the learning rate until loss spikes appear, then compares four policies against them.
 *
 *   npm start                      3 seeds
 *   npm start -- --steps 200 --seeds 1
 */

import {
  adamw,
  chain,
  clipGlobalNorm,
  constant,
  continueThroughSpikes,
  type GradientTransform,
  join,
  linear,
  type Optimizer,
  rewindAndSkip,
  type Schedule,
  type SpikePolicy,
  skipBatches,
  skipNonFinite,
  spikeDetector,
  warmup,
  zclip,
} from '@kumiki/optim'
import { lineCharts, scheduleChart } from '@kumiki/report'
import { where } from '@kumiki/tensor'
import { TrainingError, trainWithSpikePolicy } from '@kumiki/train'
import { mean, Results, Study, smoothed, spread, withTable } from 'example-study-tools'

const study = await Study.open({
  name: 'learning-rate-spikes',
  description: 'Loss spikes at high learning rates, and policies against them.',
  steps: 300,
})
const baseRate = 3e-3
const rise = 100
const top = 150
const rates = [0.03, 0.1, 0.2, 0.4, 0.8]
const detectorOptions = { window: 32, threshold: 6, minimum: 12, minimumSpread: 0.02 }

/** The base rate until step 100, a linear increase to `rate` until step 150, then constant. */
const rising = (rate: number): Schedule =>
  join(
    [warmup(constant(baseRate), 20), linear({ from: baseRate, to: rate, steps: top - rise }), constant(rate)],
    [rise, top],
  )

interface Setting {
  readonly name: string
  readonly clip?: GradientTransform
  readonly beta2: number
}
const settings: Setting[] = [
  { name: 'beta2 0.95, clip 1', clip: clipGlobalNorm(1), beta2: 0.95 },
  { name: 'beta2 0.999, no clip', beta2: 0.999 },
]
/** Clips at a norm that is never reached: reports the norm without changing the gradients. */
const never = clipGlobalNorm(1e30)
const optimizerOf = ({ clip = never, beta2 }: Setting): Optimizer =>
  skipNonFinite(chain(clip, adamw({ beta2, weightDecay: 0.1 })), { where })

interface Outcome {
  readonly losses: number[]
  /** Steps whose loss, or whose gradient norm, the detector reports as a spike. */
  readonly lossSpikes: number[]
  readonly normSpikes: number[]
  /** Mean of the last 20 losses. */
  readonly last: number
  readonly fate: Fate
  readonly rewinds: number
  /** Updates computed, including those discarded by a rewind. */
  readonly updates: number
  readonly heldOut: number
}

const fateNames = ['stable', 'recovered', 'behind', 'failed', 'gave up'] as const
type Fate = (typeof fateNames)[number]

/**
 * The outcome of a run after its first spike: `recovered` if the smoothed loss returned to its value before the spike,
 * `behind` if it ended within 1 nat of the loss at the end of the base rate, else `failed`.
 */
function fateOf(losses: readonly number[], spikes: readonly number[]): Fate {
  const first = spikes[0]
  if (first === undefined) return 'stable'
  const before = mean(losses.slice(Math.max(0, first - 11), first - 1))
  const after = smoothed(losses.slice(first - 1), 5)
  if (after.slice(1).some((x) => x <= before)) return 'recovered'
  return mean(losses.slice(-20)) <= mean(losses.slice(rise - 10, rise)) + 1 ? 'behind' : 'failed'
}

interface Job {
  readonly setting: Setting
  readonly schedule: Schedule
  readonly seed: number
  readonly policy?: SpikePolicy
}

async function run({ setting, schedule, seed, policy }: Job): Promise<Outcome> {
  const trainer = study.trainer({ optimizer: optimizerOf(setting), schedule, seed })
  const losses: number[] = []
  const norms: number[] = []
  let rewinds = 0
  let updates = 0
  let gaveUp = false
  try {
    // The policy acts only once the rate increases.
    for await (const m of trainer.run(Math.min(rise, study.steps))) {
      losses.push(m.loss)
      norms.push(m.gradNorm)
      updates++
      policy?.push({ step: m.step, loss: m.loss, gradNorm: m.gradNorm }) // its baseline
    }
    if (policy && study.steps > rise)
      for await (const s of trainWithSpikePolicy(trainer, {
        steps: study.steps,
        policy,
        snapshotEvery: 10,
        attempts: 5,
      })) {
        updates++
        if (s.rewoundTo !== undefined) {
          rewinds++
          losses.length = s.rewoundTo
          norms.length = s.rewoundTo
        } else {
          losses.push(s.metrics!.loss)
          norms.push(s.metrics!.gradNorm)
        }
      }
    else
      for await (const m of trainer.run(study.steps)) {
        losses.push(m.loss)
        norms.push(m.gradNorm)
        updates++
      }
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error
    gaveUp = true
  }
  const spikesIn = (values: readonly number[]) => {
    const detector = spikeDetector(detectorOptions)
    return values.flatMap((v, i) => (detector.push(v).spike && i + 1 > rise ? [i + 1] : []))
  }
  const lossSpikes = spikesIn(losses)
  const heldOut = await study.evaluate(trainer)
  trainer.dispose()
  return {
    losses,
    lossSpikes,
    normSpikes: spikesIn(norms),
    last: mean(losses.slice(-20)),
    fate: gaveUp ? 'gave up' : fateOf(losses, lossSpikes),
    rewinds,
    updates,
    heldOut,
  }
}

const results = new Results(import.meta.dirname)
results.add(study.environment())
const record = (line: object, all: readonly Outcome[]) =>
  all.forEach((o, i) => {
    results.add({ ...line, seed: study.seeds[i], ...o, losses: o.losses.map((x) => Number(x.toFixed(3))) })
  })
const fates = (all: readonly Outcome[]) =>
  fateNames
    .map((fate) => [fate, all.filter((o) => o.fate === fate).length] as const)
    .filter(([, n]) => n > 0)
    .map(([fate, n]) => `${n} ${fate}`)
    .join(', ')
const average = (all: readonly Outcome[], pick: (o: Outcome) => number) => mean(all.map(pick)).toFixed(1)

// 1. Increase the rate.
const bySetting = new Map<string, Outcome[]>()
for (const setting of settings)
  for (const rate of rates) {
    const all: Outcome[] = []
    for (const seed of study.seeds) all.push(await run({ setting, schedule: rising(rate), seed }))
    bySetting.set(`${setting.name} ${rate}`, all)
    record({ kind: 'rate', setting: setting.name, rate }, all)
    study.log(`${setting.name}, rate ${rate}: ${fates(all)}`)
  }
await withTable(
  import.meta.dirname,
  'rates',
  ['setting', 'rate', 'runs', 'steps with a loss spike', 'with a norm spike', 'last loss', 'held-out nats/token'],
  settings.flatMap((setting) =>
    rates.map((rate) => {
      const all = bySetting.get(`${setting.name} ${rate}`)!
      return [
        setting.name,
        String(rate),
        fates(all),
        average(all, (o) => o.lossSpikes.length),
        average(all, (o) => o.normSpikes.length),
        spread(
          all.map((o) => o.last),
          2,
        ),
        spread(
          all.map((o) => o.heldOut),
          2,
        ),
      ]
    }),
  ),
)

// 2. Compare policies, for spikes from a high rate and from single bad updates.
const watch = { loss: detectorOptions }
const answers: { name: string; clip?: GradientTransform; policy: () => SpikePolicy }[] = [
  { name: 'continue', policy: () => continueThroughSpikes(watch) },
  { name: 'ZClip', clip: zclip({ maxNorm: Number.POSITIVE_INFINITY }), policy: () => continueThroughSpikes(watch) },
  { name: 'skip 10 batches', policy: () => skipBatches({ ...watch, batches: 10 }) },
  { name: 'rewind 30, skip 50', policy: () => rewindAndSkip({ ...watch, rewindSteps: 30, batches: 50 }) },
]
/**
 * The base rate, except for some updates with a far too high rate, which act like corrupted updates. If such a step is
 * repeated, it has the base rate.
 */
function badUpdates(rate: number, at: readonly number[]): Schedule {
  const left = new Set(at)
  return (step) => (left.delete(step) ? rate : Math.min(1, step / 20) * baseRate)
}
const causes = [
  { name: 'one bad update', schedule: () => badUpdates(0.1, [180]) },
  { name: 'three bad updates', schedule: () => badUpdates(0.4, [180, 188, 196]) },
  { name: 'rate 0.1 held', schedule: () => rising(0.1) },
]
const byAnswer = new Map<string, Outcome[]>()
for (const cause of causes)
  for (const { name, clip, policy } of answers) {
    const all: Outcome[] = []
    for (const seed of study.seeds)
      all.push(await run({ setting: { name, clip, beta2: 0.999 }, schedule: cause.schedule(), seed, policy: policy() }))
    byAnswer.set(`${cause.name} ${name}`, all)
    record({ kind: 'policy', cause: cause.name, policy: name }, all)
    study.log(`${cause.name}, ${name}: ${fates(all)}`)
  }
study.close()
await withTable(
  import.meta.dirname,
  'policies',
  ['cause', 'answer', 'runs', 'steps with a loss spike', 'rewinds', 'updates', 'last loss', 'held-out nats/token'],
  causes.flatMap((cause) =>
    answers.map(({ name }) => {
      const all = byAnswer.get(`${cause.name} ${name}`)!
      return [
        cause.name,
        name,
        fates(all),
        average(all, (o) => o.lossSpikes.length),
        average(all, (o) => o.rewinds),
        average(all, (o) => o.updates),
        spread(
          all.map((o) => o.last),
          2,
        ),
        spread(
          all.map((o) => o.heldOut),
          2,
        ),
      ]
    }),
  ),
)

const curve = (o: Outcome) => o.losses.map((y, i): [number, number] => [i + 1, y])
const first = (all: readonly Outcome[] | undefined) => curve(all![0])
const limit: [number, number] = [2.5, 8]
await results.write({
  'rates.svg': lineCharts(
    settings.map((setting) => ({
      title: `${setting.name} (seed 1)`,
      xLabel: 'step (the rate increases from 100 to 150)',
      yLabel: 'nats per token (cut at 8)',
      yDomain: limit,
      bands: [{ from: rise, to: top, label: 'increasing rate' }],
      lines: rates.map((rate) => ({
        label: `rate ${rate}`,
        points: first(bySetting.get(`${setting.name} ${rate}`)),
      })),
    })),
  ),
  'answers.svg': lineCharts(
    causes.map((cause) => ({
      title: `${cause.name} (seed 1)`,
      xLabel: 'step',
      yLabel: 'nats per token (cut at 8)',
      yDomain: limit,
      lines: answers.map(({ name }) => ({ label: name, points: first(byAnswer.get(`${cause.name} ${name}`)) })),
    })),
    { columns: 3 },
  ),
  'schedules.svg': scheduleChart(Object.fromEntries(rates.map((rate) => [`rate ${rate}`, rising(rate)])), {
    steps: study.steps,
    title: 'Learning rates of the study',
  }),
})

/** Training with a loss spike policy: the policy examines every step, and its decisions are carried out. */
import type { SpikeDecision, SpikePolicy } from '@kumiki/optim'
import type { TrainerSnapshot } from './snapshot.ts'
import type { StepMetrics } from './step-metrics.ts'
import type { Trainer } from './trainer.ts'
import { TrainingError } from './training-error.ts'

export interface SpikeRunOptions {
  /** Total optimizer steps. */
  readonly steps: number
  readonly policy: SpikePolicy
  /** Steps between the snapshots kept in memory for a rewind. Default 50. */
  readonly snapshotEvery?: number
  /** Snapshots kept, in addition to the first one; the oldest are dropped. Default 4. */
  readonly snapshots?: number
  /** Fails after this many rewinds without passing the spike. Default 3. */
  readonly attempts?: number
}

/** A step, the policy's decision, and the action taken. */
export interface SpikeStep {
  /** Undefined if the loss or gradient was NaN or infinite. */
  readonly metrics: StepMetrics | undefined
  readonly step: number
  readonly decision: SpikeDecision
  /** For a rewind: the step of the snapshot that was restored. */
  readonly rewoundTo?: number
}

/**
 * Trains to `steps` optimizer steps, and skips or rewinds as the policy decides. Each step is awaited, because the next
 * one depends on the decision. A loss that is NaN or infinite counts as a spike: a policy that rewinds goes back, any
 * other ends the run.
 * @throws TrainingError if the policy stops, if rewinds do not pass a step, or for a non-finite loss without a rewind;
 * RangeError if an option is out of range
 * @example
 * const data = batches({ documents, eosId: 2, batchSize: 2, sequenceLength: 8 })
 * const trainer = Trainer.create({ device, model, data, optimizer, schedule })
 * let made = 0
 * const options = { steps: 2, policy: skipBatches() }
 * for await (const { metrics } of trainWithSpikePolicy(trainer, options)) made += metrics ? 1 : 0
 * made // 2
 */
export async function* trainWithSpikePolicy(trainer: Trainer, options: SpikeRunOptions): AsyncGenerator<SpikeStep> {
  const { steps, policy, snapshotEvery = 50, snapshots = 4, attempts = 3 } = options
  for (const [name, value] of Object.entries({ steps, snapshotEvery, snapshots, attempts }))
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`trainWithSpikePolicy: ${name} must be an integer of at least 1, got ${value}`)
  const kept: TrainerSnapshot[] = [await trainer.snapshot()]
  let furthest = 0
  let failures = 0
  while (trainer.step < steps) {
    let metrics: StepMetrics | undefined
    let failure: TrainingError | undefined
    try {
      for await (const m of trainer.run(trainer.step + 1)) metrics = m
    } catch (error) {
      if (!(error instanceof TrainingError)) throw error
      failure = error
    }
    const step = trainer.step
    const decision = policy.push({ step, loss: metrics?.loss ?? Number.NaN, gradNorm: metrics?.gradNorm })
    const { action } = decision
    if (action.kind === 'stop') throw new TrainingError(action.reason, { cause: failure })
    if (failure && action.kind !== 'rewind') throw failure
    if (action.kind === 'rewind') {
      failures = step > furthest ? 1 : failures + 1
      furthest = Math.max(furthest, step)
      if (failures > attempts)
        throw new TrainingError(
          `step ${step} spiked again after ${attempts} rewinds; use a smaller learning rate, or rewind further`,
          { cause: failure },
        )
      while (kept.length > 1 && kept[kept.length - 1].step > action.step) kept.pop()
      const target = kept[kept.length - 1]
      // The data position advances from attempt to attempt, so that skipped batches stay skipped.
      const batches = trainer.dataPosition
      await trainer.restore(failures > 1 ? { ...target, batches } : target)
      await trainer.skipBatches(action.batches)
      policy.rewound(target.step)
      yield { metrics, step, decision, rewoundTo: target.step }
      continue
    }
    if (action.kind === 'skip') await trainer.skipBatches(action.batches)
    if (step % snapshotEvery === 0 && !decision.spike) {
      kept.push(await trainer.snapshot())
      if (kept.length > snapshots + 1) kept.splice(1, 1)
    }
    yield { metrics, step, decision }
  }
}

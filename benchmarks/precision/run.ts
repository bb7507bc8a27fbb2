/** One training run under a policy, with all losses, probes of the gradients, speed and memory. */
import { type Batch, batches, packEvaluation, type TokenDocument } from '@kumiki/data'
import { countParameters, decoderModel } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, cosine, warmup } from '@kumiki/optim'
import type { Device } from '@kumiki/tensor'
import { type PrecisionPolicy, Run, type RunObserver, TrainingError } from '@kumiki/train'
import type { Subject } from './models.ts'
import { gradientProbe, type ProbeResult } from './probe.ts'

export interface Texts {
  readonly documents: readonly TokenDocument[]
  readonly heldOut: readonly TokenDocument[]
  readonly vocabSize: number
  readonly eosId: number
}

/** Results of a run. */
export interface RunOutcome {
  readonly parameters: number
  /** Nats per token of held-out text; null where the run failed. */
  readonly heldOut: number | null
  readonly losses: readonly number[]
  readonly gradNorms: readonly number[]
  /** Number of fp8 tensors with clipped values, for each step. */
  readonly clipped: readonly number[]
  readonly probes: readonly (ProbeResult & { readonly step: number })[]
  /** Names for the numbers of a probe: of parameters, and of linear layers in 8 bits. Empty without probes. */
  readonly gradients: readonly string[]
  readonly layers: readonly string[]
  /** Measured without the first steps, which compile; null if there are no others. */
  readonly tokensPerSecond: number | null
  /** Peak memory of the compiled step: state, temporaries and results. */
  readonly peakBytes: number
  readonly stateBytes: number
  /** The error's message, if the run ended early. */
  readonly failure?: string
}

export interface RunRequest {
  readonly device: Device
  readonly subject: Subject
  readonly texts: Texts
  readonly policy: PrecisionPolicy
  readonly seed: number
  /** Steps between probes of the gradients; 0 for none. */
  readonly probeEvery: number
  onStep(step: number, loss: number): void
}

/** Number of first steps that are not timed, because they compile. */
const warmSteps = 2

/** Warmup over a twentieth of the steps, then a cosine decay to a tenth of the peak. */
function scheduleFor(peak: number, steps: number) {
  const rising = Math.max(1, Math.round(steps / 20))
  return warmup(cosine({ from: peak, to: peak / 10, steps: Math.max(1, steps - rising) }), rising)
}

/** Trains once. Divergence is not thrown, but recorded in `failure`. */
export async function trainUnder(request: RunRequest): Promise<RunOutcome> {
  const { device, subject, texts, policy, seed, probeEvery } = request
  const { architecture, batch: batchSize, sequence: sequenceLength, steps, learningRate } = subject
  const model = decoderModel(architecture)
  const probe = probeEvery > 0 ? gradientProbe(model, policy) : undefined
  // One batch for all probes, policies and seeds: the first one of the data in another order than the training's.
  const { value: batch } = batches({ ...texts, sequenceLength, batchSize, seed: 12345 }).next() as { value: Batch }
  const losses: number[] = []
  const gradNorms: number[] = []
  const clipped: number[] = []
  const probes: (ProbeResult & { step: number })[] = []
  let failure: string | undefined
  let heldOut: number | null = null
  // Steps are timed between probes, from the end of those that compile.
  let since: { readonly step: number; readonly at: number } | undefined
  let seconds = 0
  let timed = 0
  const observer: RunObserver = {
    onStep(m, { trainer }) {
      losses.push(m.loss)
      gradNorms.push(m.gradNorm)
      clipped.push(Number(m.clippedTensors ?? 0))
      request.onStep(m.step, m.loss)
      // Metrics arrive one step late, when the trainer has already made the next step.
      if (m.step === warmSteps) since = { step: trainer.step, at: performance.now() }
    },
    async onCheckpoint({ trainer }) {
      const { step } = trainer
      if (since) {
        seconds += (performance.now() - since.at) / 1000
        timed += step - since.step
      }
      if (probe && (step === steps || step % probeEvery === 0)) {
        const shape = [batchSize, sequenceLength]
        const inputs = device.tensor(batch.inputs, shape)
        const targets = device.tensor(batch.targets, shape)
        probes.push({
          step,
          ...(await probe.measure(trainer.masterParameters(), trainer.scaling, inputs, targets)),
        })
      }
      if (since) since = { step, at: performance.now() }
    },
    onEvaluation({ natsPerToken }) {
      heldOut = natsPerToken
    },
  }
  const run = Run.create(
    {
      device,
      model,
      data: batches({ ...texts, sequenceLength, batchSize, seed }),
      optimizer: chain(clipGlobalNorm(1), adamw({ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 })),
      schedule: scheduleFor(learningRate, steps),
      seed,
      precision: policy,
      steps,
      heldOut: packEvaluation(texts.heldOut, sequenceLength, texts),
      cadence: { checkpointSteps: probeEvery > 0 ? probeEvery : steps },
    },
    [observer],
  )
  try {
    await run.train()
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error
    failure = error.message
  }
  const { peakBytes, inputBytes } = run.trainer.memory()
  probe?.dispose()
  run.dispose()
  model.dispose()
  return {
    parameters: countParameters(architecture).total,
    heldOut,
    losses,
    gradNorms,
    clipped,
    gradients: probe?.gradients ?? [],
    layers: probe?.layers ?? [],
    probes,
    tokensPerSecond: timed > 0 ? (timed * batchSize * sequenceLength) / seconds : null,
    peakBytes,
    stateBytes: inputBytes,
    failure,
  }
}

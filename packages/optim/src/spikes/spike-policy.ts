// Policies for loss spikes. A policy gets the metrics of every step and returns an action, which the training loop
// executes.

import { checkInteger, checkNumber, checkOptions, describeValue } from '../check.ts'
import { type SpikeDetector, type SpikeDetectorOptions, spikeDetector } from './spike-detector.ts'

/** Metrics of a step. */
export interface SpikeInput {
  /** Updates made, this one included. */
  readonly step: number
  readonly loss: number
  /** Before clipping; optional. */
  readonly gradNorm?: number
}

/** What the training loop should do next. */
export type SpikeAction =
  | { readonly kind: 'continue' }
  /** Skip the next batches; the weights do not change. */
  | { readonly kind: 'skip'; readonly batches: number }
  /** Restore the newest checkpoint at or before `step`, and skip that many batches from its position in the data. */
  | { readonly kind: 'rewind'; readonly step: number; readonly batches: number }
  /** The policy gives up: too many spikes. */
  | { readonly kind: 'stop'; readonly reason: string }

export interface SpikeDecision {
  readonly spike: boolean
  /** Robust z-scores; see SpikeReading.score. */
  readonly lossScore: number
  readonly gradNormScore: number
  readonly action: SpikeAction
}

/** The state of a policy, as JSON: values by step, how often it has acted, and how many spiking steps precede. */
export interface SpikePolicyState {
  readonly loss: readonly (readonly [step: number, value: number])[]
  readonly gradNorm: readonly (readonly [step: number, value: number])[]
  readonly acted: number
  readonly running: number
}

/** Decides what to do about loss spikes. */
export interface SpikePolicy {
  readonly name: string
  /** Call after every step. */
  push(input: SpikeInput): SpikeDecision
  /** Call after a rewind to a checkpoint of `step`: values of later steps are dropped. */
  rewound(step: number): void
  /** The state to store in a checkpoint. */
  state(): SpikePolicyState
  /**
   * Continues from a stored state.
   * @throws TypeError or RangeError if it is not a state
   */
  restore(state: SpikePolicyState): void
}

export interface SpikePolicyOptions {
  /** Detector of spikes in the loss, or false for none. */
  loss?: SpikeDetectorOptions | false
  /**
   * Detector of spikes in the gradient norm, or false for none. Default false: norms spike often, and mostly
   * harmlessly.
   */
  gradNorm?: SpikeDetectorOptions | false
  /** Consecutive steps with a spike before the policy acts. Default 1. */
  patience?: number
  /** How often it acts before it stops the run. Default: no limit. */
  limit?: number
}

/**
 * Records spikes and continues. Combine it with `zclip` in the optimizer's chain, which clips outliers harder.
 * @example
 * ```ts
 * import { continueThroughSpikes } from '@kumiki/optim'
 *
 * const policy = continueThroughSpikes({ loss: { window: 8 } })
 * for (let step = 1; step <= 8; step++) policy.push({ step, loss: 2 })
 * const { spike, action } = policy.push({ step: 9, loss: 5 })
 * console.log(spike, action) // true { kind: 'continue' }
 * ```
 */
export function continueThroughSpikes(options: SpikePolicyOptions = {}): SpikePolicy {
  return makePolicy('continueThroughSpikes', options, () => ({ kind: 'continue' }))
}

export interface SkipBatchesOptions extends SpikePolicyOptions {
  /** Batches to skip after a spike. Default 10. */
  batches?: number
}

/**
 * Skips the next batches and continues from the current weights: sufficient if the data caused the spike.
 * @throws RangeError if an option is out of range
 * @example
 * ```ts
 * import { skipBatches } from '@kumiki/optim'
 *
 * const policy = skipBatches({ batches: 5, loss: { window: 8 } })
 * for (let step = 1; step <= 8; step++) policy.push({ step, loss: 2 })
 * console.log(policy.push({ step: 9, loss: 5 }).action) // { kind: 'skip', batches: 5 }
 * ```
 */
export function skipBatches(options: SkipBatchesOptions = {}): SpikePolicy {
  checkOptions('skipBatches: options', options)
  const { batches = 10 } = options
  checkInteger('skipBatches: batches', batches, 1)
  return makePolicy('skipBatches', options, () => ({ kind: 'skip', batches }))
}

export interface RewindAndSkipOptions extends SpikePolicyOptions {
  /** How many steps before the spike the checkpoint must be. Default 100. */
  rewindSteps?: number
  /** Batches to skip after the checkpoint, including those before and during the spike. Default 300. */
  batches?: number
}

/**
 * Restores a checkpoint and skips the batches around the spike. PaLM rewound by about 100 steps and skipped 200 to 500
 * batches.
 * @throws RangeError if an option is out of range
 * @see arXiv:2204.02311, section 5.1
 * @example
 * ```ts
 * import { rewindAndSkip } from '@kumiki/optim'
 *
 * const policy = rewindAndSkip({ rewindSteps: 4, batches: 6, loss: { window: 8 } })
 * for (let step = 1; step <= 8; step++) policy.push({ step, loss: 2 })
 * console.log(policy.push({ step: 9, loss: 5 }).action) // { kind: 'rewind', step: 5, batches: 6 }
 * ```
 */
export function rewindAndSkip(options: RewindAndSkipOptions = {}): SpikePolicy {
  checkOptions('rewindAndSkip: options', options)
  const { rewindSteps = 100, batches = 300 } = options
  checkInteger('rewindAndSkip: rewindSteps', rewindSteps, 1)
  checkInteger('rewindAndSkip: batches', batches, 0)
  const act = (step: number): SpikeAction => ({ kind: 'rewind', step: Math.max(0, step - rewindSteps), batches })
  return makePolicy('rewindAndSkip', options, act, 4 * rewindSteps)
}

/** @param reserve values kept in addition to the detector's window, so that the window is still full after a rewind */
function makePolicy(
  name: string,
  options: SpikePolicyOptions,
  act: (step: number) => SpikeAction,
  reserve = 0,
): SpikePolicy {
  checkOptions(`${name}: options`, options)
  const { loss = {}, gradNorm = false, patience = 1, limit = Number.POSITIVE_INFINITY } = options
  if (loss === false && gradNorm === false)
    throw new RangeError(`${name}: loss and gradNorm are both false; give detector options for at least one of them`)
  checkInteger(`${name}: patience`, patience, 1)
  if (limit !== Number.POSITIVE_INFINITY) checkInteger(`${name}: limit`, limit, 0)
  const watched = {
    loss: watch(name, 'loss', loss, reserve),
    gradNorm: watch(name, 'gradNorm', gradNorm, reserve),
  }
  let acted = 0
  let running = 0
  return {
    name,
    push({ step, loss: lossValue, gradNorm: normValue }) {
      checkInteger(`${name}: step`, step, 0)
      const a = watched.loss.push(step, lossValue)
      const b = watched.gradNorm.push(step, normValue)
      const spike = a.spike || b.spike
      running = spike ? running + 1 : 0
      let action: SpikeAction = { kind: 'continue' }
      if (running >= patience) {
        if (acted < limit) {
          acted++
          running = 0
          action = act(step)
        } else
          action = {
            kind: 'stop',
            reason: `step ${step} spiked (loss ${lossValue}) after the policy ${name} had acted ${acted} times`,
          }
      }
      return { spike, lossScore: a.score, gradNormScore: b.score, action }
    },
    rewound(step) {
      checkInteger(`${name}: step`, step, 0)
      running = 0
      watched.loss.forget(step)
      watched.gradNorm.forget(step)
    },
    state: () => ({ loss: watched.loss.state(), gradNorm: watched.gradNorm.state(), acted, running }),
    restore(state) {
      if (typeof state !== 'object' || state === null || !Array.isArray(state.loss) || !Array.isArray(state.gradNorm))
        throw new TypeError(`${name}: restore needs the result of state(), got ${describeValue(state)}`)
      checkInteger(`${name}: state.acted`, state.acted, 0)
      checkInteger(`${name}: state.running`, state.running, 0)
      watched.loss.restore(state.loss)
      watched.gradNorm.restore(state.gradNorm)
      acted = state.acted
      running = state.running
    },
  }
}

/** A detector that records the step of each value, so that a rewind can drop the later ones. */
function watch(policy: string, what: string, options: SpikeDetectorOptions | false, reserve: number) {
  if (options === false)
    return {
      push: () => ({ spike: false, score: 0 }),
      forget() {},
      state: (): [number, number][] => [],
      restore() {},
    }
  let detector: SpikeDetector = spikeDetector(options)
  const most = (options.window ?? 128) + reserve
  let seen: (readonly [number, number])[] = []
  const refill = (entries: (readonly [number, number])[]) => {
    seen = entries.slice(-most)
    detector = spikeDetector(options)
    detector.restore(seen.map(([, value]) => value))
  }
  return {
    push(step: number, value: number | undefined) {
      if (value === undefined) return { spike: false, score: 0 }
      const reading = detector.push(value)
      if (Number.isFinite(value)) seen.push([step, value])
      if (seen.length > most) seen.shift()
      return reading
    },
    forget: (after: number) => refill(seen.filter(([step]) => step <= after)),
    state: () => seen.map(([step, value]): [number, number] => [step, value]),
    restore(entries: readonly (readonly [number, number])[]) {
      entries.forEach((entry, i) => {
        if (!Array.isArray(entry) || entry.length !== 2)
          throw new TypeError(`${policy}: state.${what}[${i}] must be [step, value], got ${describeValue(entry)}`)
        checkInteger(`${policy}: state.${what}[${i}][0]`, entry[0], 0)
        checkNumber(`${policy}: state.${what}[${i}][1]`, entry[1], -Number.MAX_VALUE)
      })
      refill([...entries])
    },
  }
}

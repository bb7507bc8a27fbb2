/**
 * A custom schedule, optimizer and gradient transform. They depend only on the types of `@kumiki/optim`, not on models
 * or tensors.
 */
import {
  defineSchedule,
  type ElementwiseRule,
  elementwiseOptimizer,
  type GradientTransform,
  globalNorm,
  mapTree,
  type Optimizer,
  type Schedule,
  type ScheduleBuilder,
} from '@kumiki/optim'

/** The simplest form: any function of the step is a schedule. */
export const sawtooth: Schedule = (step) => 3e-3 * (1 - (step % 50) / 100)

export interface HarmonicOptions {
  readonly peak: number
  /** Steps after which the rate is half the peak. */
  readonly halfAfter: number
}

/** With a description, a schedule can be saved with a run, drawn and combined like those of the package. */
export function harmonic({ peak, halfAfter }: HarmonicOptions): Schedule {
  if (!(peak >= 0)) throw new RangeError(`harmonic: peak must be at least 0, got ${peak}`)
  if (!(halfAfter > 0)) throw new RangeError(`harmonic: halfAfter must be above 0, got ${halfAfter}`)
  return defineSchedule({ kind: 'harmonic', peak, halfAfter }, (step) => peak / (1 + step / halfAfter))
}

/** The builders that `scheduleFromJSON` needs to restore custom schedules. */
export const ownKinds: Readonly<Record<string, ScheduleBuilder>> = { harmonic }

/**
 * An optimizer from an elementwise formula, which then works on typed arrays (as WebAssembly SIMD) and tensors, with
 * masks, in place, in chains and in parameter groups. This one steps by the sign of the momentum (Signum,
 * arXiv:1802.04434).
 */
export function signum({ momentum = 0.9, weightDecay = 0 } = {}): Optimizer {
  const rule: ElementwiseRule = {
    name: 'signum',
    moments: ['momentum'],
    scalars: (_, learningRate) => ({ learningRate, decay: 1 - learningRate * weightDecay }),
    update(ops, param, grad, [old], { learningRate, decay }, decays) {
      const buffer = ops.addScaled(old, momentum, grad, 1 - momentum)
      return [ops.subScaled(param, decays && weightDecay > 0 ? decay : 1, ops.sign(buffer), learningRate), buffer]
    },
  }
  return elementwiseOptimizer(rule)
}

/** An optimizer that is not elementwise implements the interface directly: steps of constant length. */
export const normalizedSgd: Optimizer = {
  name: 'normalizedSgd',
  init: () => ({}),
  scalars: (_, learningRate) => ({ learningRate }),
  update(grads, state, params, { learningRate }) {
    const norm = globalNorm(grads)
    const byPath = new Map<string, any>()
    mapTree(grads, (g, path) => byPath.set(path, g))
    // Uses the methods of MethodArray, so it works on tensors only.
    return {
      params: mapTree(params, (p, path) => p.sub(byPath.get(path).mul(learningRate).div(norm))),
      state,
      metrics: { gradNorm: norm },
    }
  },
}

/** A gradient transform: the signed square root of every element, which reduces heavy tails. */
export const rootGradients: GradientTransform = {
  name: 'rootGradients',
  apply: (grads) => ({
    grads: mapTree(grads, (g) => g.sign().mul(g.mul(g.sign()).sqrt())),
    metrics: { gradNorm: globalNorm(grads) },
  }),
}

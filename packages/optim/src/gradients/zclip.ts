// ZClip: adaptive gradient clipping by the z-score of the norm.

import type { ScalarOperations } from '../arrays/arithmetic.ts'
import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { leavesOf } from '../arrays/tree.ts'
import { checkDecayRate, checkInteger, checkNumber, checkOptions } from '../check.ts'
import type { GradientTransform } from '../wrappers/chain.ts'
import { globalNorm, scaleTree } from './clip.ts'

export interface ZclipOptions {
  /** z-score from which a norm is clipped, above 0. Default 2.5. */
  threshold?: number
  /** Decay rate of the running mean and variance. Default 0.97. */
  alpha?: number
  /** Steps at the start that only collect mean and variance, clipped by maxNorm alone; at least 2. Default 25. */
  warmupSteps?: number
  /** Upper bound of the norm in every step. Default 1; Infinity for none. */
  maxNorm?: number
}

/** Added to the standard deviation before dividing by it. */
const tiny = 1e-6

/**
 * ZClip: clips gradient norms that are outliers among those of earlier steps. With g the global norm, mu and s its
 * running mean and standard deviation:
 *
 *     z <- (g - mu) / (s + 1e-6)
 *     g* <- mu + threshold^2 / z * (s + 1e-6) where z > threshold, else g
 *     gradients <- gradients * min(1, min(g*, maxNorm) / (g + 1e-6))
 *     mu <- alpha * mu + (1 - alpha) * g*;  s^2 <- alpha * s^2 + (1 - alpha) * (g* - mu)^2
 *
 * The larger the outlier, the harder it is clipped, and a spike hardly changes the statistics. In the first
 * `warmupSteps` steps mu and s^2 are the plain mean and variance. As in the authors' code in mode 'zscore' with
 * 'adaptive_scaling', except that it has s in place of s + 1e-6 in the second line, and decides on the host, while this
 * computes without a branch on the gradients' device. Metrics: `gradNorm` before clipping, `clippedNorm`. State:
 * `zclip`, a mean and a variance. A norm that is not finite makes them NaN, like the gradients: wrap the chain in
 * `skipNonFinite`.
 * @throws RangeError if an option is out of range
 * @see arXiv:2504.02507; github.com/bluorion-com/ZClip
 * @example
 * ```ts
 * import { adamw, chain, zclip } from '@kumiki/optim'
 *
 * const optimizer = chain(zclip({ maxNorm: 1 }), adamw())
 * const params = { w: Float32Array.of(1) }
 * const grads = { w: Float32Array.of(4) }
 * const { metrics } = optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 0.1))
 * console.log(metrics) // { gradNorm: 4, clippedNorm: 1 }
 * ```
 */
export function zclip(options: ZclipOptions = {}): GradientTransform {
  checkOptions('zclip: options', options)
  const { threshold = 2.5, alpha = 0.97, warmupSteps = 25, maxNorm = 1 } = options
  checkNumber('zclip: threshold', threshold, Number.MIN_VALUE)
  checkDecayRate('zclip: alpha', alpha)
  checkInteger('zclip: warmupSteps', warmupSteps, 2)
  if (maxNorm !== Number.POSITIVE_INFINITY) checkNumber('zclip: maxNorm', maxNorm, Number.MIN_VALUE)
  return {
    name: 'zclip',
    init(params) {
      const [{ leaf }] = leavesOf(params)
      const { scalar } = arithmeticOf(leaf)
      return { zclip: { mean: scalar.zero(leaf), variance: scalar.zero(leaf) } }
    },
    scalars(step) {
      const gathering = step <= warmupSteps
      const weight = gathering ? 1 / step : 1 - alpha
      return {
        zclipActive: gathering ? 0 : 1,
        zclipWeight: weight,
        // During the warm-up, (g - mu)^2 with the new mu is weighted so that the result is the variance of all norms so
        // far.
        zclipVarianceKeep: gathering ? 1 - weight : alpha,
        zclipVarianceWeight: !gathering ? weight : step === 1 ? 0 : 1 / (step - 1),
      }
    },
    apply(grads, update, state, scalars) {
      const [{ leaf }] = leavesOf(grads)
      const s = arithmeticOf(leaf).scalar as ScalarOperations<any, any>
      const norm = globalNorm(grads)
      const old = { mean: s.load(state.zclip.mean), variance: s.load(state.zclip.variance) }
      const deviation = s.add(s.sqrt(old.variance), tiny)
      const z = s.div(s.sub(norm, old.mean), deviation)
      // For z at or below the threshold, old.mean + reach is at or above the norm.
      const reach = s.mul(s.divide(threshold * threshold, s.maximum(z, 1e-12)), deviation)
      const limit = s.minimum(s.add(old.mean, reach), norm)
      const target = s.add(norm, s.mul(s.sub(limit, norm), scalars.zclipActive))
      const clipped = maxNorm === Number.POSITIVE_INFINITY ? target : s.minimum(target, maxNorm)
      const factor = s.minimum(s.div(clipped, s.add(norm, 1e-6)), 1)
      // 1 if the norm is above its limit, else 0: gradients within it keep their bits.
      const above = s.minimum(s.mul(s.maximum(s.sub(norm, clipped), 0), 1e30), 1)
      const applied = s.add(s.mul(s.sub(factor, 1), above), 1)
      const mean = s.add(old.mean, s.mul(s.sub(target, old.mean), scalars.zclipWeight))
      const off = s.sub(target, mean)
      const variance = s.add(
        s.mul(old.variance, scalars.zclipVarianceKeep),
        s.mul(s.mul(off, off), scalars.zclipVarianceWeight),
      )
      return {
        grads: applied === 1 ? grads : scaleTree(grads, applied, update.inPlace ?? false),
        metrics: { gradNorm: norm, clippedNorm: clipped },
        state: { zclip: { mean: s.store(mean), variance: s.store(variance) } },
      }
    },
  }
}

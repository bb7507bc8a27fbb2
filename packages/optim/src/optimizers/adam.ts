// Adam, and the formulas that AdamW shares with it.

import type { Elementwise, MomentDtype } from '../arrays/arithmetic.ts'
import { checkDecayRate, checkNumber, checkOptions } from '../check.ts'
import { elementwiseOptimizer, type Mask, type Optimizer } from './optimizer.ts'

export interface AdamOptions {
  /** Decay rate of the first moment. Default 0.9. */
  beta1?: number
  /** Decay rate of the second moment. Default 0.999. Language models often use 0.95. */
  beta2?: number
  /**
   * Added to the root of the second moment. Default 1e-8. Unless it is small compared with the gradients, steps shrink.
   */
  epsilon?: number
  /** Default 0 for adam (added to the gradient), 0.01 for adamw (decoupled). */
  weightDecay?: number
  /** Which parameters decay. Default: matrices; typed arrays all. */
  mask?: Mask
  /**
   * How moments are stored. Default float32 (float64 for Float64Array). bfloat16 halves the state. It has 8 significant
   * bits: a second moment that should change by less than 1/512 in a step does not change at all, so use it with a
   * beta2 of at most about 0.99.
   */
  momentDtype?: MomentDtype
}

/**
 * Adam. With g the gradient, plus weightDecay * p for parameters that decay, and t the step:
 *
 *     m <- beta1 * m + (1 - beta1) * g
 *     v <- beta2 * v + (1 - beta2) * g^2
 *     p <- p - learningRate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *
 * As torch.optim.Adam. Scalars: `stepSize`, `secondMomentCorrection`. State: `expAvg` (m), `expAvgSq` (v).
 * @throws RangeError if an option is out of range
 * @see arXiv:1412.6980, algorithm 1
 * @example
 * ```ts
 * import { adam } from '@kumiki/optim'
 *
 * const optimizer = adam({ beta2: 0.95 })
 * let params = { w: Float32Array.of(3, -2) } // minimise |w|^2 / 2
 * let state = optimizer.init(params)
 * for (let step = 1; step <= 100; step++)
 *   ({ params, state } = optimizer.update({ w: params.w.slice() }, state, params, optimizer.scalars(step, 0.1)))
 * console.log(params.w.every((x) => Math.abs(x) < 0.2)) // true
 * ```
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, mask, momentDtype } = checkAdam('adam', options, 0)
  return elementwiseOptimizer(
    {
      name: 'adam',
      moments: ['expAvg', 'expAvgSq'],
      momentDtype,
      epsilon,
      scalars: (step, learningRate) => biasCorrections(step, learningRate, beta1, beta2),
      update(ops, param, grad, [m, v], scalars, decays) {
        const g = decays && weightDecay > 0 ? ops.addScaled(grad, 1, param, weightDecay) : grad
        const next = adamDirection(ops, g, m, v, scalars.secondMomentCorrection, beta1, beta2, epsilon)
        return [ops.subScaled(param, 1, next.direction, scalars.stepSize), next.m, next.v]
      },
    },
    mask,
  )
}

/** `stepSize` = learningRate / (1 - beta1^t), `secondMomentCorrection` = sqrt(1 - beta2^t). */
export function biasCorrections(step: number, learningRate: number, beta1: number, beta2: number) {
  return {
    stepSize: learningRate / (1 - beta1 ** step),
    secondMomentCorrection: Math.sqrt(1 - beta2 ** step),
  }
}

/** New moments and m / (sqrt(v) / correction + epsilon), in PyTorch's order of operations. */
export function adamDirection<A, S>(
  ops: Elementwise<A, S>,
  grad: A,
  m: A,
  v: A,
  correction: S | number,
  beta1: number,
  beta2: number,
  epsilon: number,
): { direction: A; m: A; v: A } {
  const nextM = ops.addScaled(m, beta1, grad, 1 - beta1)
  const nextV = ops.addScaled(v, beta2, ops.square(grad), 1 - beta2)
  const denominator = ops.add(ops.div(ops.sqrt(nextV), correction), epsilon)
  return { direction: ops.div(nextM, denominator), m: nextM, v: nextV }
}

/** Validates Adam's options and fills in their defaults. */
export function checkAdam(name: string, options: AdamOptions, defaultDecay: number) {
  checkOptions(`${name}: options`, options)
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = defaultDecay } = options
  const { mask, momentDtype } = options
  checkDecayRate(`${name}: beta1`, beta1)
  checkDecayRate(`${name}: beta2`, beta2)
  checkNumber(`${name}: epsilon`, epsilon, 0)
  checkNumber(`${name}: weightDecay`, weightDecay, 0)
  return { beta1, beta2, epsilon, weightDecay, mask, momentDtype }
}

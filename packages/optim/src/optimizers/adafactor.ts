// Adafactor.

import { HostMatrix } from '../arrays/host-matrix.ts'
import { checkNumber, checkOptions } from '../check.ts'
import { type Matrix, type MatrixOptimizerOptions, matrixOptimizer } from './matrix-optimizer.ts'
import type { Mask, Optimizer } from './optimizer.ts'

export interface AdafactorOptions extends MatrixOptimizerOptions {
  /** The decay rate of the second moment at step t is 1 - t^beta2Decay. Between -1 and 0, exclusive. Default -0.8. */
  beta2Decay?: number
  /** Lower bound of the root of the second moment. Default: machine epsilon (1.2e-7 for float32). */
  epsilon1?: number
  /** Lower bound of the root mean square of a parameter, which scales its step. Default 1e-3. */
  epsilon2?: number
  /** Root mean square that an update is clipped to. Default 1. */
  clippingThreshold?: number
  /** Decoupled weight decay. Default 0. */
  weightDecay?: number
  /** Which parameters decay. Default: matrices; typed arrays all. */
  mask?: Mask
}

/**
 * Adafactor: Adam's second moment from its row and column means, so that the state of a matrix [R, C] is R + C numbers;
 * no first moment. With b = 1 - t^beta2Decay, rms(x) the root mean square and rho = min(learningRate, 1 / sqrt(t)):
 *
 *     r <- b * r + (1 - b) * mean over columns of g^2;   c <- b * c + (1 - b) * mean over rows of g^2
 *     v <- r c / mean(r)                                  (vectors: v <- b * v + (1 - b) * g^2)
 *     u <- g / sqrt(max(v, epsilon1^2));                  u <- u / max(1, rms(u) / clippingThreshold)
 *     p <- p * (1 - learningRate * weightDecay) - max(epsilon2, rms(p)) * rho * u
 *
 * As torch.optim.Adafactor; rms(p) is computed before the decay. Like PyTorch it differs from the paper in where
 * epsilon1 is applied. The leading dimensions of arrays with more than two are merged (PyTorch factors the last two and
 * keeps the others). Typed arrays are vectors unless `shapeOf` gives their shape. Scalars: `factor` = 1 - b, `rho`,
 * `decay`. State: `rowVariance` [R, 1] and `columnVariance` [1, C] of matrices, `variance` of vectors.
 * @throws RangeError if an option is out of range
 * @see arXiv:1804.04235
 * @example
 * ```ts
 * import { adafactor } from '@kumiki/optim'
 *
 * const optimizer = adafactor()
 * let params = { w: Float32Array.of(3, -2) } // minimise |w|^2 / 2
 * let state = optimizer.init(params)
 * for (let step = 1; step <= 300; step++)
 *   ({ params, state } = optimizer.update({ w: params.w.slice() }, state, params, optimizer.scalars(step, 0.1)))
 * console.log(params.w.every((x) => Math.abs(x) < 0.2)) // true
 * ```
 */
export function adafactor(options: AdafactorOptions = {}): Optimizer {
  checkOptions('adafactor: options', options)
  const { beta2Decay = -0.8, epsilon1, epsilon2 = 1e-3, clippingThreshold = 1, weightDecay = 0 } = options
  checkNumber('adafactor: beta2Decay', beta2Decay, -1, 0)
  if (beta2Decay === 0 || beta2Decay === -1)
    throw new RangeError(`adafactor: beta2Decay must be above -1 and below 0, got ${beta2Decay}`)
  if (epsilon1 !== undefined) checkNumber('adafactor: epsilon1', epsilon1, 0)
  checkNumber('adafactor: epsilon2', epsilon2, 0)
  checkNumber('adafactor: clippingThreshold', clippingThreshold, Number.MIN_VALUE)
  checkNumber('adafactor: weightDecay', weightDecay, 0)
  const spacing = (x: Matrix) =>
    epsilon1 ?? (x instanceof HostMatrix && x.data instanceof Float64Array ? Number.EPSILON : 2 ** -23)
  const count = (x: Matrix) => x.shape.reduce((n, d) => n * d, 1)
  const rms = (x: Matrix) =>
    x
      .square()
      .sum()
      .mul(1 / count(x))
      .sqrt()
  /** [..., C] as [R, C]. */
  const flat = (x: Matrix) => {
    const columns = x.shape[x.shape.length - 1]
    return x.shape.length > 2 ? x.reshape([count(x) / columns, columns]) : x
  }
  return matrixOptimizer(
    {
      name: 'adafactor',
      scalars: (step, learningRate) => ({
        factor: step ** beta2Decay,
        rho: Math.min(learningRate, 1 / Math.sqrt(step)),
        decay: 1 - learningRate * weightDecay,
      }),
      init(param): Record<string, Matrix> {
        if (param.shape.length < 2) return { variance: param.zerosLike() }
        const zero = flat(param.zerosLike())
        return { rowVariance: zero.sum(1, true), columnVariance: zero.sum(0, true) }
      },
      update(param, grad, moments, { factor, rho, decay }, decays) {
        const epsilon = spacing(param)
        const keep = typeof factor === 'number' ? 1 - factor : factor.mul(-1).add(1)
        const average = (old: Matrix, now: Matrix) => old.mul(keep).add(now.mul(factor))
        let variance: Matrix
        let next: Record<string, Matrix>
        if (param.shape.length < 2) {
          variance = average(moments.variance, grad.square())
          next = { variance }
        } else {
          const squares = flat(grad).square()
          const [rows, columns] = squares.shape
          const rowVariance = average(moments.rowVariance, squares.sum(1, true).mul(1 / columns))
          const columnVariance = average(moments.columnVariance, squares.sum(0, true).mul(1 / rows))
          next = { rowVariance, columnVariance }
          const mean = rowVariance
            .sum()
            .mul(1 / rows)
            .maximum(epsilon)
          variance = rowVariance.matmul(columnVariance).div(mean).reshape(param.shape)
        }
        const update = grad.div(variance.maximum(epsilon * epsilon).sqrt())
        const clip = rms(update)
          .mul(1 / clippingThreshold)
          .maximum(1)
        const step = rms(param).maximum(epsilon2).mul(rho).div(clip)
        const kept = decays && weightDecay > 0 ? param.mul(decay) : param
        return { param: kept.sub(update.mul(step)), moments: next }
      },
    },
    options,
  )
}

// Muon.

import { checkDecayRate, checkInteger, checkNumber, checkOptions, describeValue, unknownName } from '../check.ts'
import { type Matrix, type MatrixOptimizerOptions, matrixOptimizer } from './matrix-optimizer.ts'
import type { Mask, Optimizer } from './optimizer.ts'

/** Factors on the learning rate of a matrix [rows, columns]. */
const scalings = {
  /** sqrt(max(1, rows / columns)), as in Keller Jordan's code. */
  original: (rows: number, columns: number) => Math.sqrt(Math.max(1, rows / columns)),
  /**
   * 0.2 * sqrt(max(rows, columns)): the RMS of steps matches AdamW's, so its learning rate and decay can be used
   * (arXiv:2502.16982).
   */
  match_rms_adamw: (rows: number, columns: number) => 0.2 * Math.sqrt(Math.max(rows, columns)),
} as const

export interface MuonOptions extends MatrixOptimizerOptions {
  /** Default 0.95. */
  momentum?: number
  /** Nesterov momentum. Default true. */
  nesterov?: boolean
  /** Decoupled weight decay. Default 0.1. */
  weightDecay?: number
  /** Newton-Schulz iterations, from 1 to 99. Default 5. */
  newtonSchulzSteps?: number
  /** Their coefficients. Default [3.4445, -4.775, 2.0315]. */
  coefficients?: readonly [number, number, number]
  /** Lower bound of the norm that is divided by. Default 1e-7. */
  epsilon?: number
  /** Default `original`. */
  scaling?: keyof typeof scalings
  /** Which parameters decay. Default: all. */
  mask?: Mask
}

/**
 * Muon: momentum orthogonalised by Newton-Schulz iterations, for the matrices of hidden layers. With b the momentum:
 *
 *     b <- momentum * b + (1 - momentum) * g
 *     x <- (1 - momentum) * g + momentum * b if nesterov, else b
 *     x <- x / max(|x|, epsilon), transposed if it has more rows than columns
 *     x <- a x + (b (x x^T) + c (x x^T)^2) x, newtonSchulzSteps times; transposed back
 *     p <- p * (1 - learningRate * weightDecay) - learningRate * scaling * x
 *
 * As torch.optim.Muon, except that the iteration is computed in float32 (float64 for Float64Array) instead of bfloat16.
 * Every parameter must be a matrix: use another optimizer for embeddings, the output layer and vectors, with
 * `parameterGroups`. Typed arrays need `shapeOf`. Scalars: `learningRate`, `decay`. State: `momentum` (b).
 * @throws RangeError if an option is out of range, or (from init and update) a parameter does not have two dimensions
 * @see https://kellerjordan.github.io/posts/muon/
 * @example
 * ```ts
 * import { muon } from '@kumiki/optim'
 *
 * const optimizer = muon({ shapeOf: () => [2, 2], weightDecay: 0 })
 * const params = { w: Float32Array.of(1, 0, 0, 1) }
 * const grads = { w: Float32Array.of(5, 0, 0, 0.01) }
 * const result = optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 0.1))
 * // Both singular values of the step are near 0.1.
 * console.log(result.params.w) // Float32Array [0.93, 0, 0, 0.914]
 * ```
 */
export function muon(options: MuonOptions = {}): Optimizer {
  checkOptions('muon: options', options)
  const { momentum = 0.95, nesterov = true, weightDecay = 0.1, newtonSchulzSteps = 5, epsilon = 1e-7 } = options
  const { coefficients = [3.4445, -4.775, 2.0315], scaling = 'original', mask = () => true } = options
  checkDecayRate('muon: momentum', momentum)
  checkNumber('muon: weightDecay', weightDecay, 0)
  checkInteger('muon: newtonSchulzSteps', newtonSchulzSteps, 1, 99)
  checkNumber('muon: epsilon', epsilon, 0)
  if (!Array.isArray(coefficients) || coefficients.length !== 3 || !coefficients.every(Number.isFinite))
    throw new RangeError('muon: coefficients must be three finite numbers')
  if (!Object.hasOwn(scalings, scaling))
    throw unknownName(
      `muon: scaling must be one of ${Object.keys(scalings).join(', ')}, got ${describeValue(scaling)}`,
      scaling,
      Object.keys(scalings),
    )
  const [a, b, c] = coefficients
  const orthogonal = (x: Matrix): Matrix => {
    const tall = x.shape[0] > x.shape[1]
    const start = tall ? x.transpose() : x
    let y: Matrix = start.div(start.square().sum().sqrt().maximum(epsilon))
    for (let i = 0; i < newtonSchulzSteps; i++) {
      const gram: Matrix = y.matmul(y.transpose())
      const factor = gram.mul(b).add(gram.matmul(gram).mul(c))
      y = y.mul(a).add(factor.matmul(y))
    }
    return tall ? y.transpose() : y
  }
  const requireMatrix = (param: Matrix, path: string) => {
    if (param.shape.length !== 2)
      throw new RangeError(
        `muon: params.${path} must have two dimensions, got [${param.shape.join(', ')}]; give it another optimizer with parameterGroups, or (typed arrays) its shape with shapeOf`,
      )
  }
  return matrixOptimizer(
    {
      name: 'muon',
      scalars: (_, learningRate) => ({ learningRate, decay: 1 - learningRate * weightDecay }),
      init(param, path): Record<string, Matrix> {
        requireMatrix(param, path)
        return { momentum: param.zerosLike() }
      },
      update(param, grad, moments, { learningRate, decay }, decays) {
        const [rows, columns] = param.shape
        const buffer = moments.momentum.mul(momentum).add(grad.mul(1 - momentum))
        const direction = nesterov ? grad.mul(1 - momentum).add(buffer.mul(momentum)) : buffer
        const step = orthogonal(direction).mul(learningRate).mul(scalings[scaling](rows, columns))
        const kept = decays && weightDecay > 0 ? param.mul(decay) : param
        return { param: kept.sub(step), moments: { momentum: buffer } }
      },
    },
    { ...options, mask },
  )
}

// Mean squared error and negative log-likelihood.

import { requireTensor } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { formatShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { cast } from './cast.ts'
import { less } from './compare.ts'
import { requireTargets } from './cross-entropy.ts'
import { full } from './full.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'
import { takeLast } from './take.ts'
import { where } from './where.ts'

/**
 * The mean of the squared differences, a scalar.
 * @example mse(device.tensor([1, 2]), device.tensor([1, 4])) // 2
 */
export function mse(prediction: Tensor, target: Tensor): Tensor {
  requireTensor('mse', prediction, 'the prediction')
  requireTensor('mse', target, 'the target')
  if (prediction.shape.join() !== target.shape.join())
    throw new ShapeError(
      `mse: prediction and target must have one shape, got ${formatShape(prediction.shape)} and ${formatShape(target.shape)}`,
    )
  return mean(square(sub(prediction, target)))
}

/**
 * Minus the log-probability of each target.
 * @param logProbabilities [..., classes], as logSoftmax gives them
 * @param targets int32 [...]; the loss of a negative target is 0, of one outside the classes NaN
 * @returns [...]
 * @example nllLoss(device.tensor([[-1, -2], [-3, -4]]), device.tensor([1, 0], [2], 'int32')) // [2, 3]
 */
export function nllLoss(logProbabilities: Tensor, targets: Tensor): Tensor {
  requireTensor('nllLoss', logProbabilities, 'the log-probabilities')
  requireTensor('nllLoss', targets, 'the targets')
  requireFloat('nllLoss', logProbabilities)
  if (logProbabilities.ndim === 0)
    throw new ShapeError('nllLoss: log-probabilities must be [..., classes], got a scalar')
  requireTargets('nllLoss', targets, logProbabilities.shape.slice(0, -1))
  const { shape, dtype } = logProbabilities
  const known = less(targets, shape[shape.length - 1])
  // The factor makes the gradient of a row NaN too: that of `where` alone would be 0.
  const factor = cast(where(known, full(targets.shape, 1), NaN), dtype)
  const picked = takeLast(mul(logProbabilities, reshape(factor, [...targets.shape, 1])), targets)
  return where(less(targets, 0), 0, where(known, neg(picked), NaN))
}

// Layer, group and batch normalization, defined by other operations.

import { requireNumber, requireOptions, requireTensor, requireWhole } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { formatShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { cast } from './cast.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { rsqrt } from './rsqrt.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'

/** x minus its mean, divided by its standard deviation, over these axes; float32. */
function standardized(x: Tensor, axes: readonly number[], epsilon: number): Tensor {
  const f = cast(x, 'float32')
  const off = sub(f, mean(f, axes, true))
  return mul(off, rsqrt(add(mean(square(off), axes, true), epsilon)))
}

/** y times the weight plus the bias, vectors along `axis`. */
function affine(op: string, y: Tensor, axis: number, weight?: Tensor, bias?: Tensor): Tensor {
  const n = y.shape[axis]
  const along = (name: string, t: Tensor): Tensor => {
    requireTensor(op, t, name)
    if (t.ndim !== 1 || t.shape[0] !== n)
      throw new ShapeError(`${op}: ${name} must be [${n}] for x ${formatShape(y.shape)}, got ${formatShape(t.shape)}`)
    return reshape(
      t,
      y.shape.slice(axis).map((_, i) => (i === 0 ? n : 1)),
    )
  }
  const scaled = weight ? mul(y, along('the weight', weight)) : y
  return bias ? add(scaled, along('the bias', bias)) : scaled
}

/**
 * Layer normalization over the last axis: (x - mean) / sqrt(variance + epsilon) * weight + bias, computed in float32.
 * @param x [..., n]
 * @param weight [n]
 * @param bias [n]
 * @returns like x
 * @see arXiv:1607.06450
 * @example layerNorm(device.tensor([1, 2, 3])) // [-1.22, 0, 1.22]
 */
export function layerNorm(x: Tensor, weight?: Tensor, bias?: Tensor, epsilon = 1e-5): Tensor {
  requireTensor('layerNorm', x)
  requireFloat('layerNorm', x)
  requireNumber('layerNorm', 'epsilon', epsilon, 0)
  if (x.ndim === 0) throw new ShapeError('layerNorm: x is a scalar; it needs a last axis')
  return cast(affine('layerNorm', standardized(x, [x.ndim - 1], epsilon), x.ndim - 1, weight, bias), x.dtype)
}

/**
 * Group normalization: the channels of each example are normalized in groups; computed in float32.
 * @param x [batch, channels, ...]
 * @param groups number of groups; divides the channels
 * @param weight [channels]
 * @param bias [channels]
 * @returns like x
 * @see arXiv:1803.08494
 * @example groupNorm(device.tensor([[1, 3, 10, 30]]), 2) // [[-1, 1, -1, 1]]
 */
export function groupNorm(x: Tensor, groups: number, weight?: Tensor, bias?: Tensor, epsilon = 1e-5): Tensor {
  requireTensor('groupNorm', x)
  requireFloat('groupNorm', x)
  requireWhole('groupNorm', 'groups', groups, 1)
  requireNumber('groupNorm', 'epsilon', epsilon, 0)
  if (x.ndim < 2 || x.shape[1] % groups !== 0)
    throw new ShapeError(
      `groupNorm: x must be [batch, channels, ...] with channels that divide into ${groups} groups, got ${formatShape(x.shape)}`,
    )
  const rest = x.size === 0 ? 0 : x.size / (x.shape[0] * groups)
  const y = standardized(reshape(x, [x.shape[0], groups, rest]), [2], epsilon)
  return cast(affine('groupNorm', reshape(y, x.shape), 1, weight, bias), x.dtype)
}

export interface BatchNormOptions {
  readonly weight?: Tensor
  readonly bias?: Tensor
  /**
   * Statistics of the channels from training, [channels]; give both or neither. Default: the batch's own statistics.
   */
  readonly mean?: Tensor
  readonly variance?: Tensor
  readonly epsilon?: number
}

/**
 * Batch normalization: every channel is normalized over the batch and all later axes; computed in float32. There is no
 * state: for inference, keep running averages of `mean(x, axes)` and `variance(x, axes)` over all axes but 1 during
 * training, and pass them as options.
 * @param x [batch, channels, ...]
 * @returns like x
 * @see arXiv:1502.03167
 * @example batchNorm(device.tensor([[1, 10], [3, 30]])) // [[-1, -1], [1, 1]]
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  requireTensor('batchNorm', x)
  requireOptions('batchNorm', options, ['weight', 'bias', 'mean', 'variance', 'epsilon'])
  requireFloat('batchNorm', x)
  const { weight, bias, epsilon = 1e-5 } = options
  requireNumber('batchNorm', 'epsilon', epsilon, 0)
  if (x.ndim < 2) throw new ShapeError(`batchNorm: x must be [batch, channels, ...], got ${formatShape(x.shape)}`)
  if ((options.mean === undefined) !== (options.variance === undefined))
    throw new TypeError('batchNorm: give mean and variance, or neither')
  const axes = [...x.shape.keys()].filter((i) => i !== 1)
  if (!options.mean) return cast(affine('batchNorm', standardized(x, axes, epsilon), 1, weight, bias), x.dtype)
  requireTensor('batchNorm', options.mean, 'the mean')
  requireTensor('batchNorm', options.variance, 'the variance')
  const scale = rsqrt(add(options.variance, epsilon))
  const y = affine('batchNorm', cast(x, 'float32'), 1, scale, mul(mul(options.mean, scale), -1))
  return cast(affine('batchNorm', y, 1, weight, bias), x.dtype)
}

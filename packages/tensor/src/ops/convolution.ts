// Convolutions and pooling, by gathering windows.

import { requireOptions, requireTensor, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { elementCount, formatShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { iota } from './leaf.ts'
import { matmul } from './matmul/matmul.ts'
import { max } from './max.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { pad } from './pad.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { take } from './take.ts'
import { transpose } from './transpose.ts'

/** One number for all spatial axes, or one for each. */
type PerAxis = number | readonly number[]

export interface ConvolutionOptions {
  /** Distance between windows. Default 1. */
  readonly stride?: PerAxis
  /** Zeros added at both ends. Default 0. */
  readonly padding?: PerAxis
  /** Distance between the elements of a window. Default 1. */
  readonly dilation?: PerAxis
  /** Number of groups of channels that are convolved separately. Default 1. */
  readonly groups?: number
}

export interface PoolingOptions {
  /** Distance between windows. Default: the window's size. */
  readonly stride?: PerAxis
  /** Padding at both ends, at most half a window. Default 0. */
  readonly padding?: PerAxis
}

function perAxis(op: string, name: string, x: PerAxis, rank: number, least: number): number[] {
  const list = typeof x === 'number' ? Array<number>(rank).fill(x) : x
  if (!Array.isArray(list) || list.length !== rank || !list.every((n) => Number.isSafeInteger(n) && n >= least))
    throw new RangeError(
      `${op}: ${name} must be ${rank === 1 ? 'an integer' : 'one or two integers'} from ${least}, got ${shown(x)}`,
    )
  return [...list]
}

/** Gathers windows along an axis: it is replaced by two axes, [windows, size]. */
function windows(op: string, x: Tensor, axis: number, size: number, stride: number, dilation: number): Tensor {
  const count = Math.floor((x.shape[axis] - dilation * (size - 1) - 1) / stride) + 1
  if (count < 1)
    throw new ShapeError(
      `${op}: a window of ${dilation * (size - 1) + 1} does not fit into axis ${axis} of ${formatShape(x.shape)} (padding included)`,
    )
  const at = add(mul(iota([count, size], 0), stride), mul(iota([count, size], 1), dilation))
  return take(x, at, axis)
}

const spatial = (op: string, x: Tensor, rank: number): void => {
  requireTensor(op, x, 'x')
  requireFloat(op, x)
  if (x.ndim !== rank + 2)
    throw new ShapeError(
      `${op}: x must be [batch, channels, ${rank === 1 ? 'length' : 'height, width'}], got ${formatShape(x.shape)}`,
    )
}

function padded(x: Tensor, padding: readonly number[], value: number): Tensor {
  return pad(x, [[0, 0], [0, 0], ...padding.map((p): [number, number] => [p, p])], 'constant', value)
}

function convolution(
  op: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  options: ConvolutionOptions,
): Tensor {
  spatial(op, x, rank)
  requireTensor(op, weight, 'the weight')
  requireFloat(op, weight)
  requireOptions(op, options, ['stride', 'padding', 'dilation', 'groups'])
  const stride = perAxis(op, 'stride', options.stride ?? 1, rank, 1)
  const padding = perAxis(op, 'padding', options.padding ?? 0, rank, 0)
  const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1)
  const groups = options.groups ?? 1
  perAxis(op, 'groups', groups, 1, 1)
  const [batch, channels] = x.shape
  if (weight.ndim !== rank + 2 || channels !== weight.shape[1] * groups || weight.shape[0] % groups !== 0)
    throw new ShapeError(
      `${op}: the weight must be [out, ${channels} / ${groups}, ...window] with out a multiple of ${groups} groups, got ${formatShape(weight.shape)} for x ${formatShape(x.shape)}`,
    )
  const [out, inner, ...size] = weight.shape
  if (bias) {
    requireTensor(op, bias, 'the bias')
    if (bias.ndim !== 1 || bias.shape[0] !== out)
      throw new ShapeError(`${op}: the bias must be [${out}], got ${formatShape(bias.shape)}`)
  }
  // [batch, channels, windows, size, windows, size]; the last axis first, so that the index of the other is unchanged.
  let y = padded(cast(x, 'float32'), padding, 0)
  for (let i = rank - 1; i >= 0; i--) y = windows(op, y, i + 2, size[i], stride[i], dilation[i])
  const counts = size.map((_, i) => y.shape[2 + 2 * i])
  const places = elementCount(counts)
  const columns = inner * elementCount(size)
  const rows = reshape(y, [batch, groups, inner, ...y.shape.slice(2)])
  // [groups, batch, ...windows, inner, ...size]
  const order = [1, 0, ...size.map((_, i) => 3 + 2 * i), 2, ...size.map((_, i) => 4 + 2 * i)]
  const p = reshape(transpose(rows, order), [groups, batch * places, columns])
  const q = transpose(reshape(cast(weight, 'float32'), [groups, out / groups, columns]), [0, 2, 1])
  const product = reshape(matmul(p, q), [groups, batch, places, out / groups])
  const result = reshape(transpose(product, [1, 0, 3, 2]), [batch, out, ...counts])
  const sum = bias ? add(result, broadcastTo(reshape(bias, [out, ...size.map(() => 1)]), [out, ...counts])) : result
  return cast(sum, x.dtype)
}

/**
 * Convolution over one axis (a cross-correlation, as in PyTorch), by gathering windows and a matrix product. The
 * windows take the memory of x times the number of elements of a window, divided by the stride. Computed in float32.
 * @param x [batch, channels, length]
 * @param weight [out, channels / groups, window]
 * @param bias [out]
 * @returns [batch, out, floor((length + 2 padding - dilation (window - 1) - 1) / stride) + 1], dtype of x
 * @throws ShapeError or RangeError for shapes and options that do not fit
 * @example
 * conv1d(device.tensor([[[1, 2, 3]]]), device.tensor([[[1, 1, 1]]]), undefined, { padding: 1 }) // [[[3, 6, 5]]]
 */
export function conv1d(x: Tensor, weight: Tensor, bias?: Tensor, options: ConvolutionOptions = {}): Tensor {
  return convolution('conv1d', 1, x, weight, bias, options)
}

/**
 * Convolution over two axes; see `conv1d`.
 * @param x [batch, channels, height, width]
 * @param weight [out, channels / groups, h, w]
 * @param bias [out]
 * @example conv2d(device.tensor([[[[1, 2], [3, 4]]]]), device.tensor([[[[1, 0], [0, 1]]]])) // [[[[5]]]]
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: ConvolutionOptions = {}): Tensor {
  return convolution('conv2d', 2, x, weight, bias, options)
}

function pooling(
  op: string,
  rank: number,
  x: Tensor,
  size: PerAxis,
  options: PoolingOptions,
  kind: 'max' | 'mean',
): Tensor {
  spatial(op, x, rank)
  requireOptions(op, options, ['stride', 'padding'])
  const window = perAxis(op, 'the window', size, rank, 1)
  const stride = perAxis(op, 'stride', options.stride ?? window, rank, 1)
  const padding = perAxis(op, 'padding', options.padding ?? 0, rank, 0)
  padding.forEach((p, i) => {
    if (p > window[i] / 2) throw new RangeError(`${op}: padding ${p} is more than half of the window ${window[i]}`)
  })
  let y = padded(x, padding, kind === 'max' ? -Infinity : 0)
  for (let i = rank - 1; i >= 0; i--) y = windows(op, y, i + 2, window[i], stride[i], 1)
  const axes = window.map((_, i) => 3 + 2 * i)
  return cast(kind === 'max' ? max(y, axes) : mean(y, axes), x.dtype)
}

/**
 * The largest element of each window over one axis.
 * @param x [batch, channels, length]. Equal maxima of a window share its gradient.
 * @example maxPool1d(device.tensor([[[1, 3, 2, 0]]]), 2) // [[[3, 2]]]
 */
export function maxPool1d(x: Tensor, window: number, options: PoolingOptions = {}): Tensor {
  return pooling('maxPool1d', 1, x, window, options, 'max')
}

/**
 * The largest element of each window over two axes.
 * @param x [batch, channels, height, width]. Equal maxima of a window share its gradient.
 * @example maxPool2d(device.tensor([[[[1, 2], [3, 4]]]]), 2) // [[[[4]]]]
 */
export function maxPool2d(x: Tensor, window: PerAxis, options: PoolingOptions = {}): Tensor {
  return pooling('maxPool2d', 2, x, window, options, 'max')
}

/**
 * The mean of each window over one axis, zeros of the padding included.
 * @param x [batch, channels, length]
 * @example avgPool1d(device.tensor([[[1, 3, 2, 0]]]), 2) // [[[2, 1]]]
 */
export function avgPool1d(x: Tensor, window: number, options: PoolingOptions = {}): Tensor {
  return pooling('avgPool1d', 1, x, window, options, 'mean')
}

/**
 * The mean of each window over two axes, zeros of the padding included.
 * @param x [batch, channels, height, width]
 * @example avgPool2d(device.tensor([[[[1, 2], [3, 4]]]]), 2) // [[[[2.5]]]]
 */
export function avgPool2d(x: Tensor, window: PerAxis, options: PoolingOptions = {}): Tensor {
  return pooling('avgPool2d', 2, x, window, options, 'mean')
}

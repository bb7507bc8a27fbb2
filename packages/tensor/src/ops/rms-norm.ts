// Root mean square normalization, with its gradient.

import { requireNumber } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { elementCount, formatShape } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { rowCpu } from './row-kernels.cpu.ts'
import { rsqrt } from './rsqrt.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'

const column = (x: Tensor) => [...x.shape.slice(0, -1), 1]

/** Outputs: y like x, and 1 / rms of each row (float32), which the gradient needs. */
export const rmsNormOp = defineOp<{ epsilon: number }>({
  name: 'rmsNorm',
  kind: 'composite',
  gradientOfFirst: true,
  infer([x, weight]) {
    requireFloat('rmsNorm', x)
    requireFloat('rmsNorm', weight)
    const n = x.shape[x.shape.length - 1]
    if (x.shape.length === 0 || weight.shape.length !== 1 || weight.shape[0] !== n) {
      throw new ShapeError(
        `rmsNorm: the weight must be [${n ?? '?'}] for x ${formatShape(x.shape)}, got ${formatShape(weight.shape)}`,
      )
    }
    return [
      { shape: x.shape, dtype: x.dtype },
      { shape: x.shape.slice(0, -1), dtype: 'float32' },
    ]
  },
  gradient({ inputs: [x, weight], outputs: [, scale], grads: [g] }) {
    if (!g) return [undefined, undefined]
    const dx = apply(rmsNormGradientOp, [x, weight, scale, g], {})[0]
    const rows = [...Array(x.ndim - 1).keys()]
    return [dx, sum(mul(mul(g, cast(x, 'float32')), reshape(scale, column(x))), rows)]
  },
  definition([x, weight], { epsilon }) {
    const f = cast(x, 'float32')
    const scale = rsqrt(add(mean(square(f), -1, true), epsilon))
    return [cast(mul(mul(f, scale), weight), x.dtype), reshape(scale, x.shape.slice(0, -1))]
  },
  cpu: rowCpu('rmsNormRows', ({ epsilon }) => [epsilon]),
  webgpu: lazyKernels(async () => (await import('./row-kernels.wgsl.ts')).rowWgsl('rmsNorm')),
  flops: ([x]) => 4 * elementCount(x.shape),
  samples: [
    { inputs: [{ shape: [5, 32] }, { shape: [32] }], attrs: { epsilon: 1e-5 } },
    { inputs: [{ shape: [2, 3, 33] }, { shape: [33] }], attrs: { epsilon: 1e-5 } },
    { inputs: [{ shape: [2, 0] }, { shape: [0] }], attrs: { epsilon: 1e-5 }, differentiable: false },
    // A row of one element: its gradient is dominated by cancellation, so only the value is compared.
    { inputs: [{ shape: [1, 1] }, { shape: [1] }], attrs: { epsilon: 1e-5 }, differentiable: false },
    {
      inputs: [
        { shape: [7, 64], dtype: 'bfloat16' },
        { shape: [64], dtype: 'bfloat16' },
      ],
      attrs: { epsilon: 1e-5 },
      differentiable: false,
    },
  ],
})

/** The gradient of x: with s the row's 1 / rms and h = g * weight, s * (h - x * s^2 * mean(h * x)). */
export const rmsNormGradientOp = defineOp({
  name: 'rmsNormGradient',
  kind: 'composite',
  infer: ([x]) => [{ shape: x.shape, dtype: 'float32' }],
  definition([x, weight, scale, g]) {
    const s = reshape(scale, column(x))
    const f = cast(x, 'float32')
    const h = mul(g, cast(weight, 'float32'))
    return [mul(s, sub(h, mul(mul(f, square(s)), mean(mul(h, f), -1, true))))]
  },
  cpu: rowCpu('rmsNormGradientRows'),
  webgpu: lazyKernels(async () => (await import('./row-kernels.wgsl.ts')).rowWgsl('rmsNormGradient')),
  flops: ([x]) => 8 * elementCount(x.shape),
  samples: [
    {
      inputs: [{ shape: [5, 32] }, { shape: [32] }, { shape: [5], range: [0.5, 2] }, { shape: [5, 32] }],
      differentiable: false,
    },
    {
      inputs: [{ shape: [3, 33] }, { shape: [33] }, { shape: [3], range: [0.5, 2] }, { shape: [3, 33] }],
      differentiable: false,
    },
  ],
})

/**
 * x / sqrt(mean(x^2) + epsilon) * weight over the last axis, computed in float32.
 * @param x [..., hidden]
 * @param weight [hidden]
 * @returns like x
 * @see arXiv:1910.07467
 * @example rmsNorm(device.tensor([3, 4]), ones([2])) // [0.849, 1.131]
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon = 1e-5): Tensor {
  requireNumber('rmsNorm', 'epsilon', epsilon, 0)
  return apply(rmsNormOp, [x, weight], { epsilon })[0]
}

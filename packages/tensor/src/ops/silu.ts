// silu and swiglu, with gradients that recompute instead of keeping intermediates.

import { promote } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { formatShape, sameShape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { cast } from './cast.ts'
import { barrier } from './copy.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { sigmoid } from './sigmoid.ts'
import { sub } from './sub.ts'

export const siluOp = defineOp({
  name: 'silu',
  kind: 'composite',
  batching: 'leading',
  infer: ([x]) => [requireFloat('silu', x)],
  gradient: ({ inputs: [x], outputs: [y], grads: [g] }) => {
    if (!g) return [undefined]
    const s = sigmoid(x)
    return [mul(g, add(s, mul(y, sub(1, s))))]
  },
  definition: ([x]) => [mul(x, sigmoid(x))],
  samples: [{ inputs: [{ shape: [33], range: [-6, 6] }] }, { inputs: [{ shape: [4, 32] }] }],
})

/**
 * x * sigmoid(x).
 * @see arXiv:1702.03118
 * @example silu(device.tensor([0, 1])) // [0, 0.731]
 */
export function silu(x: Tensor): Tensor {
  return apply1(siluOp, [x], {})
}

/** The gradient keeps only gate and up, and recomputes the sigmoid. */
export const swigluOp = defineOp({
  name: 'swiglu',
  kind: 'composite',
  batching: 'leading',
  infer([gate, up]) {
    requireFloat('swiglu', gate)
    requireFloat('swiglu', up)
    if (!sameShape(gate.shape, up.shape))
      throw new ShapeError(
        `swiglu: gate and up must have one shape, got ${formatShape(gate.shape)} and ${formatShape(up.shape)}`,
      )
    return [{ shape: gate.shape, dtype: promote('swiglu', gate.dtype, up.dtype) }]
  },
  gradient({ inputs: [gate, up], grads: [g] }) {
    if (!g) return [undefined, undefined]
    const x = cast(barrier(gate, [g]), 'float32')
    const s = sigmoid(x)
    const y = mul(x, s)
    return [mul(mul(g, cast(up, 'float32')), add(s, mul(y, sub(1, s)))), mul(g, y)]
  },
  definition([gate, up]) {
    const x = cast(gate, 'float32')
    const y = mul(mul(x, sigmoid(x)), cast(up, 'float32'))
    return [cast(y, promote('swiglu', gate.dtype, up.dtype))]
  },
  samples: [
    { inputs: [{ shape: [33], range: [-6, 6] }, { shape: [33] }] },
    { inputs: [{ shape: [4, 32] }, { shape: [4, 32] }] },
    {
      inputs: [
        { shape: [5, 8], dtype: 'bfloat16' },
        { shape: [5, 8], dtype: 'bfloat16' },
      ],
      differentiable: false,
    },
  ],
})

/**
 * silu(gate) * up: the gated activation of Llama-like feed-forward layers. Computed in float32 for every dtype.
 * @param gate any shape
 * @param up the same shape
 * @throws ShapeError if the shapes differ
 * @see arXiv:2002.05202
 * @example swiglu(device.tensor([0, 1]), device.tensor([5, 10])) // [0, 7.311]
 */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  return apply1(swigluOp, [gate, up], {})
}

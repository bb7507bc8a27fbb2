// stopGradient: a value that gradients treat as a constant.

import { requireTensor } from '../arguments.ts'
import { defineOp } from '../op.ts'
import { apply1, type Tensor } from '../tensor.ts'

export const stopGradientOp = defineOp({
  name: 'stopGradient',
  kind: 'view',
  batching: 'leading',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  gradient: () => [undefined],
  evaluate: ([x], _, [out]) => {
    out.data.set(x.data)
  },
  view: (input) => input,
  samples: [{ inputs: [{ shape: [3, 5] }], differentiable: false }],
})

/**
 * x, treated by gradients as a constant: PyTorch's detach.
 * @example grad((x) => x.mul(stopGradient(x)).sum())(device.tensor([3])) // [3]
 */
export function stopGradient(x: Tensor): Tensor {
  requireTensor('stopGradient', x)
  return apply1(stopGradientOp, [x], {})
}

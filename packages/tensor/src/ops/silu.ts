import { defineOp } from '../op.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { sigmoid } from './sigmoid.ts'
import { sub } from './sub.ts'

export const siluOp = defineOp<unknown>({
  name: 'silu',
  kind: 'composite',
  infer: ([x]) => [requireFloat('silu', x)],
  gradient: ({ inputs: [x], outputs: [y], grads: [g] }) => {
    if (!g) return [undefined]
    const s = sigmoid(x)
    return [mul(g, add(s, mul(y, sub(1, s))))]
  },
  define: ([x]) => [mul(x, sigmoid(x))],
  samples: [{ inputs: [{ shape: [33], range: [-6, 6] }] }, { inputs: [{ shape: [4, 32] }] }],
})

/** x * sigmoid(x). @see arXiv:1702.03118 */
export function silu(x: Tensor): Tensor {
  return apply1(siluOp, [x], {})
}

/** silu(gate) * up: the feed-forward gate of Llama-like models. @see arXiv:2002.05202 */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  return mul(silu(gate), up)
}

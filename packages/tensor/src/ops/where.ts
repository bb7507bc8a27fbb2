// Selection by a condition.

import { requireTensor, shown } from '../arguments.ts'
import { computeType, promote } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { broadcastShapes } from '../shape.ts'
import { apply1, isTensor, type Tensor } from '../tensor.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { toTensor } from './leaf.ts'

export const whereOp = defineOp({
  name: 'where',
  kind: 'elementwise',
  infer([condition, a]) {
    if (condition.dtype !== 'uint32')
      throw new DTypeError(`where: the condition must be uint32 (the result of a comparison), got ${condition.dtype}`)
    return [{ shape: a.shape, dtype: a.dtype }]
  },
  gradient: ({ inputs: [c], grads: [g] }) => [undefined, g && where(c, g, 0), g && where(c, 0, g)],
  evaluate: ([c, a, b], _, [out]) => {
    for (let i = 0; i < out.data.length; i++) out.data[i] = c.data[i] !== 0 ? a.data[i] : b.data[i]
  },
  elementwise: {
    js: ([c, a, b]) => (c !== 0 ? a : b),
    wgsl: ([c, a, b]) => `select(${b}, ${a}, ${c} != vec4<u32>(0u))`,
    simd: { u32: [1, 2, 0, 'zeros', 'i32x4.ne', 'v128.bitselect'] },
  },
  samples: [
    { inputs: [{ shape: [33], dtype: 'uint32', range: [0, 2] }, { shape: [33] }, { shape: [33] }] },
    {
      inputs: [
        { shape: [2, 5], dtype: 'uint32', range: [0, 2] },
        { shape: [2, 5], dtype: 'int32', range: [-9, 9] },
        { shape: [2, 5], dtype: 'int32', range: [-9, 9] },
      ],
      differentiable: false,
    },
  ],
})

/**
 * Elements of `a` where the condition is not 0, else of `b`; all three broadcast.
 * @example where(device.tensor([1, 0], [2], 'uint32'), device.tensor([1, 2]), -1) // [1, -1]
 */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  requireTensor('where', condition, 'the condition')
  for (const x of [a, b])
    if (!isTensor(x) && typeof x !== 'number')
      throw new TypeError(`where: expected a tensor or a number, got ${shown(x)}`)
  const like = isTensor(a) ? a.dtype : isTensor(b) ? b.dtype : 'float32'
  const x = toTensor(a, like)
  const y = toTensor(b, like)
  const dtype = promote('where', x.dtype, y.dtype)
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', x.shape, y.shape))
  const c = computeType(condition.dtype) === 'i32' ? cast(condition, 'uint32') : condition
  return apply1(
    whereOp,
    [broadcastTo(c, shape), broadcastTo(cast(x, dtype), shape), broadcastTo(cast(y, dtype), shape)],
    {},
  )
}

// The same elements in another shape.

import { requireTensor } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { reshapeAccess } from '../passes/access.ts'
import { checkShape, elementCount, formatShape, requireNumbers, type Shape, sameShape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'

export const reshapeOp = defineOp<{ shape: Shape }>({
  name: 'reshape',
  kind: 'view',
  infer([x], { shape }) {
    if (elementCount(shape) !== elementCount(x.shape)) {
      throw new ShapeError(
        `reshape: ${formatShape(x.shape)} has ${elementCount(x.shape)} elements, ${formatShape(shape)} has ${elementCount(shape)}`,
      )
    }
    return [{ shape, dtype: x.dtype }]
  },
  gradient: ({ inputs: [x], grads: [g] }) => [g && reshape(g, x.shape)],
  evaluate: ([x], _, [out]) => {
    out.data.set(x.data)
  },
  view: (input, { shape }) => reshapeAccess(input, shape),
  samples: [
    { inputs: [{ shape: [4, 6] }], attrs: { shape: [3, 8] } },
    { inputs: [{ shape: [0, 6] }], attrs: { shape: [3, 0] } },
  ],
})

/**
 * The same elements in another shape; one dimension may be -1 and is then computed.
 * @example reshape(device.tensor([1, 2, 3, 4]), [2, -1]) // [[1, 2], [3, 4]]
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireTensor('reshape', x)
  requireNumbers('reshape', 'the shape', shape)
  const open = shape.indexOf(-1)
  let full = [...shape]
  if (open >= 0) {
    const rest = elementCount(shape.filter((_, i) => i !== open))
    if (shape.indexOf(-1, open + 1) >= 0) throw new ShapeError(`reshape: ${formatShape(shape)} has more than one -1`)
    if (rest === 0 || x.size % rest !== 0)
      throw new ShapeError(
        `reshape: ${formatShape(x.shape)} (${x.size} elements) does not divide into ${formatShape(shape)}`,
      )
    full = shape.map((d, i) => (i === open ? x.size / rest : d))
  }
  checkShape('reshape', full)
  return sameShape(x.shape, full) ? x : apply1(reshapeOp, [x], { shape: full })
}

// Elementwise functions with an exact definition that backends run as compositions.

import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { defineOp, type GradientContext, type NoAttributes, type Op, type Sample } from '../op.ts'
import { elementCount } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { cast } from './cast.ts'
import { mul } from './mul.ts'

interface ElementFunction {
  readonly name: string
  /** The exact definition, one element in doubles. */
  js(...args: number[]): number
  /** The same for float32 tensors, in operations that backends fuse. */
  compose(...args: Tensor[]): Tensor
  readonly gradient: (context: GradientContext<NoAttributes>) => (Tensor | undefined)[]
  readonly samples: readonly Sample<NoAttributes>[]
}

/**
 * A function of float elements without kernels: `js` defines it exactly, and backends run a composition with an error
 * of a few ulp. All inputs have the same shape and dtype.
 */
export function elementFunction({ name, js, compose, gradient, samples }: ElementFunction): Op {
  return defineOp<NoAttributes>({
    name,
    kind: 'kernel',
    batching: 'leading',
    infer(inputs) {
      const { shape, dtype } = inputs[0]
      if (!isFloat(dtype))
        throw new DTypeError(`${name}: needs a float tensor, got ${dtype}; cast it with astype('float32')`)
      return [{ shape, dtype }]
    },
    gradient,
    evaluate(inputs, _, [out]) {
      for (let i = 0; i < out.data.length; i++) out.data[i] = js(...inputs.map((x) => x.data[i]))
    },
    lowering: (inputs) => [cast(compose(...inputs.map((x) => cast(x, 'float32'))), inputs[0].dtype)],
    flops: (_, [out]) => 16 * elementCount(out.shape),
    samples,
  })
}

/** c[0] + c[1] x + c[2] x^2 + ... */
export function polynomial(x: Tensor, c: readonly number[]): Tensor {
  let y = add(mul(x, c[c.length - 1]), c[c.length - 2])
  for (let i = c.length - 3; i >= 0; i--) y = add(mul(y, x), c[i])
  return y
}

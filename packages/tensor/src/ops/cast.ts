import { bytesPerElement, computeType, type DType, isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { apply1, type Tensor } from '../tensor.ts'

export const castOp = defineOp<{ dtype: DType }>({
  name: 'cast',
  kind: 'elementwise',
  infer([x], { dtype }) {
    if (!(dtype in bytesPerElement))
      throw new DTypeError(`cast: unknown dtype '${dtype}'; known are ${Object.keys(bytesPerElement).join(', ')}`)
    return [{ shape: x.shape, dtype }]
  },
  // Gradients are float32 whatever the values are stored in: rounding them is the business of whoever stores them.
  gradient: ({ inputs: [x], grads: [g] }) => [g && isFloat(x.dtype) ? cast(g, 'float32') : undefined],
  evaluate: ([x], { dtype }, [out]) => {
    // Floats are rounded to their format by the caller; floats to integers truncate and saturate.
    const type = computeType(dtype)
    for (let i = 0; i < out.data.length; i++) out.data[i] = type === 'f32' ? x.data[i] : toInteger(x.data[i], type)
  },
  elementwise: {
    js: ([x], _, { dtype }) => (isFloat(dtype) ? x : toInteger(x, computeType(dtype) as 'i32' | 'u32')),
    // Rounding to a storage format is added by the backend, which owns the formats' code.
    wgsl: ([x], from, { dtype }) => (computeType(dtype) === from ? x : `vec4<${computeType(dtype)}>(${x})`),
  },
  samples: [
    { inputs: [{ shape: [33] }], attrs: { dtype: 'bfloat16' }, differentiable: false },
    { inputs: [{ shape: [5, 31] }], attrs: { dtype: 'float16' }, differentiable: false },
    { inputs: [{ shape: [33], range: [-100, 100] }], attrs: { dtype: 'int32' }, differentiable: false },
    { inputs: [{ shape: [33], range: [0, 100] }], attrs: { dtype: 'uint32' }, differentiable: false },
    {
      inputs: [{ shape: [33], dtype: 'int32', range: [-100, 100] }],
      attrs: { dtype: 'float32' },
      differentiable: false,
    },
    { inputs: [{ shape: [33], dtype: 'uint32', range: [0, 100] }], attrs: { dtype: 'float32' }, differentiable: false },
    { inputs: [{ shape: [7, 6], dtype: 'bfloat16' }], attrs: { dtype: 'float32' }, differentiable: false },
    { inputs: [{ shape: [7, 6], dtype: 'float16' }], attrs: { dtype: 'float32' }, differentiable: false },
    { inputs: [{ shape: [33] }], attrs: { dtype: 'float8_e4m3fn' }, differentiable: false },
    { inputs: [{ shape: [5, 7], dtype: 'float8_e5m2' }], attrs: { dtype: 'float32' }, differentiable: false },
  ],
})

function toInteger(x: number, type: 'i32' | 'u32'): number {
  if (Number.isNaN(x)) return 0
  const t = Math.trunc(x)
  return type === 'i32' ? Math.min(Math.max(t, -2147483648), 2147483647) : Math.min(Math.max(t, 0), 4294967295)
}

/** Converts to another dtype: floats round to nearest even, floats to integers truncate. The gradient passes as float32. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : apply1(castOp, [x], { dtype })
}

// Conversion to another dtype.

import { requireDType, requireTensor } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { type ComputeType, computeType, type DType, isFloat } from '../dtype.ts'
import { defineOp } from '../op.ts'
import { apply1, type Tensor } from '../tensor.ts'

export const castOp = defineOp<{ dtype: DType }>({
  name: 'cast',
  kind: 'elementwise',
  infer([x], { dtype }) {
    requireDType('cast', dtype)
    return [{ shape: x.shape, dtype }]
  },
  // Gradients are float32 for every dtype of x; they are rounded only when stored.
  gradient: ({ inputs: [x], grads: [g] }) => [g && isFloat(x.dtype) ? cast(g, 'float32') : undefined],
  evaluate: ([x], { dtype }, [out]) => {
    // Floats are rounded to their format by the caller.
    for (let i = 0; i < out.data.length; i++) out.data[i] = castElement(x.data[i], computeType(x.dtype), dtype)
  },
  elementwise: {
    js: ([x], from, { dtype }) => castElement(x, from, dtype),
    // Rounding to a storage format is added by the backend, which owns the formats' code.
    wgsl: ([x], from, { dtype }) => {
      const to = computeType(dtype)
      if (to === from) return x
      return from === 'f32' ? `truncate_${to}(${x})` : `vec4<${to}>(${x})`
    },
    wgslFunctions: lazyKernels(async () => (await import('./functions.wgsl.ts')).truncateWgsl),
    // Narrow formats are encoded when stored.
    simd: (from, to) =>
      (from === 'f32') === (to === 'f32')
        ? []
        : from === 'f32'
          ? [to === 'i32' ? 'call truncateS' : 'call truncateU']
          : [from === 'i32' ? 'f32x4.convert_i32x4_s' : 'f32x4.convert_i32x4_u'],
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

function castElement(x: number, from: ComputeType, dtype: DType): number {
  const type = computeType(dtype)
  if (type === 'f32') return x
  // Conversions between integers keep the bits.
  if (from !== 'f32') return type === 'i32' ? x | 0 : x >>> 0
  if (Number.isNaN(x)) return 0
  const t = Math.trunc(x)
  return type === 'i32' ? Math.min(Math.max(t, -2147483648), 2147483647) : Math.min(Math.max(t, 0), 4294967295)
}

/**
 * Converts to another dtype, by the same rules on every backend. To a float: rounds to nearest, ties to even; numbers
 * out of range become infinity or, in the 8-bit formats, the largest number. Floats to integers: toward zero,
 * saturating, NaN to 0. Between int32 and uint32 the bits are kept: -1 becomes 4294967295. The gradient is float32.
 * @throws DTypeError for an unknown dtype
 * @example
 * cast(device.tensor([1.7, -1.7]), 'int32') // [1, -1]
 * cast(device.tensor([1.001]), 'bfloat16') // [1]
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  requireTensor('cast', x)
  return x.dtype === dtype ? x : apply1(castOp, [x], { dtype })
}

// Reinterprets the bits of 32-bit elements as another dtype.

import { requireTensor, shown } from '../arguments.ts'
import { computeType, type DType } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { apply1, type Tensor } from '../tensor.ts'

const word = new DataView(new ArrayBuffer(4))

function bitsAs(x: number, from: 'f32' | 'i32' | 'u32', to: 'f32' | 'i32' | 'u32'): number {
  if (from === 'f32') word.setFloat32(0, x)
  else if (from === 'i32') word.setInt32(0, x)
  else word.setUint32(0, x)
  return to === 'f32' ? word.getFloat32(0) : to === 'i32' ? word.getInt32(0) : word.getUint32(0)
}

const words: readonly DType[] = ['float32', 'int32', 'uint32']

export const bitcastOp = defineOp<{ dtype: DType }>({
  name: 'bitcast',
  kind: 'elementwise',
  infer([x], { dtype }) {
    for (const d of [x.dtype, dtype])
      if (!words.includes(d))
        throw new DTypeError(`bitcast: needs float32, int32 or uint32 on both sides, got ${shown(d)}`)
    return [{ shape: x.shape, dtype }]
  },
  gradient: () => [undefined],
  evaluate: ([x], { dtype }, [out]) => {
    for (let i = 0; i < out.data.length; i++) out.data[i] = bitsAs(x.data[i], computeType(x.dtype), computeType(dtype))
  },
  elementwise: {
    js: ([x], from, { dtype }) => bitsAs(x, from, computeType(dtype)),
    wgsl: ([x], from, { dtype }) => (computeType(dtype) === from ? x : `bitcast<vec4<${computeType(dtype)}>>(${x})`),
    simd: { f32: [], i32: [], u32: [] },
  },
  samples: [
    { inputs: [{ shape: [33] }], attrs: { dtype: 'uint32' }, differentiable: false },
    { inputs: [{ shape: [5, 7] }], attrs: { dtype: 'int32' }, differentiable: false },
    {
      inputs: [{ shape: [33], dtype: 'uint32', range: [0x3f000000, 0x40000000] }],
      attrs: { dtype: 'float32' },
      differentiable: false,
    },
  ],
})

/**
 * The same 32 bits reinterpreted as another dtype: float32, int32 or uint32.
 * @throws DTypeError for other dtypes
 * @example bitcast(device.tensor([1]), 'uint32') // [0x3f800000]
 */
export function bitcast(x: Tensor, dtype: DType): Tensor {
  requireTensor('bitcast', x)
  return x.dtype === dtype ? x : apply1(bitcastOp, [x], { dtype })
}

// Bitwise operations and shifts of integers.

import type { ComputeType } from '../dtype.ts'
import type { Op, SimdStep } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { elementwiseOp } from './elementwise.ts'
import { binary, type Operand } from './operation.ts'

function bitwise(
  name: string,
  js: (a: number, b: number) => number,
  wgsl: (a: string, b: string, type: ComputeType) => string,
  ...code: readonly SimdStep[]
): Op {
  return elementwiseOp({
    name,
    accepts: 'integer',
    js: ([a, b], type) => (type === 'u32' ? js(a, b) >>> 0 : js(a, b) | 0),
    wgsl: ([a, b], type) => wgsl(a, b, type),
    simd: { i32: code, u32: code },
    samples: [
      {
        inputs: [
          { shape: [33], dtype: 'uint32', range: [0, 31] },
          { shape: [33], dtype: 'uint32', range: [0, 31] },
        ],
        differentiable: false,
      },
      {
        inputs: [
          { shape: [3, 7], dtype: 'int32', range: [-1000, 1000] },
          { shape: [3, 7], dtype: 'int32', range: [0, 31] },
        ],
        differentiable: false,
      },
    ],
  })
}

export const bitwiseAndOp = bitwise(
  'bitwiseAnd',
  (a, b) => a & b,
  (a, b) => `(${a} & ${b})`,
  'v128.and',
)
export const bitwiseOrOp = bitwise(
  'bitwiseOr',
  (a, b) => a | b,
  (a, b) => `(${a} | ${b})`,
  'v128.or',
)
export const bitwiseXorOp = bitwise(
  'bitwiseXor',
  (a, b) => a ^ b,
  (a, b) => `(${a} ^ ${b})`,
  'v128.xor',
)
export const shiftLeftOp = bitwise(
  'shiftLeft',
  (a, b) => a << b,
  (a, b) => `(${a} << vec4<u32>(${b}))`,
  0,
  'scalar 1',
  'i32x4.shl',
)
export const shiftRightOp = bitwise(
  'shiftRight',
  (a, b) => a >>> b,
  (a, b, type) => `bitcast<vec4<${type}>>(bitcast<vec4<u32>>(${a}) >> vec4<u32>(${b}))`,
  0,
  'scalar 1',
  'i32x4.shr_u',
)

/**
 * a & b on int32 or uint32.
 * @example bitwiseAnd(device.tensor([6], [1], 'uint32'), 3) // [2]
 */
export function bitwiseAnd(a: Operand, b: Operand): Tensor {
  return binary(bitwiseAndOp, a, b)
}
/**
 * a | b on int32 or uint32.
 * @example bitwiseOr(device.tensor([6], [1], 'uint32'), 3) // [7]
 */
export function bitwiseOr(a: Operand, b: Operand): Tensor {
  return binary(bitwiseOrOp, a, b)
}
/**
 * a ^ b on int32 or uint32.
 * @example bitwiseXor(device.tensor([6], [1], 'uint32'), 3) // [5]
 */
export function bitwiseXor(a: Operand, b: Operand): Tensor {
  return binary(bitwiseXorOp, a, b)
}
/**
 * a << b; b in 0..31.
 * @example shiftLeft(device.tensor([3], [1], 'uint32'), 4) // [48]
 */
export function shiftLeft(a: Operand, b: Operand): Tensor {
  return binary(shiftLeftOp, a, b)
}
/**
 * a >> b with zeros shifted in (uint32 semantics); b in 0..31.
 * @example shiftRight(device.tensor([48], [1], 'uint32'), 4) // [3]
 */
export function shiftRight(a: Operand, b: Operand): Tensor {
  return binary(shiftRightOp, a, b)
}

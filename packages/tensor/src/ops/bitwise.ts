import type { Op } from '../op.ts'
import { binaryOperation, elementwiseOp } from './elementwise.ts'

function bitwise(name: string, js: (a: number, b: number) => number, wgsl: (a: string, b: string) => string, simd?: string): Op<unknown> {
  return elementwiseOp({
    name,
    accepts: 'integer',
    js: ([a, b], type) => (type === 'u32' ? js(a, b) >>> 0 : js(a, b) | 0),
    wgsl: ([a, b]) => wgsl(a, b),
    simd: simd ? { i32: [simd], u32: [simd] } : undefined,
    samples: [{ inputs: [{ shape: [33], dtype: 'uint32', range: [0, 31] }, { shape: [33], dtype: 'uint32', range: [0, 31] }], differentiable: false }],
  })
}

export const bitwiseAndOp = bitwise('bitwiseAnd', (a, b) => a & b, (a, b) => `(${a} & ${b})`, 'v128.and')
export const bitwiseOrOp = bitwise('bitwiseOr', (a, b) => a | b, (a, b) => `(${a} | ${b})`, 'v128.or')
export const bitwiseXorOp = bitwise('bitwiseXor', (a, b) => a ^ b, (a, b) => `(${a} ^ ${b})`, 'v128.xor')
export const shiftLeftOp = bitwise('shiftLeft', (a, b) => a << b, (a, b) => `(${a} << vec4<u32>(${b}))`)
export const shiftRightOp = bitwise('shiftRight', (a, b) => a >>> b, (a, b) => `bitcast<vec4<u32>>(bitcast<vec4<u32>>(${a}) >> vec4<u32>(${b}))`)

/** a & b on int32 or uint32. */
export const bitwiseAnd = binaryOperation(bitwiseAndOp)
/** a | b on int32 or uint32. */
export const bitwiseOr = binaryOperation(bitwiseOrOp)
/** a ^ b on int32 or uint32. */
export const bitwiseXor = binaryOperation(bitwiseXorOp)
/** a << b; b in 0..31. */
export const shiftLeft = binaryOperation(shiftLeftOp)
/** a >> b with zeros shifted in (uint32 semantics); b in 0..31. */
export const shiftRight = binaryOperation(shiftRightOp)

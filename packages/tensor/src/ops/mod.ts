// The remainder with the sign of the divisor.

import type { Tensor } from '../tensor.ts'
import { div } from './div.ts'
import { elementwiseOp } from './elementwise.ts'
import { floor } from './floor.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { binary, type Operand } from './operation.ts'

function remainder(a: number, b: number): number {
  const r = a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}

/**
 * The remainder of floats by their quotient, corrected by b if the quotient was rounded across an integer. (Integers
 * use the operator %.)
 */
const modF32 = `fn mod_f32(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  let big = (bitcast<vec4<u32>>(b) & vec4<u32>(0x7fffffffu)) == vec4<u32>(0x7f800000u);
  let finite = (bitcast<vec4<u32>>(a) & vec4<u32>(0x7fffffffu)) < vec4<u32>(0x7f800000u);
  var r = fma(-floor(a / b), b, a);
  r = select(r, r + b, r * sign(b) < vec4<f32>(0.0));
  r = select(r, r - b, abs(r) >= abs(b));
  return select(r, select(a, b, a * sign(b) < vec4<f32>(0.0)), big & finite);
}`
const modI32 = `fn mod_i32(a: vec4<i32>, b: vec4<i32>) -> vec4<i32> {
  let r = a % b;
  return select(r, r + b, (r != vec4<i32>(0)) & ((r < vec4<i32>(0)) != (b < vec4<i32>(0))));
}`

export const modOp = elementwiseOp({
  name: 'mod',
  js: ([a, b], type) => (type !== 'f32' && b === 0 ? 0 : remainder(a, b)),
  wgsl: ([a, b], type) => (type === 'u32' ? `(${a} % ${b})` : `mod_${type}(${a}, ${b})`),
  wgslFunctions: [modF32, modI32],
  gradient: ({ inputs: [a, b], grads: [g] }) => [g, g && neg(mul(g, floor(div(a, b))))],
  samples: [
    {
      inputs: [
        { shape: [33], range: [-9, 9] },
        { shape: [33], range: [0.5, 2] },
      ],
      differentiable: false,
    },
    {
      inputs: [
        { shape: [33], range: [2.1, 2.9] },
        { shape: [33], range: [0.9, 1] },
      ],
    },
    {
      inputs: [
        { shape: [3, 7], dtype: 'int32', range: [-99, 99] },
        { shape: [3, 7], dtype: 'int32', range: [-9, 0] },
      ],
      differentiable: false,
    },
    {
      inputs: [
        { shape: [33], dtype: 'uint32', range: [0, 1000] },
        { shape: [33], dtype: 'uint32', range: [1, 9] },
      ],
      differentiable: false,
    },
  ],
})

/**
 * The remainder of a / b with the sign of b, broadcast, as Python's % and torch.remainder. Integers modulo 0 give 0.
 * For floats on WebGPU the remainder is exact only for quotients below 2^24.
 * @example mod(device.tensor([5, -5]), 3) // [2, 1]
 */
export function mod(a: Operand, b: Operand): Tensor {
  return binary(modOp, a, b)
}

import { binaryOperation, binarySamples, elementwiseOp } from './elementwise.ts'

export const mulOp = elementwiseOp({
  name: 'mul',
  js: ([a, b], type) => (type === 'f32' ? a * b : type === 'i32' ? Math.imul(a, b) : Math.imul(a, b) >>> 0),
  wgsl: ([a, b]) => `(${a} * ${b})`,
  simd: { f32: ['f32x4.mul'], i32: ['i32x4.mul'], u32: ['i32x4.mul'] },
  gradient: ({ inputs: [a, b], grads: [g] }) => [g && mul(g, b), g && mul(g, a)],
  samples: binarySamples(),
})

/** a * b elementwise, broadcast. */
export const mul = binaryOperation(mulOp)

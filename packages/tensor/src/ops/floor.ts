import { elementwiseOp, unaryOperation, unarySamples } from './elementwise.ts'


export const floorOp = elementwiseOp({
  name: 'floor',
  accepts: 'float',
  js: ([x]) => Math.floor(x),
  wgsl: ([x]) => `floor(${x})`,
  simd: { f32: ['f32x4.floor'] },
  gradient: () => [undefined],
  samples: unarySamples(undefined, false),
})

/** The largest integer not above x. Its gradient is zero everywhere. */
export const floor = unaryOperation(floorOp)

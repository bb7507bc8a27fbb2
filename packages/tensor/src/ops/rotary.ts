// Rotary position embedding.

import { requireAtMost, requireNumber, requireWhole, shown } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { ShapeError } from '../errors.ts'
import { defineOp, type Op } from '../op.ts'
import { elementCount, formatShape, requireNumbers } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { concatenate, sliceAxis } from './slice-concatenate.ts'
import { sub } from './sub.ts'

export const rotaryOp: Op<{ inverse: boolean }> = defineOp<{ inverse: boolean }>({
  name: 'rotary',
  kind: 'composite',
  infer([x, cos, sin]) {
    requireFloat('rotary', x)
    const [, t, , d] = x.shape
    const want = [t, d / 2]
    if (x.shape.length !== 4 || d % 2 !== 0)
      throw new ShapeError(
        `rotary: x must be [batch, seq, heads, headDim] with an even headDim, got ${formatShape(x.shape)}`,
      )
    for (const [name, s] of [
      ['cos', cos],
      ['sin', sin],
    ] as const) {
      if (s.shape.length !== 2 || s.shape[0] !== want[0] || s.shape[1] !== want[1])
        throw new ShapeError(
          `rotary: ${name} must be ${formatShape(want)} for x ${formatShape(x.shape)}, got ${formatShape(s.shape)}`,
        )
    }
    return [{ shape: x.shape, dtype: x.dtype }]
  },
  gradient: ({ inputs: [x, cos, sin], grads: [g], attrs: { inverse } }) => {
    if (!g) return [undefined, undefined, undefined]
    // The gradients of the tables are only computed if they are used.
    const [, , , d] = x.shape
    const [a, b] = [sliceAxis(x, 3, 0, d / 2), sliceAxis(x, 3, d / 2, d)]
    const [ga, gb] = [sliceAxis(g, 3, 0, d / 2), sliceAxis(g, 3, d / 2, d)]
    const dsin = sum(sub(mul(gb, a), mul(ga, b)), [0, 2])
    return [
      apply1(rotaryOp, [g, cos, sin], { inverse: !inverse }),
      sum(add(mul(ga, a), mul(gb, b)), [0, 2]),
      inverse ? neg(dsin) : dsin,
    ]
  },
  definition([x, cos, sin], { inverse }) {
    const [, t, , d] = x.shape
    const c = reshape(cos, [1, t, 1, d / 2])
    const s = inverse ? neg(reshape(sin, [1, t, 1, d / 2])) : reshape(sin, [1, t, 1, d / 2])
    const a = sliceAxis(x, 3, 0, d / 2)
    const b = sliceAxis(x, 3, d / 2, d)
    return [cast(concatenate([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], 3), x.dtype)]
  },
  cpu: {
    supports: ([x, cos]) => x.dtype === 'float32' && cos.dtype === 'float32',
    plan: ({ inputs: [x], attrs: { inverse } }) => {
      const [b, t, h, d] = x.access.shape
      return {
        calls: [
          {
            kernel: 'rotaryRows',
            count: b * t,
            grain: Math.max(1, (8192 / (h * d)) | 0),
            args: [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }, t, h, d, inverse ? -1 : 1],
          },
        ],
      }
    },
  },
  webgpu: lazyKernels(async () => (await import('./rotary.wgsl.ts')).rotaryWgsl),
  flops: ([x]) => 3 * elementCount(x.shape),
  samples: [
    {
      inputs: [{ shape: [2, 5, 3, 8] }, { shape: [5, 4] }, { shape: [5, 4] }],
      attrs: { inverse: false },
    },
    {
      inputs: [{ shape: [1, 33, 2, 6] }, { shape: [33, 3] }, { shape: [33, 3] }],
      attrs: { inverse: true },
    },
  ],
})

/**
 * Rotary position embedding in Hugging Face's layout: element i is paired with element i + headDim / 2.
 * @param x [batch, seq, heads, headDim]
 * @param cos [seq, headDim / 2]; `rotaryTables` computes both tables
 * @param sin like cos
 * @returns like x
 * @see arXiv:2104.09864
 * @example
 * const table = rotaryTables(2, 2)
 * const [cos, sin] = [table.cos, table.sin].map((values) => device.tensor(values, table.shape))
 * rotary(device.tensor([1, 0, 1, 0], [1, 2, 1, 2]), cos, sin) // [[[[1, 0]], [[0.54, 0.841]]]]
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  return apply1(rotaryOp, [x, cos, sin], { inverse: false })
}

/**
 * cos and sin of position * theta^(-2i / headDim), computed in double precision: host arrays of [positions,
 * headDim / 2].
 * @param positions a count (positions 0, 1, ...) or an array of positions
 * @example rotaryTables(2, 2).cos // [1, 0.54]
 */
export function rotaryTables(
  positions: number | readonly number[],
  headDim: number,
  theta = 10000,
): { cos: Float32Array; sin: Float32Array; shape: [number, number] } {
  if (!Number.isInteger(headDim) || headDim <= 0 || headDim % 2)
    throw new RangeError(`rotaryTables: headDim must be a positive even integer, got ${shown(headDim)}`)
  if (Array.isArray(positions)) requireNumbers('rotaryTables', 'positions', positions)
  else requireWhole('rotaryTables', 'positions (a count, or an array of numbers)', positions)
  requireNumber('rotaryTables', 'theta', theta)
  if (theta <= 0) throw new RangeError(`rotaryTables: theta must be above 0, got ${theta}`)
  const count = typeof positions === 'number' ? positions : positions.length
  // Tables of 1 GiB each.
  requireAtMost('rotaryTables', 'positions x headDim / 2', count * (headDim / 2), 2 ** 28)
  const list = typeof positions === 'number' ? Array.from({ length: positions }, (_, i) => i) : positions
  const half = headDim / 2
  const cos = new Float32Array(list.length * half)
  const sin = new Float32Array(list.length * half)
  list.forEach((p, t) => {
    for (let i = 0; i < half; i++) {
      const angle = p * theta ** ((-2 * i) / headDim)
      cos[t * half + i] = Math.cos(angle)
      sin[t * half + i] = Math.sin(angle)
    }
  })
  return { cos, sin, shape: [list.length, half] }
}

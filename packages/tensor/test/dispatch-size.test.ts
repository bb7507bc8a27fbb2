/**
 * Matmuls with more workgroups than a WebGPU dispatch allows (65,535 per dimension) are split into several dispatches.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, init, matmul } from '../src/index.ts'
import { batchCount, dispatchProblems, type MatmulProblem } from '../src/ops/matmul/layout.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'webgpu' })
})
afterAll(() => device.dispose())

/** Positions of C that a list of problems writes, with the positions of A and B each is made from. */
function covered(problems: readonly MatmulProblem[]): Map<number, string> {
  const seen = new Map<number, string>()
  for (const { m, n, batchShape, a, b, c } of problems) {
    const walk = (d: number, za: number, zb: number, zc: number): void => {
      if (d < batchShape.length) {
        for (let i = 0; i < batchShape[d]; i++)
          walk(d + 1, za + i * a.batchStrides[d], zb + i * b.batchStrides[d], zc + i * c.batchStrides[d])
        return
      }
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          const at = zc + i * c.rowStride + j * c.columnStride
          if (seen.has(at)) throw new Error(`${at} is written twice`)
          seen.set(at, `${za + i * a.rowStride} ${zb + j * b.columnStride}`)
        }
    }
    walk(0, a.offset, b.offset, c.offset)
  }
  return seen
}

describe('problems are cut to what a dispatch holds', () => {
  const k = 2
  const problem = (batchShape: readonly number[], m: number, n: number): MatmulProblem => {
    const steps = (size: number) => batchShape.map((_, d) => size * batchShape.slice(d + 1).reduce((x, y) => x * y, 1))
    return {
      m,
      n,
      k,
      batchShape,
      a: { offset: 3, batchStrides: steps(m * k), rowStride: k, columnStride: 1 },
      b: { offset: 5, batchStrides: steps(k * n), rowStride: n, columnStride: 1 },
      c: { offset: 0, batchStrides: steps(m * n), rowStride: n, columnStride: 1 },
    }
  }
  test.each([
    [problem([], 300, 3)],
    [problem([], 3, 300)],
    [problem([], 260, 260)],
    [problem([21], 2, 2)],
    [problem([3, 5], 2, 3)],
    [problem([2, 3, 4], 1, 2)],
  ])('%#', (p) => {
    const parts = dispatchProblems(p, 4)
    expect(parts.length).toBeGreaterThan(1)
    for (const q of parts) expect(Math.max(batchCount(q), q.m / 128, q.n / 128)).toBeLessThanOrEqual(4)
    expect(covered(parts)).toEqual(covered([p]))
  })
})

test.each([
  ['batches', [65_540, 1, 1], [65_540, 1, 4]],
  ['rows', [600_000, 1], [1, 4]],
  ['columns', [1, 1], [1, 1_100_000]],
])('a product of very many %s runs', async (_, shapeA, shapeB) => {
  const fill = (shape: number[]) =>
    Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, i) => (i % 251) - 125)
  const a = fill(shapeA)
  const b = fill(shapeB)
  const c = await matmul(device.tensor(a, shapeA), device.tensor(b, shapeB)).add(1).data()
  const n = shapeB[shapeB.length - 1]
  const own = shapeB.length === 3
  for (let i = 0; i < c.length; i++) {
    const row = Math.floor(i / n)
    const want = a[row] * b[own ? i : i % n] + 1
    if (c[i] !== want) throw new Error(`element ${i} is ${c[i]}, expected ${want}`)
  }
})

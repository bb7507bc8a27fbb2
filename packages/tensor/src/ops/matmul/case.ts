// One case of a product on WebGPU: the problem and how its operands are read and stored.

import type { AdapterTraits } from '../../backends/webgpu/rule.ts'
import type { DType } from '../../dtype.ts'
import type { MatmulProblem, MatrixAccess } from './layout.ts'

export const range = (n: number): number[] => [...Array(n).keys()]
export const four = range(4)

/** What a variant is asked: may it, and how. */
export interface MatmulCase {
  readonly problem: MatmulProblem
  readonly loads: VectorLoads | undefined
  readonly dtypes: readonly [a: DType, b: DType]
  readonly adapter: AdapterTraits
  /**
   * A statement that takes four neighbours of a row of C: the position of the first one in C's buffer, and the vector.
   */
  readonly store: (index: string, value: string) => string
}

/** A way of computing a product. */
export interface MatmulVariant {
  /** Hard needs: features, limits, alignment. */
  isSupported(c: Omit<MatmulCase, 'store'>): boolean
  /** Whether it is worth it on this adapter and shape; the first variant that is supported and preferred is taken. */
  isPreferred(c: Omit<MatmulCase, 'store'>): boolean
  /** Which operands are declared as vectors: those that are only read by vec4. */
  vectors(c: Omit<MatmulCase, 'store'>): { readonly a: boolean; readonly b: boolean }
  /** What the shader starts with. */
  head?(c: Omit<MatmulCase, 'store'>): string
  /** Rows and columns of C one workgroup makes. */
  tile(c: Omit<MatmulCase, 'store'>): readonly [rows: number, columns: number]
  body(c: MatmulCase): string
}

const fours = (...values: number[]) => values.every((v) => v % 4 === 0)

/** Whether four neighbours along `along` are one aligned load. */
function vectorAlong(
  { offset, batchStrides, rowStride, columnStride }: MatrixAccess,
  along: 'row' | 'column',
  size: number,
): boolean {
  return along === 'column'
    ? columnStride === 1 && fours(offset, ...batchStrides, rowStride, size)
    : rowStride === 1 && fours(offset, ...batchStrides, columnStride, size)
}

/** Which way vec4 loads run in each operand; `undefined` where strides or sizes do not allow them. */
export interface VectorLoads {
  readonly a: 'row' | 'column'
  readonly b: 'row' | 'column'
}

export function vectorLoads({ m, n, k, a, b }: MatmulProblem): VectorLoads | undefined {
  if (n % 4 !== 0 || k % 4 !== 0 || k === 0) return undefined
  const alongA = vectorAlong(a, 'column', k) ? 'column' : vectorAlong(a, 'row', m) ? 'row' : undefined
  const alongB = vectorAlong(b, 'column', n) ? 'column' : vectorAlong(b, 'row', k) ? 'row' : undefined
  return alongA && alongB && { a: alongA, b: alongB }
}

/** Declares where batch `z` of a matrix starts in its buffer. */
export function base(
  name: string,
  { offset, batchStrides }: MatrixAccess,
  batchShape: readonly number[],
  z: string,
): string {
  const terms = [`${offset}u`]
  let below = 1
  for (let d = batchShape.length - 1; d >= 0; d--) {
    const divided = below === 1 ? z : `(${z} / ${below}u)`
    if (batchStrides[d] !== 0)
      terms.push(`${d === 0 ? divided : `(${divided} % ${batchShape[d]}u)`} * ${batchStrides[d]}u`)
    below *= batchShape[d]
  }
  return `  let ${name} = ${terms.join(' + ')};`
}

/** Declares baseA, baseB and baseC: where batch `z` starts in each buffer. */
export function bases({ a, b, c, batchShape }: MatmulProblem, z: string): string {
  return [base('baseA', a, batchShape, z), base('baseB', b, batchShape, z), base('baseC', c, batchShape, z)].join('\n')
}

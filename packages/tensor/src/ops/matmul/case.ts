// A matrix product on WebGPU: the interface of its variants, and how they address operands.

import type { AdapterTraits } from '../../backends/webgpu/rule.ts'
import type { DType } from '../../dtype.ts'
import type { MatmulProblem, MatrixAccess } from './layout.ts'

export const range = (n: number): number[] => [...Array(n).keys()]
export const four = range(4)

/** A product to compute, with everything that a variant's choice and text depend on. */
export interface MatmulCase {
  readonly problem: MatmulProblem
  readonly loads: VectorLoads | undefined
  readonly dtypes: readonly [a: DType, b: DType]
  readonly adapter: AdapterTraits
  /**
   * A statement that stores four adjacent elements of a row of C: the position of the first in C's buffer, the vector.
   */
  readonly store: (index: string, value: string) => string
}

/** A way of computing a product. */
export interface MatmulVariant {
  /** Whether it can compute the case: features, limits, alignment. */
  isSupported(c: Omit<MatmulCase, 'store'>): boolean
  /** Whether it is expected to be fast on this adapter and shape; the first supported and preferred variant is used. */
  isPreferred(c: Omit<MatmulCase, 'store'>): boolean
  /** Which operands are declared as arrays of vectors: those read only by vec4. */
  vectors(c: Omit<MatmulCase, 'store'>): { readonly a: boolean; readonly b: boolean }
  /** Directives at the start of the shader. */
  head?(c: Omit<MatmulCase, 'store'>): string
  /** Rows and columns of C that a workgroup computes. */
  tile(c: Omit<MatmulCase, 'store'>): readonly [rows: number, columns: number]
  body(c: MatmulCase): string
}

const fours = (...values: number[]) => values.every((v) => v % 4 === 0)

/** Whether four adjacent elements along `along` are one aligned load. */
function vectorAlong(
  { offset, batchStrides, rowStride, columnStride }: MatrixAccess,
  along: 'row' | 'column',
  size: number,
): boolean {
  return along === 'column'
    ? columnStride === 1 && fours(offset, ...batchStrides, rowStride, size)
    : rowStride === 1 && fours(offset, ...batchStrides, columnStride, size)
}

/** The direction of vec4 loads in each operand. */
export interface VectorLoads {
  readonly a: 'row' | 'column'
  readonly b: 'row' | 'column'
}

/** The directions of vec4 loads; undefined if strides or sizes do not allow them. */
export function vectorLoads({ m, n, k, a, b }: MatmulProblem): VectorLoads | undefined {
  if (n % 4 !== 0 || k % 4 !== 0 || k === 0) return undefined
  const alongA = vectorAlong(a, 'column', k) ? 'column' : vectorAlong(a, 'row', m) ? 'row' : undefined
  const alongB = vectorAlong(b, 'column', n) ? 'column' : vectorAlong(b, 'row', k) ? 'row' : undefined
  return alongA && alongB && { a: alongA, b: alongB }
}

/** WGSL that declares NAME: where matrix `z` of a batch starts in its buffer. */
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

/** WGSL that declares baseA, baseB and baseC: where matrix `z` of a batch starts in each buffer. */
export function bases({ a, b, c, batchShape }: MatmulProblem, z: string): string {
  return [base('baseA', a, batchShape, z), base('baseB', b, batchShape, z), base('baseC', c, batchShape, z)].join('\n')
}

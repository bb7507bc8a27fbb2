// Blocks of query rows: which keys each reads, where its products lie, and the WGSL of its mask and scores.

import { maxWorkgroups, wgslFloat } from '../../backends/webgpu/shader.ts'
import { coalesce } from '../../passes/access.ts'
import type { MatmulProblem } from '../matmul/layout.ts'
import type { AttentionAttrs, AttentionSizes } from './geometry.ts'

/**
 * Strides over the batch and the heads, in the order of lse [batch, heads, t]: batch, key head, query head of a group.
 */
type HeadStrides = readonly [batch: number, kvHead: number, member: number]

/**
 * Query rows per block: enough for efficient products, few enough that causal masking skips nearly half of the work.
 */
function blockRows(t: number): number {
  return Math.min(t, 64)
}

export interface Block {
  readonly first: number
  readonly rows: number
  /** The first key that is read, a multiple of 4, and how many are. */
  readonly from: number
  readonly keys: number
}

export function blocksOf({ t, s }: AttentionSizes, { causal, window }: AttentionAttrs): Block[] {
  const rows = blockRows(t)
  return Array.from({ length: Math.ceil(t / rows) }, (_, i) => {
    const first = i * rows
    const own = Math.min(rows, t - first)
    const past = first + s - t
    const from = window === undefined ? 0 : Math.max(0, past + 1 - window) & ~3
    return { first, rows: own, from, keys: (causal ? past + own : s) - from }
  })
}

/** Strides over (batch, key head, member) of q-like, k-like and score-like arrays. */
export function headStrides({ t, s, heads, kvHeads, group, d }: AttentionSizes, { rows, keys }: Block) {
  return {
    q: [t * heads * d, group * d, d] as HeadStrides,
    k: [s * kvHeads * d, d, 0] as HeadStrides,
    scores: [heads * rows * keys, group * rows * keys, rows * keys] as HeadStrides,
  }
}

export interface Side {
  readonly offset?: number
  readonly heads: HeadStrides
  readonly row: number
  readonly column: number
}

export function problem(
  { batch, kvHeads, group }: AttentionSizes,
  [m, n, k]: readonly [number, number, number],
  a: Side,
  b: Side,
  c: Side,
  members = group,
): MatmulProblem {
  const { shape, strides } = coalesce([batch, kvHeads, members], [a.heads, b.heads, c.heads])
  const access = (side: Side, i: number) => ({
    offset: side.offset ?? 0,
    batchStrides: strides[i],
    rowStride: side.row,
    columnStride: side.column,
  })
  return { m, n, k, batchShape: shape, a: access(a, 0), b: access(b, 1), c: access(c, 2) }
}

/** Products by vec4 and the document mask need sequence lengths and head dimensions that are multiples of 4. */
export function blockedIsSupported({ t, s, d, batch, heads }: AttentionSizes): boolean {
  return t % 4 === 0 && s % 4 === 0 && d % 4 === 0 && t > 0 && s > 0 && batch * heads <= maxWorkgroups
}

/** `fn seen(z, r, col)`: which of the block's four keys from `col` on row r of the block sees. */
export function seenFunction(
  sizes: AttentionSizes,
  { first, from }: Block,
  { causal, window }: AttentionAttrs,
  documents: boolean,
): string {
  const { t, s, heads } = sizes
  const keys = 'vec4<u32>(col, col + 1u, col + 2u, col + 3u)'
  // The block's key that is the row's own.
  const own = `vec4<u32>(${first + s - t - from}u + r)`
  const terms: string[] = []
  if (causal) terms.push(`(${keys} <= ${own})`)
  if (window !== undefined) terms.push(`(${keys} + ${window}u > ${own})`)
  if (documents)
    terms.push(
      `(vec4<i32>(documents_at((z / ${heads}u) * ${t}u + ${first}u + r)) == documents_at4((z / ${heads}u) * ${s}u + ${from}u + col))`,
    )
  return `fn seen(z: u32, r: u32, col: u32) -> vec4<bool> { return ${terms.join(' & ') || 'vec4<bool>(true)'}; }\n`
}

/**
 * `fn score(x)`: products as scores, scaled and capped, and with a cap `fn slope(x)`, its derivative by the scaled
 * product.
 */
export function scoreFunctions({ scale, softcap }: AttentionAttrs): string {
  const scaled = `x * ${wgslFloat(scale)}`
  if (softcap === undefined) return `fn score(x: vec4<f32>) -> vec4<f32> { return ${scaled}; }\n`
  const cap = wgslFloat(softcap)
  // tanh of large arguments is NaN on some adapters.
  return `fn bent(x: vec4<f32>) -> vec4<f32> { return tanh(clamp(${scaled} / ${cap}, vec4<f32>(-15.0), vec4<f32>(15.0))); }
fn score(x: vec4<f32>) -> vec4<f32> { return bent(x) * ${cap}; }
fn slope(x: vec4<f32>) -> vec4<f32> { let u = bent(x); return 1.0 - u * u; }
`
}

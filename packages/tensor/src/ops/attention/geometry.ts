// Attributes and sizes of attention.

import type { Operand } from '../../passes/operand.ts'

export interface AttentionAttrs {
  readonly scale: number
  readonly causal: boolean
  /** Query i sees this many keys: its own and those just before. Only with `causal`. */
  readonly window?: number
  /** Scores s become softcap tanh(s / softcap) before the mask. */
  readonly softcap?: number
}

/** Sizes of attention: q [batch, t, heads, d], k and v [batch, s, kvHeads, d]. */
export interface AttentionSizes {
  readonly batch: number
  readonly t: number
  readonly heads: number
  readonly d: number
  readonly s: number
  readonly kvHeads: number
  /** Query heads that share a key head. */
  readonly group: number
}

export function attentionSizes(q: Operand, k: Operand): AttentionSizes {
  const [batch, t, heads, d] = q.access.shape
  const [, s, kvHeads] = k.access.shape
  return { batch, t, heads, d, s, kvHeads, group: heads / kvHeads }
}

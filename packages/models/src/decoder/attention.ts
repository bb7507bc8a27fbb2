/** Grouped-query attention with rotary positions, over everything before or a sliding window. */
import { attention, rotary, type Tensor } from '@kumiki/tensor'
import { type ModelArchitecture, slides } from '../architecture.ts'
import type { BlockContext } from './block.ts'

/** What a layer does with its scores. */
export interface ScoreOptions {
  readonly scale: number
  readonly window?: number
  readonly softcap?: number
}

function scoreOptions(architecture: ModelArchitecture, layer: number): ScoreOptions {
  const { queryPreAttnScalar, headDim, attentionSoftcap, slidingWindow } = architecture
  return {
    scale: 1 / Math.sqrt(queryPreAttnScalar ?? headDim),
    ...(slides(architecture, layer) && { window: slidingWindow }),
    ...(attentionSoftcap !== undefined && { softcap: attentionSoftcap }),
  }
}

/** @param x the normed residual, float32 [B, T, C] @returns float32 of the same shape */
export function selfAttention(context: BlockContext, layer: number, x: Tensor): Tensor {
  const { architecture, apply, store, cache, documents } = context
  const { numAttentionHeads, numKeyValueHeads, headDim, qkNorm, qkNormOver } = architecture
  const [b, t] = x.shape
  const prefix = `model.layers.${layer}.self_attn`
  const n = store(x)
  const heads = (name: string, count: number, norm?: string) => {
    const y = apply(n, `${prefix}.${name}`) // [B, T, H D]
    const split = (z: Tensor) => z.reshape([b, t, count, headDim])
    if (!norm || !qkNorm) return split(y)
    const normed = (z: Tensor) => context.norm(z, `${prefix}.${norm}`)
    return qkNormOver === 'projection' ? split(normed(y)) : normed(split(y))
  }
  const q = heads('q_proj', numAttentionHeads, 'q_norm') // [B, T, H, D]
  const k = heads('k_proj', numKeyValueHeads, 'k_norm') // [B, T, KV, D]
  const v = heads('v_proj', numKeyValueHeads)
  const { cos, sin } = slides(architecture, layer) ? context.localRotation : context.rotation
  // Rows of a batch that go on from different places have positions of their own, and are turned as one long row.
  const turned = (z: Tensor) =>
    cos.shape[0] === t
      ? rotary(z, cos, sin)
      : rotary(z.reshape([1, b * t, ...z.shape.slice(2)]), cos, sin).reshape(z.shape)
  const [qr, kr] = [turned(q), turned(k)]
  const options = scoreOptions(architecture, layer)
  const o = cache ? cache.attend(layer, qr, kr, v, options) : attention(qr, kr, v, { documents, ...options })
  return apply(o.reshape([b, t, -1]), `${prefix}.o_proj`)
}

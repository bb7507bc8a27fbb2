/** Grouped-query attention with rotary positions, over all earlier positions or a sliding window. */
import type { Tensor } from '@kumiki/tensor'
import { type ModelArchitecture, slides } from '../architecture.ts'
import type { BlockContext } from './block.ts'

/** How a layer computes its attention scores. */
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

/** @param x the normalized residual, float32 [B, T, C] @returns float32 of the same shape */
export function selfAttention(context: BlockContext, layer: number, x: Tensor): Tensor {
  const { architecture, apply, store } = context
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
  const rotation = slides(architecture, layer) ? context.localRotation : context.rotation
  const options = scoreOptions(architecture, layer)
  const o = context.attend(layer, context.rotate(q, rotation), context.rotate(k, rotation), v, options)
  return apply(o.reshape([b, t, -1]), `${prefix}.o_proj`)
}

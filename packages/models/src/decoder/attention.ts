/** Grouped-query attention with rotary positions. */
import { attention, rotary, type Tensor } from '@kumiki/tensor'
import type { BlockContext } from './block.ts'

/** @param x the normed residual, float32 [B, T, C] @returns float32 of the same shape */
export function selfAttention(context: BlockContext, layer: number, x: Tensor): Tensor {
  const { parameters: p, architecture, linear, store, cos, sin, cache, documents } = context
  const { numAttentionHeads, numKeyValueHeads, headDim } = architecture
  const [b, t] = x.shape
  const prefix = `model.layers.${layer}.self_attn`
  const n = store(x)
  const heads = (name: string, count: number) => {
    const full = `${prefix}.${name}.weight`
    return linear(n, p[full], full).reshape([b, t, count, headDim])
  }
  const q = heads('q_proj', numAttentionHeads) // [B, T, H, D]
  const k = heads('k_proj', numKeyValueHeads) // [B, T, KV, D]
  const v = heads('v_proj', numKeyValueHeads)
  const [qr, kr] = [rotary(q, cos, sin), rotary(k, cos, sin)]
  const o = cache ? cache.attend(layer, qr, kr, v) : attention(qr, kr, v, { documents })
  const name = `${prefix}.o_proj.weight`
  return linear(o.reshape([b, t, -1]), p[name], name)
}

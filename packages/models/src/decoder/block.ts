/** The transformer block: one for training, evaluation, prefill and decoding. */
import { rmsNorm, type Tensor } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import type { LinearLayer, LinearRule, Parameters } from '../language-model.ts'
import { selfAttention } from './attention.ts'
import { feedForward } from './feed-forward.ts'
import type { KeyValueCache } from './kv-cache.ts'

/** What all blocks of a forward pass share. */
export interface BlockContext {
  readonly parameters: Parameters
  readonly architecture: ModelArchitecture
  readonly linear: LinearRule
  /** Brings a tensor into the format of activations. */
  readonly store: (x: Tensor) => Tensor
  /** The rotary tables' rows of the pass's positions: [T, D / 2]. */
  readonly cos: Tensor
  readonly sin: Tensor
  readonly documents?: Tensor
  readonly cache?: KeyValueCache
}

/** @param x the residual stream, float32 [B, T, C] */
export function transformerBlock(context: BlockContext, layer: number, x: Tensor): Tensor {
  const { parameters: p, architecture } = context
  const norm = (y: Tensor, name: string) =>
    rmsNorm(y, p[`model.layers.${layer}.${name}.weight`], architecture.rmsNormEps)
  const h = x.add(selfAttention(context, layer, norm(x, 'input_layernorm')))
  return h.add(feedForward(context, layer, norm(h, 'post_attention_layernorm')))
}

const roles = {
  'self_attn.q_proj': 'query',
  'self_attn.k_proj': 'key',
  'self_attn.v_proj': 'value',
  'self_attn.o_proj': 'output',
  'mlp.gate_proj': 'gate',
  'mlp.up_proj': 'up',
  'mlp.down_proj': 'down',
}

/** The linear layers of a block, in the order of the forward pass. */
export function blockLinearLayers(block: number): LinearLayer[] {
  return Object.entries(roles).map(([name, role]) => ({ name: `model.layers.${block}.${name}.weight`, role, block }))
}

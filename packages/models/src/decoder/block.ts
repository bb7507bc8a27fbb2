/** The transformer block, which training, evaluation, prefill and decoding share. */
import { add, cast, rmsNorm, type Tensor } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import type { GroupedLayer, GroupedRule, LinearLayer, LinearRule, Parameters } from '../language-model.ts'
import { expertNames } from '../parameters.ts'
import { type ScoreOptions, selfAttention } from './attention.ts'
import { mixtureOfExperts, type Routing } from './experts.ts'
import { feedForward } from './feed-forward.ts'
import type { DecoderParts } from './parts.ts'
import type { Rotation } from './rope.ts'

/** What all blocks of a forward pass share. */
export interface BlockContext {
  readonly architecture: ModelArchitecture
  /** Parts that replace the decoder's own. */
  readonly parts: DecoderParts
  readonly parameters: Parameters
  /** Routing statistics of the pass, by layer. */
  readonly routings: Routing[]
  /** A linear layer of the parameters, with its bias where it has one. @param name without `.weight` */
  apply(x: Tensor, name: string): Tensor
  /** RMSNorm over the last axis. @param name of its weight, without `.weight` */
  norm(x: Tensor, name: string): Tensor
  /**
   * Causal attention, with the keys and values of the cache if there is one. q, k and v are [B, T, heads, D], rotated.
   */
  attend(layer: number, q: Tensor, k: Tensor, v: Tensor, options: ScoreOptions): Tensor
  /** Applies rotary embeddings for the positions of the pass to heads [B, T, heads, D]. */
  rotate(heads: Tensor, rotation?: Rotation): Tensor
  /** Casts a tensor to the format of activations. */
  readonly store: (x: Tensor) => Tensor
  /** How the experts' linear layers are computed. */
  readonly grouped: GroupedRule
  /** Rotary embeddings of the pass, for full-attention layers and for sliding-window layers. */
  readonly rotation: Rotation
  readonly localRotation: Rotation
}

/** The layers and norms of a pass, by name. */
export function namedLayers(
  parameters: Parameters,
  { rmsNormEps, normOffset }: ModelArchitecture,
  linear: LinearRule,
): Pick<BlockContext, 'parameters' | 'apply' | 'norm'> {
  return {
    parameters,
    apply(x, name) {
      const weight = `${name}.weight`
      const y = linear(x, parameters[weight], weight)
      const bias = parameters[`${name}.bias`]
      return bias ? add(y, cast(bias, 'float32')) : y
    },
    norm(x, name) {
      const weight = parameters[`${name}.weight`]
      return rmsNorm(x, normOffset ? add(cast(weight, 'float32'), 1) : weight, rmsNormEps)
    },
  }
}

/** @param x the residual stream, float32 [B, T, C] */
export function transformerBlock(context: BlockContext, layer: number, x: Tensor): Tensor {
  const { parts } = context
  if (parts.block) return parts.block.forward(context, layer, x)
  const { normPlacement = 'pre' } = context.architecture
  const norm = (y: Tensor, name: string) => context.norm(y, `model.layers.${layer}.${name}`)
  const attended = (y: Tensor) =>
    parts.attention ? parts.attention.forward(context, layer, y) : selfAttention(context, layer, y)
  const fed = (y: Tensor) =>
    parts.feedForward
      ? parts.feedForward.forward(context, layer, y)
      : context.architecture.experts
        ? mixtureOfExperts(context, layer, y)
        : feedForward(context, layer, y)
  if (normPlacement === 'pre') {
    const h = x.add(attended(norm(x, 'input_layernorm')))
    return h.add(fed(norm(h, 'post_attention_layernorm')))
  }
  const both = normPlacement === 'both'
  const h = x.add(norm(attended(both ? norm(x, 'input_layernorm') : x), 'post_attention_layernorm'))
  return h.add(norm(fed(both ? norm(h, 'pre_feedforward_layernorm') : h), 'post_feedforward_layernorm'))
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

/**
 * The linear layers of a block, in the order of the forward pass. Experts are not among them: their products are
 * grouped.
 */
export function blockLinearLayers(block: number, { experts }: ModelArchitecture): LinearLayer[] {
  const all = Object.entries(roles).filter(([name]) => !experts || !name.startsWith('mlp.'))
  return all.map(([name, role]) => ({ name: `model.layers.${block}.${name}.weight`, role, block }))
}

/** The layers of a block's experts. */
export function blockGroupedLayers(block: number, architecture: ModelArchitecture): GroupedLayer[] {
  if (!architecture.experts) return []
  const { gate, up, down } = expertNames(architecture, block)
  const { numExpertsPerToken: rowsPerToken } = architecture.experts
  return Object.entries({ gate, up, down }).map(([role, name]) => ({ name, role, block, rowsPerToken }))
}

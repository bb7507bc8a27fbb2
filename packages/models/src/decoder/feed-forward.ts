/** The gated MLP: down(activation(gate(x)) * up(x)); SwiGLU if the activation is SiLU. */
import { gelu, swiglu, type Tensor } from '@kumiki/tensor'
import type { BlockContext } from './block.ts'

/** @param x the normed residual, float32 [B, T, C] @returns float32 of the same shape */
export function feedForward({ architecture, apply, store }: BlockContext, layer: number, x: Tensor): Tensor {
  const { activation = 'silu' } = architecture
  const prefix = `model.layers.${layer}.mlp`
  const n = store(x)
  const gate = store(apply(n, `${prefix}.gate_proj`))
  const up = store(apply(n, `${prefix}.up_proj`))
  const inner = activation === 'silu' ? swiglu(gate, up) : gelu(gate, activation === 'gelu' ? 'none' : 'tanh').mul(up)
  return apply(inner, `${prefix}.down_proj`)
}

/** SwiGLU: down(silu(gate(x)) * up(x)). */
import { swiglu, type Tensor } from '@kumiki/tensor'
import type { BlockContext } from './block.ts'

/** @param x the normed residual, float32 [B, T, C] @returns float32 of the same shape */
export function feedForward({ parameters: p, linear, store }: BlockContext, layer: number, x: Tensor): Tensor {
  const apply = (input: Tensor, name: string) => {
    const full = `model.layers.${layer}.mlp.${name}.weight`
    return linear(input, p[full], full)
  }
  const n = store(x)
  const gate = store(apply(n, 'gate_proj'))
  const up = store(apply(n, 'up_proj'))
  return apply(swiglu(gate, up), 'down_proj')
}

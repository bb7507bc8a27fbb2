/** Custom parts that replace the decoder's own. */
import type { DecoderPart } from '@kumiki/models'
import { rmsNorm, square, swiglu } from '@kumiki/tensor'

/** down(relu(up(x))²), as wide as three matrices of SwiGLU. @see arXiv:2109.08668 */
export const squaredRelu: DecoderPart = {
  parameters: ({ hiddenSize, intermediateSize }) => {
    const width = Math.round((intermediateSize * 3) / 2)
    return [
      { name: 'mlp.up.weight', shape: [width, hiddenSize] },
      { name: 'mlp.down.weight', shape: [hiddenSize, width] },
    ]
  },
  forward({ apply, store }, layer, x) {
    const up = apply(store(x), `model.layers.${layer}.mlp.up`)
    return apply(store(square(up.maximum(0))), `model.layers.${layer}.mlp.down`)
  },
}

/**
 * One key and value head for all query heads (multi-query), with normalized queries and keys.
 * @see arXiv:1911.02150, arXiv:2010.04245
 */
export const oneKey: DecoderPart = {
  parameters: ({ hiddenSize, numAttentionHeads, headDim }) => [
    { name: 'self_attn.query.weight', shape: [numAttentionHeads * headDim, hiddenSize] },
    { name: 'self_attn.key_value.weight', shape: [2 * headDim, hiddenSize] },
    { name: 'self_attn.output.weight', shape: [hiddenSize, numAttentionHeads * headDim] },
    { name: 'self_attn.scale.weight', shape: [headDim] },
  ],
  forward({ architecture, parameters, apply, store, rotate, attend }, layer, x) {
    const { numAttentionHeads: heads, headDim } = architecture
    const [b, t] = x.shape
    const prefix = `model.layers.${layer}.self_attn`
    const n = store(x)
    const scale = parameters[`${prefix}.scale.weight`]
    const rotated = (y: typeof x, count: number) => rotate(rmsNorm(y.reshape([b, t, count, headDim]), scale))
    const both = apply(n, `${prefix}.key_value`)
    const q = rotated(apply(n, `${prefix}.query`), heads)
    const k = rotated(both.slice([0, 0, 0], [b, t, headDim]), 1)
    const v = both.slice([0, 0, headDim], [b, t, headDim]).reshape([b, t, 1, headDim])
    const o = attend(layer, q, k, v, { scale: 1 / Math.sqrt(headDim) })
    return apply(store(o.reshape([b, t, heads * headDim])), `${prefix}.output`)
  },
}

/** Attention and feed-forward in parallel, after one shared norm. @see arXiv:2204.02311, section 2 */
export const parallel = (attention: DecoderPart): DecoderPart => ({
  parameters: (architecture) => [
    { name: 'norm.weight', shape: [architecture.hiddenSize] },
    ...attention.parameters(architecture),
    { name: 'mlp.gate_up.weight', shape: [2 * architecture.intermediateSize, architecture.hiddenSize] },
    { name: 'mlp.down.weight', shape: [architecture.hiddenSize, architecture.intermediateSize] },
  ],
  forward(context, layer, x) {
    const { apply, norm, store, architecture } = context
    const n = norm(x, `model.layers.${layer}.norm`)
    const [b, t] = x.shape
    const width = architecture.intermediateSize
    const both = store(apply(store(n), `model.layers.${layer}.mlp.gate_up`))
    const inner = swiglu(both.slice([0, 0, 0], [b, t, width]), both.slice([0, 0, width], [b, t, width]))
    const fed = apply(inner, `model.layers.${layer}.mlp.down`)
    return x.add(attention.forward(context, layer, n)).add(fed)
  },
})

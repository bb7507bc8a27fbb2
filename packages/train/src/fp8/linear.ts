/**
 * Linear layers with 8-bit operands: y = q(x) q(w), dx = q(dy) q(w), dw = q(dy) q(x), products of codes summed in
 * float32. Operands that the gradient needs are stored as codes, one byte per element.
 */
import {
  apply,
  barrier,
  defineOp,
  div,
  matmul,
  mul,
  type Op,
  scaledMatmul,
  type Tensor,
  transpose,
} from '@kumiki/tensor'
import {
  amaxOf,
  type BlockRule,
  type Float8,
  quantize,
  quantizeBlocks,
  type ScaleRule,
  scaleOf,
  scaleType,
  targetOf,
} from './quantize.ts'

export interface TensorScaledAttrs extends ScaleRule {
  /** Format of x and w, and of dy. */
  readonly forward: Float8
  readonly backward: Float8
  /** The scale of dy: the given one, or computed from dy itself. */
  readonly gradientScale: 'given' | 'current'
}

const product = (a: Tensor, b: Tensor) => matmul(a, b, { dtype: 'float32' })

/**
 * Inputs: x [rows, in], w [out, in], the scales of x, w and dy (float32 scalars), and a random key (uint32 [2]) if dy
 * is rounded stochastically. Outputs: y float32 [rows, out], and the codes of x. Those of w are recomputed from w,
 * which is in memory anyway. The backward pass reports dy's largest magnitude as the "gradient" of dy's scale.
 */
const tensorScaledOp: Op<TensorScaledAttrs> = defineOp<TensorScaledAttrs>({
  name: 'fp8Linear',
  kind: 'composite',
  infer: ([x, w], { forward }) => [
    { shape: [x.shape[0], w.shape[0]], dtype: 'float32' },
    { shape: x.shape, dtype: forward },
  ],
  definition([x, w, scaleX, scaleW], { forward }) {
    const qx = quantize(x, scaleX, forward)
    const qw = quantize(w, scaleW, forward)
    return [mul(product(qx, transpose(qw)), mul(div(1, scaleX), div(1, scaleW))), qx]
  },
  gradient({ inputs: [, w, scaleX, scaleW, scaleG, key], outputs: [, qx], grads: [g], attrs }) {
    if (!g) return [undefined, undefined, undefined, undefined, undefined, undefined]
    const { forward, backward, gradientScale } = attrs
    const amax = amaxOf(g)
    const scale = gradientScale === 'given' ? scaleG : scaleOf(amax, targetOf(backward, attrs), attrs, 1)
    const qg = quantize(g, scale, backward, key)
    const qw = quantize(barrier(w, [g]), scaleW, forward)
    const inverse = div(1, scale)
    const dx = mul(product(qg, qw), mul(inverse, div(1, scaleW)))
    const dw = mul(product(transpose(qg), qx), mul(inverse, div(1, scaleX)))
    return [dx, dw, undefined, undefined, amax, undefined]
  },
})

/**
 * One scale for each tensor.
 * @param x [rows, in]
 * @param w [out, in]
 * @param key for stochastic rounding of dy @returns float32 [rows, out]
 */
export function tensorScaledLinear(
  x: Tensor,
  w: Tensor,
  scales: { readonly x: Tensor; readonly w: Tensor; readonly g: Tensor },
  attrs: TensorScaledAttrs,
  key?: Tensor,
): Tensor {
  return apply(tensorScaledOp, [x, w, scales.x, scales.w, scales.g, ...(key ? [key] : [])], attrs)[0]
}

/** Block rules of the operands of the three products. */
export interface BlockLinearAttrs {
  readonly forward: { readonly x: BlockRule; readonly w: BlockRule }
  /** dx = dy w: blocks along out. */
  readonly input: { readonly g: BlockRule; readonly w: BlockRule }
  /** dw = dy x: blocks along rows. */
  readonly weight: { readonly g: BlockRule; readonly x: BlockRule }
}

/**
 * Inputs: x [rows, in], w [out, in], a scalar whose "gradient" is dy's largest magnitude, and a random key if dy is
 * rounded stochastically. Outputs: y, then codes and scales of x for the weight's gradient. Blocks lie along the axis
 * that is summed over, so x and dy are quantised twice, each time from the original values; codes of w are recomputed
 * from w.
 */
const blockScaledOp: Op<BlockLinearAttrs> = defineOp<BlockLinearAttrs>({
  name: 'fp8BlockLinear',
  kind: 'composite',
  infer: ([x, w], { weight }) => {
    const matrix = ({ shape }: { readonly shape: readonly number[] }, rule: BlockRule) => [
      { shape, dtype: rule.format },
      { shape: [shape[0] / rule.block[0], shape[1] / rule.block[1]], dtype: scaleType(rule) },
    ]
    return [{ shape: [x.shape[0], w.shape[0]], dtype: 'float32' }, ...matrix(x, weight.x)]
  },
  definition([x, w], { forward, weight }) {
    const qx = quantizeBlocks(x, forward.x)
    const qw = quantizeBlocks(w, forward.w)
    const kept = quantizeBlocks(x, weight.x)
    return [scaledMatmul(qx, qw, { transposeB: true }), kept.codes, kept.scales]
  },
  gradient({ inputs: [, w, , key], outputs: [, xCodes, xScales], grads: [g], attrs: { input, weight } }) {
    if (!g) return [undefined, undefined, undefined, undefined]
    return [
      scaledMatmul(quantizeBlocks(g, input.g, key), quantizeBlocks(barrier(w, [g]), input.w)),
      scaledMatmul(quantizeBlocks(g, weight.g, key), { codes: xCodes, scales: xScales }, { transposeA: true }),
      amaxOf(g),
      undefined,
    ]
  },
})

/** A scale for each block. @param x [rows, in] @param w [out, in] @param probe scalar @returns float32 [rows, out] */
export function blockScaledLinear(x: Tensor, w: Tensor, probe: Tensor, attrs: BlockLinearAttrs, key?: Tensor): Tensor {
  return apply(blockScaledOp, [x, w, probe, ...(key ? [key] : [])], attrs)[0]
}

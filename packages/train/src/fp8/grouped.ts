/**
 * Expert layers with 8-bit operands, emulated: operands are quantised, and products of the decoded values are summed in
 * float32, group by group. Scales are per tensor (all experts of a layer together), or per block of the rows sorted by
 * expert; a block of rows may contain rows of two experts.
 */
import {
  apply,
  barrier,
  broadcastTo,
  cast,
  defineOp,
  div,
  groupedMatmul,
  mul,
  type Op,
  reshape,
  type ScaledMatrix,
  type Tensor,
  vjp,
} from '@kumiki/tensor'
import type { BlockLinearAttrs, TensorScaledAttrs } from './linear.ts'
import { amaxOf, type BlockRule, quantize, quantizeBlocks, scaleOf, targetOf } from './quantize.ts'

/** y [rows, out] = x [rows, in] w [experts, out, in], by groups. */
const product = (x: Tensor, w: Tensor, sizes: Tensor) => groupedMatmul(x, w, sizes, { transposeB: true })

/**
 * [experts, out, in]: dy [rows, out] and x [rows, in] multiplied and summed over each group's rows: the gradient of the
 * product with respect to w.
 */
function outer(g: Tensor, x: Tensor, w: Tensor, sizes: Tensor): Tensor {
  const { pull } = vjp((weight: Tensor) => product(x, weight, sizes), cast(w, 'float32'))
  return pull(cast(g, 'float32'))
}

/**
 * Inputs: x [rows, in], w [experts, out, in], sizes, the scales of x, w and dy, and a key for stochastic rounding.
 * Outputs: y, and the codes of x.
 */
const tensorScaledOp: Op<TensorScaledAttrs> = defineOp<TensorScaledAttrs>({
  name: 'fp8Grouped',
  kind: 'composite',
  infer: ([x, w], { forward }) => [
    { shape: [x.shape[0], w.shape[1]], dtype: 'float32' },
    { shape: x.shape, dtype: forward },
  ],
  definition([x, w, sizes, scaleX, scaleW], { forward }) {
    const qx = quantize(x, scaleX, forward)
    const y = product(qx, quantize(w, scaleW, forward), sizes)
    return [mul(y, mul(div(1, scaleX), div(1, scaleW))), qx]
  },
  gradient({ inputs: [, w, sizes, scaleX, scaleW, scaleG, key], outputs: [, qx], grads: [g], attrs }) {
    if (!g) return [undefined, undefined, undefined, undefined, undefined, undefined, undefined]
    const { forward, backward, gradientScale } = attrs
    const amax = amaxOf(g)
    const scale = gradientScale === 'given' ? scaleG : scaleOf(amax, targetOf(backward, attrs), attrs, 1)
    const qg = quantize(g, scale, backward, key)
    const qw = quantize(barrier(w, [g]), scaleW, forward)
    const inverse = div(1, scale)
    const dx = mul(groupedMatmul(qg, qw, sizes), mul(inverse, div(1, scaleW)))
    const dw = mul(outer(qg, qx, w, sizes), mul(inverse, div(1, scaleX)))
    return [dx, dw, undefined, undefined, undefined, amax, undefined]
  },
})

/**
 * One scale for each tensor.
 * @param x [rows, in]
 * @param w [experts, out, in]
 * @param sizes int32 [experts]
 * @returns float32 [rows, out]
 */
export function tensorScaledGrouped(
  x: Tensor,
  w: Tensor,
  sizes: Tensor,
  scales: { readonly x: Tensor; readonly w: Tensor; readonly g: Tensor },
  attrs: TensorScaledAttrs,
  key?: Tensor,
): Tensor {
  return apply(tensorScaledOp, [x, w, sizes, scales.x, scales.w, scales.g, ...(key ? [key] : [])], attrs)[0]
}

/** Decoded values, float32. */
function decoded({ codes, scales }: ScaledMatrix, [rows, columns]: BlockRule['block']): Tensor {
  const [n, m] = codes.shape
  const grid = [n / rows, rows, m / columns, columns]
  const each = broadcastTo(reshape(cast(scales, 'float32'), [grid[0], 1, grid[2], 1]), grid)
  return reshape(mul(reshape(cast(codes, 'float32'), grid), each), [n, m])
}

const emulated = (x: Tensor, rule: BlockRule, key?: Tensor) => decoded(quantizeBlocks(x, rule, key), rule.block)

/** The same for stacked weights, over all rows of all experts. */
const emulatedWeights = (w: Tensor, rule: BlockRule) => reshape(emulated(reshape(w, [-1, w.shape[2]]), rule), w.shape)

/** Inputs: x, w, sizes, a scalar whose "gradient" is dy's largest magnitude, and a key. */
const blockScaledOp: Op<BlockLinearAttrs> = defineOp<BlockLinearAttrs>({
  name: 'fp8BlockGrouped',
  kind: 'composite',
  infer: ([x, w]) => [{ shape: [x.shape[0], w.shape[1]], dtype: 'float32' }],
  definition: ([x, w, sizes], { forward }) => [product(emulated(x, forward.x), emulatedWeights(w, forward.w), sizes)],
  gradient({ inputs: [x, w, sizes, , key], grads: [g], attrs: { input, weight } }) {
    if (!g) return [undefined, undefined, undefined, undefined, undefined]
    return [
      groupedMatmul(emulated(g, input.g, key), emulatedWeights(barrier(w, [g]), input.w), sizes),
      outer(emulated(g, weight.g, key), emulated(barrier(x, [g]), weight.x), w, sizes),
      undefined,
      amaxOf(g),
      undefined,
    ]
  },
})

/** A scale for each block. @param probe scalar @returns float32 [rows, out] */
export function blockScaledGrouped(
  x: Tensor,
  w: Tensor,
  sizes: Tensor,
  probe: Tensor,
  attrs: BlockLinearAttrs,
  key?: Tensor,
): Tensor {
  return apply(blockScaledOp, [x, w, sizes, probe, ...(key ? [key] : [])], attrs)[0]
}

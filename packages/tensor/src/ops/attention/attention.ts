// Attention and its gradient: shapes, definition in simpler ops, lowering.

import { requireBoolean, requireNumber, requireOptions, requireTensor, requireWhole } from '../../arguments.ts'
import { lazyKernels } from '../../backends/kernel-source.ts'
import { ShapeError } from '../../errors.ts'
import { defineOp, type Op } from '../../op.ts'
import { elementCount, formatShape } from '../../shape.ts'
import { apply, type Tensor } from '../../tensor.ts'
import { broadcastTo, sum } from '../broadcast-sum.ts'
import { cast } from '../cast.ts'
import { equal, greater, lessEqual } from '../compare.ts'
import { exp } from '../exp.ts'
import { iota } from '../leaf.ts'
import { logSumExp } from '../log-sum-exp.ts'
import { matmul } from '../matmul/matmul.ts'
import { mul } from '../mul.ts'
import { requireFloat } from '../require.ts'
import { reshape } from '../reshape.ts'
import { square } from '../square.ts'
import { sub } from '../sub.ts'
import { tanh } from '../tanh.ts'
import { swapAxes, transpose } from '../transpose.ts'
import { where } from '../where.ts'
import type { AttentionAttrs } from './geometry.ts'

/** Masked scores: not -Infinity, since shaders may assume that infinities do not occur. */
const maskedScore = -1e30

/**
 * [batch, seq, heads, d] as [batch, kvHeads, heads / kvHeads, seq, d]: query head h reads key head floor(h / group).
 */
function grouped(x: Tensor, kvHeads: number): Tensor {
  const [b, t, h, d] = x.shape
  return transpose(reshape(cast(x, 'float32'), [b, t, kvHeads, h / kvHeads, d]), [0, 2, 3, 1, 4])
}

function ungrouped(x: Tensor): Tensor {
  const [b, kv, group, t, d] = x.shape
  return reshape(transpose(x, [0, 3, 1, 2, 4]), [b, t, kv * group, d])
}

const given = (documents: Tensor | undefined): Tensor[] => (documents ? [documents] : [])

/**
 * Scores, [batch, kvHeads, group, seqQ, seqK]: scaled and capped, and with the mask applied. With `causal`, query i
 * sees keys up to i + seqK - seqQ; with `window`, only the last `window` of those; with `documents`, those of its own
 * document.
 */
function scores(q: Tensor, k: Tensor, documents: Tensor | undefined, attrs: AttentionAttrs) {
  const { scale, causal, window, softcap } = attrs
  const kv = k.shape[2]
  const qs = grouped(q, kv)
  const ks = grouped(k, kv)
  const [b, , group, t, d] = qs.shape
  const s = ks.shape[3]
  const scaled = mul(matmul(qs, broadcastTo(swapAxes(ks, -1, -2), [b, kv, group, d, s])), scale)
  const capped = softcap === undefined ? scaled : mul(tanh(mul(scaled, 1 / softcap)), softcap)
  let masked = capped
  const mask = (seen: Tensor) => {
    masked = where(broadcastTo(seen, masked.shape), masked, maskedScore)
  }
  if (causal) mask(lessEqual(sub(iota([t, s], 1), s - t), iota([t, s], 0)))
  if (window !== undefined) mask(greater(sub(iota([t, s], 1), s - t - window), iota([t, s], 0)))
  if (documents) mask(equal(reshape(documents, [b, 1, 1, t, 1]), reshape(documents, [b, 1, 1, 1, s])))
  return { capped, masked }
}

/** Outputs: o like q, and the log-sum-exp of the scores, float32 [batch, heads, seqQ], which the gradient needs. */
export const attentionOp: Op<AttentionAttrs> = defineOp<AttentionAttrs>({
  name: 'attention',
  kind: 'composite',
  gradientOfFirst: true,
  infer([q, k, v, documents], { causal, window }) {
    requireFloat('attention', q)
    const [b, t, h, d] = q.shape
    const shapes = `q ${formatShape(q.shape)}, k ${formatShape(k.shape)}, v ${formatShape(v.shape)}`
    if (q.shape.length !== 4 || k.shape.length !== 4 || v.shape.length !== 4)
      throw new ShapeError(`attention: q, k and v must be [batch, seq, heads, headDim], got ${shapes}`)
    if (k.shape[0] !== b || k.shape[3] !== d || k.shape.some((x, i) => x !== v.shape[i]))
      throw new ShapeError(`attention: k and v must share a shape, and batch and headDim with q, got ${shapes}`)
    if (k.shape[2] === 0 || h % k.shape[2] !== 0)
      throw new ShapeError(`attention: ${h} query heads do not divide among ${k.shape[2]} key-value heads (${shapes})`)
    if (k.shape[1] === 0) throw new ShapeError(`attention: needs at least one key, got ${shapes}`)
    if (causal && k.shape[1] < t)
      throw new ShapeError(`attention: causal attention needs at least as many keys as queries, got ${shapes}`)
    if (window !== undefined && !causal)
      throw new ShapeError(`attention: a window of ${window} keys needs causal attention, got causal: false`)
    if (q.dtype !== k.dtype || q.dtype !== v.dtype)
      throw new ShapeError(`attention: q, k and v must share a dtype, got ${q.dtype}, ${k.dtype}, ${v.dtype}`)
    if (documents) {
      if (documents.dtype !== 'int32' || formatShape(documents.shape) !== formatShape([b, t]) || k.shape[1] !== t)
        throw new ShapeError(
          `attention: documents must be int32 [batch, seq] with as many keys as queries, got ${documents.dtype} ${formatShape(documents.shape)} (${shapes})`,
        )
    }
    return [
      { shape: q.shape, dtype: q.dtype },
      { shape: [b, h, t], dtype: 'float32' },
    ]
  },
  gradient({ inputs: [q, k, v, documents], outputs: [o, lse], grads: [g], attrs }) {
    if (!g) return [undefined, undefined, undefined]
    return apply(attentionGradientOp, [q, k, v, o, lse, cast(g, 'float32'), ...given(documents)], attrs)
  },
  lowering([q, k, v, documents], attrs) {
    if (q.dtype === 'float32') return undefined
    const [o, lse] = apply(attentionOp, [...[q, k, v].map((x) => cast(x, 'float32')), ...given(documents)], attrs)
    return [cast(o, q.dtype), lse]
  },
  definition([q, k, v, documents], attrs) {
    const { masked: s } = scores(q, k, documents, attrs)
    const lse = logSumExp(s)
    const p = exp(sub(s, reshape(lse, [...lse.shape, 1])))
    const [b, kv, group, t] = s.shape
    const vs = grouped(v, kv)
    const o = ungrouped(matmul(p, broadcastTo(vs, [b, kv, group, vs.shape[3], vs.shape[4]])))
    return [cast(o, q.dtype), reshape(lse, [b, kv * group, t])]
  },
  cpu: lazyKernels(async () => (await import('./attention.cpu.ts')).attentionCpu),
  webgpu: lazyKernels(async () => (await import('./attention.wgsl.ts')).attentionWgsl),
  flops: ([q, k], _, { causal }) => (4 * elementCount(q.shape) * k.shape[1]) / (causal ? 2 : 1),
  samples: [
    {
      inputs: [{ shape: [2, 5, 2, 8] }, { shape: [2, 5, 2, 8] }, { shape: [2, 5, 2, 8] }],
      attrs: { scale: 0.35, causal: true },
    },
    {
      inputs: [{ shape: [1, 33, 4, 4] }, { shape: [1, 33, 2, 4] }, { shape: [1, 33, 2, 4] }],
      attrs: { scale: 0.5, causal: true },
      tolerance: 3e-5,
    },
    {
      inputs: [{ shape: [1, 3, 6, 8] }, { shape: [1, 7, 1, 8] }, { shape: [1, 7, 1, 8] }],
      attrs: { scale: 0.35, causal: true },
    },
    {
      inputs: [{ shape: [2, 4, 2, 8] }, { shape: [2, 6, 2, 8] }, { shape: [2, 6, 2, 8] }],
      attrs: { scale: 0.35, causal: false },
    },
    // Sizes at which lanes of a subgroup share rows.
    {
      inputs: [{ shape: [2, 36, 6, 16] }, { shape: [2, 36, 1, 16] }, { shape: [2, 36, 1, 16] }],
      attrs: { scale: 0.25, causal: true },
      tolerance: 3e-5,
    },
    {
      inputs: [{ shape: [1, 8, 2, 32] }, { shape: [1, 20, 2, 32] }, { shape: [1, 20, 2, 32] }],
      attrs: { scale: 0.2, causal: true },
      tolerance: 3e-5,
    },
    // Two or three packed documents (the random ids split the sequence anywhere), and six query heads per key head.
    {
      inputs: [
        { shape: [2, 8, 6, 16] },
        { shape: [2, 8, 1, 16] },
        { shape: [2, 8, 1, 16] },
        { shape: [2, 8], dtype: 'int32', range: [0, 2] },
      ],
      attrs: { scale: 0.25, causal: true },
      tolerance: 3e-5,
    },
    {
      inputs: [
        { shape: [1, 20, 2, 8] },
        { shape: [1, 20, 2, 8] },
        { shape: [1, 20, 2, 8] },
        { shape: [1, 20], dtype: 'int32', range: [0, 3] },
      ],
      attrs: { scale: 0.35, causal: false },
      tolerance: 3e-5,
    },
    // Windows and caps, alone and together, with more keys than queries and with documents.
    {
      inputs: [{ shape: [1, 3, 2, 4] }, { shape: [1, 7, 1, 4] }, { shape: [1, 7, 1, 4] }],
      attrs: { scale: 0.5, causal: true, window: 2 },
    },
    {
      inputs: [
        { shape: [1, 9, 2, 8] },
        { shape: [1, 9, 2, 8] },
        { shape: [1, 9, 2, 8] },
        { shape: [1, 9], dtype: 'int32', range: [0, 2] },
      ],
      attrs: { scale: 0.7, causal: true, window: 4, softcap: 3 },
      tolerance: 3e-5,
    },
    // Blocks of rows whose first visible key is not key 0, and keys that no query sees.
    {
      inputs: [{ shape: [1, 24, 2, 8] }, { shape: [1, 40, 1, 8] }, { shape: [1, 40, 1, 8] }],
      attrs: { scale: 0.4, causal: true, window: 7, softcap: 4 },
      tolerance: 3e-5,
    },
    {
      inputs: [{ shape: [1, 70, 2, 12] }, { shape: [1, 75, 1, 12] }, { shape: [1, 75, 1, 12] }],
      attrs: { scale: 0.4, causal: true, window: 21, softcap: 5 },
      tolerance: 3e-5,
    },
    {
      inputs: [
        { shape: [1, 12, 2, 64], dtype: 'bfloat16' },
        { shape: [1, 12, 1, 64], dtype: 'bfloat16' },
        { shape: [1, 12, 1, 64], dtype: 'bfloat16' },
      ],
      attrs: { scale: 0.125, causal: true },
      differentiable: false,
    },
    {
      inputs: [{ shape: [1, 36, 2, 192] }, { shape: [1, 36, 2, 192] }, { shape: [1, 36, 2, 192] }],
      attrs: { scale: 0.07, causal: true },
      tolerance: 3e-5,
      differentiable: false,
    },
    {
      inputs: [{ shape: [1, 70, 1, 12] }, { shape: [1, 70, 1, 12] }, { shape: [1, 70, 1, 12] }],
      attrs: { scale: 3, causal: true },
      tolerance: 3e-5,
      differentiable: false,
    },
  ],
})

/**
 * dq, dk, dv. With p the probabilities and D = rowsum(do * o): dv = pᵀ do, ds = p * (do vᵀ - D) * scale, dq = ds k, dk
 * = dsᵀ q.
 */
export const attentionGradientOp: Op<AttentionAttrs> = defineOp<AttentionAttrs>({
  name: 'attentionGradient',
  kind: 'composite',
  infer: ([q, k, v]) => [q, k, v].map((s) => ({ shape: s.shape, dtype: 'float32' as const })),
  lowering([q, k, v, o, lse, g, documents], attrs) {
    if (q.dtype === 'float32' && o.dtype === 'float32') return undefined
    const wide = [q, k, v, o].map((x) => cast(x, 'float32'))
    return apply(attentionGradientOp, [...wide, lse, g, ...given(documents)], attrs)
  },
  definition([q, k, v, o, lse, g, documents], attrs) {
    const kv = k.shape[2]
    const { softcap } = attrs
    const { capped, masked: s } = scores(q, k, documents, attrs)
    const [b, , group, t, n] = s.shape
    const d = q.shape[3]
    const p = exp(sub(s, reshape(lse, [b, kv, group, t, 1])))
    const gs = grouped(g, kv)
    const delta = sum(mul(gs, grouped(o, kv)), -1, true)
    const vt = broadcastTo(swapAxes(grouped(v, kv), -1, -2), [b, kv, group, d, n])
    const uncapped = mul(mul(p, sub(matmul(gs, vt), delta)), attrs.scale)
    // d softcap tanh(s / softcap) / ds = 1 - tanh^2, of the scores before the mask: the square of a masked one
    // overflows.
    const ds = softcap === undefined ? uncapped : mul(uncapped, sub(1, square(mul(capped, 1 / softcap))))
    const ks = broadcastTo(grouped(k, kv), [b, kv, group, n, d])
    const dq = ungrouped(matmul(ds, ks))
    // Gradients of the query heads that share a key head are summed.
    const share = (x: Tensor) => ungrouped(sum(x, 2, true))
    return [dq, share(matmul(swapAxes(ds, -1, -2), grouped(q, kv))), share(matmul(swapAxes(p, -1, -2), gs))]
  },
  cpu: lazyKernels(async () => (await import('./attention.cpu.ts')).attentionGradientCpu),
  webgpu: lazyKernels(async () => (await import('./attention.wgsl.ts')).attentionGradientWgsl),
  flops: ([q, k], _, { causal }) => (10 * elementCount(q.shape) * k.shape[1]) / (causal ? 2 : 1),
})

/**
 * Scaled dot-product attention, softmax(q kᵀ * scale) v, with grouped queries. Backends never store the whole score
 * matrix; blocks of keys outside the window are not read.
 * @param q [batch, seqQ, heads, headDim]
 * @param k [batch, seqK, kvHeads, headDim]; heads must be a multiple of kvHeads
 * @param v like k
 * @param options.causal query i sees keys 0 to i + seqK - seqQ (default true)
 * @param options.scale default 1 / sqrt(headDim)
 * @param options.window sliding window: query i sees only the last `window` of those keys (causal attention only)
 * @param options.softcap scores s become softcap tanh(s / softcap), as in Gemma 2
 * @param options.documents int32 [batch, seq], for documents packed into one sequence: queries see only keys of the
 *   same number. Needs as many keys as queries.
 * @returns like q
 * @throws ShapeError, DTypeError or RangeError for arguments that do not fit
 * @see arXiv:2205.14135, arXiv:2305.13245, arXiv:2408.00118
 * @example
 * const [q, k] = [device.tensor(new Float32Array(8), [1, 2, 1, 4]), device.tensor(new Float32Array(8), [1, 2, 1, 4])]
 * const v = device.tensor([1, 1, 1, 1, 3, 3, 3, 3], [1, 2, 1, 4])
 * attention(q, k, v) // [[[[1, 1, 1, 1]], [[2, 2, 2, 2]]]]
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: { causal?: boolean; scale?: number; window?: number; softcap?: number; documents?: Tensor } = {},
): Tensor {
  requireTensor('attention', q, 'q')
  requireTensor('attention', k, 'k')
  requireTensor('attention', v, 'v')
  requireOptions('attention', options, ['causal', 'scale', 'window', 'softcap', 'documents'])
  requireBoolean('attention', 'causal', options.causal)
  if (options.documents !== undefined) requireTensor('attention', options.documents, 'documents')
  const scale = options.scale ?? 1 / Math.sqrt(Math.max(q.shape[q.ndim - 1] ?? 1, 1))
  requireNumber('attention', 'scale', scale)
  const { window, softcap, causal = true } = options
  if (window !== undefined) requireWhole('attention', 'window', window, 1)
  if (softcap !== undefined) requireNumber('attention', 'softcap', softcap)
  if (softcap !== undefined && softcap <= 0)
    throw new RangeError(`attention: softcap must be above 0, got ${softcap}; leave it out for no cap`)
  // A window of all keys is no window.
  const narrows = window !== undefined && window < (k.shape[1] ?? 0)
  const attrs = {
    scale,
    causal,
    ...((narrows || !causal) && window !== undefined && { window }),
    ...(softcap !== undefined && { softcap }),
  }
  return apply(attentionOp, [q, k, v, ...given(options.documents)], attrs)[0]
}

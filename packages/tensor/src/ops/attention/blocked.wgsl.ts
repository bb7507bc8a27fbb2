// Attention by blocks of query rows, as products on the matmul kernels.

import type { AdapterTraits, Dispatch, Epilogue, WebGpuPlan } from '../../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, workgroupsFor } from '../../backends/webgpu/shader.ts'
import type { KernelContext } from '../../passes/operand.ts'
import { magnitudeWgsl, nanScalar } from '../bits.wgsl.ts'
import { matmulDispatch } from '../matmul/matmul.wgsl.ts'
import type { MatmulOperand } from '../matmul/scaled-operand.wgsl.ts'
import { type Block, blocksOf, headStrides, problem, type Side, scoreFunctions, seenFunction } from './blocks.ts'
import { type AttentionAttrs, type AttentionSizes, attentionSizes } from './geometry.ts'
import { documentsBuffer } from './kernel-memory.ts'

// Attention as products on the matmul kernels, one block of query rows after the other. A block's scores are stored in
// scratch memory (rows x keys for every head: linear in the sequence), keys that no row of the block can see are never
// read, and elementwise work is done in the epilogues of the products. Fast where barriers are expensive and the matmul
// kernel is efficient.

export function blockedForward(
  { inputs, outputs: [o], attrs }: KernelContext<AttentionAttrs>,
  adapter: AdapterTraits,
): WebGpuPlan {
  const [q, k, v, documents] = inputs
  const sizes = attentionSizes(q, k)
  const { batch, t, heads, d, kvHeads } = sizes
  const dispatches: Dispatch[] = []
  const scores: MatmulOperand = { dtype: 'float32', binding: { scratch: 0 } }
  let scoreBytes = 0
  for (const block of blocksOf(sizes, attrs)) {
    const { first, rows, from, keys } = block
    const strides = headStrides(sizes, block)
    scoreBytes = Math.max(scoreBytes, batch * heads * rows * keys * 4)
    const qSide: Side = { offset: first * heads * d, heads: strides.q, row: heads * d, column: 1 }
    const scoreSide: Side = { heads: strides.scores, row: keys, column: 1 }
    dispatches.push(
      matmulDispatch(
        {
          problem: problem(
            sizes,
            [rows, keys, d],
            qSide,
            { offset: from * kvHeads * d, heads: strides.k, row: 1, column: kvHeads * d },
            scoreSide,
          ),
          a: { dtype: q.dtype, binding: { input: 0 } },
          b: { dtype: k.dtype, binding: { input: 1 } },
          c: scores,
          label: 'attention scores',
        },
        adapter,
      ),
      softmaxBlock(sizes, block, attrs, documents !== undefined),
    )
    // Probabilities are not divided by their sum: the results, which are fewer, are divided instead.
    const epilogue: Epilogue = {
      name: 'normalize',
      buffers: [
        { name: 'o', dtype: o.dtype, write: true, vector: true },
        { name: 'norm', dtype: 'float32' },
      ],
      bindings: [{ output: 0 }, { scratch: 1 }],
      functions: `fn finish(i: u32, v: vec4<f32>) {
  let at = i / ${d}u;
  o_set4(i, v * norm_at(((at / ${t * heads}u) * ${heads}u + at % ${heads}u) * ${t}u + (at / ${heads}u) % ${t}u));
}
`,
      store: (index, value) => `finish(${index}, ${value});`,
    }
    dispatches.push(
      matmulDispatch(
        {
          problem: problem(
            sizes,
            [rows, d, keys],
            scoreSide,
            { offset: from * kvHeads * d, heads: strides.k, row: kvHeads * d, column: 1 },
            qSide,
          ),
          a: scores,
          b: { dtype: v.dtype, binding: { input: 2 } },
          epilogue,
          label: 'attention values',
        },
        adapter,
      ),
    )
  }
  return { dispatches, scratch: [scoreBytes, batch * heads * t * 4] }
}

/** Replaces scores by exp(scaled score - largest), row by row, and stores lse and 1 / sum. Masked keys become 0. */
function softmaxBlock(sizes: AttentionSizes, block: Block, attrs: AttentionAttrs, documents: boolean): Dispatch {
  const { batch, heads, t, s } = sizes
  const { first, rows, keys } = block
  const { causal, window } = attrs
  const count = batch * heads * rows
  const buffers: ShaderBuffer[] = [
    { name: 'p', dtype: 'float32', write: true, vector: true, length: count * keys },
    { name: 'lse', dtype: 'float32', write: true },
    { name: 'norm', dtype: 'float32', write: true },
    ...(documents ? [documentsBuffer] : []),
  ]
  // Keys before `whole` are certainly visible to the row.
  const whole = documents || window !== undefined ? '0u' : causal ? `(r + ${first + s - t + 1}u) & ~3u` : `${keys}u`
  const body = `${magnitudeWgsl}
${seenFunction(sizes, block, attrs, documents)}${scoreFunctions(attrs)}${linearEntry(
  16,
  `  if (id >= ${count}u) { return; }
  let r = id % ${rows}u;
  let z = id / ${rows}u;
  let base = id * ${keys}u;
  let whole = ${whole};
  var top4 = vec4<f32>(-1.0e30);
  var size4 = vec4<u32>(0u);
  for (var col = 0u; col < whole; col += 4u) {
    let s = p_at4(base + col);
    top4 = max(top4, s);
    size4 = max(size4, magnitude4(s));
  }
  for (var col = whole; col < ${keys}u; col += 4u) {
    let s = select(vec4<f32>(-1.0e30), p_at4(base + col), seen(z, r, col));
    top4 = max(top4, s);
    size4 = max(size4, magnitude4(s));
  }
  let top = score(vec4<f32>(max(max(top4.x, top4.y), max(top4.z, top4.w)))).x;
  var sum4 = vec4<f32>(0.0);
  for (var col = 0u; col < whole; col += 4u) {
    let e = exp(score(p_at4(base + col)) - top);
    p_set4(base + col, e);
    sum4 += e;
  }
  for (var col = whole; col < ${keys}u; col += 4u) {
    let e = select(vec4<f32>(0.0), exp(min(score(p_at4(base + col)) - top, vec4<f32>(0.0))), seen(z, r, col));
    p_set4(base + col, e);
    sum4 += e;
  }
  var total = sum4.x + sum4.y + sum4.z + sum4.w;
  if (largest4(size4) > INFINITE || magnitude(top) >= INFINITE) { total = ${nanScalar}; }
  let stat = z * ${t}u + ${first}u + r;
  lse_set(stat, top + log(total));
  norm_set(stat, 1.0 / total);`,
)}`
  return {
    name: 'attention softmax',
    wgsl: shader(buffers, body),
    bindings: [{ scratch: 0 }, { output: 1 }, { scratch: 1 }, ...(documents ? [{ input: 3 }] : [])],
    workgroups: workgroupsFor(count, 16),
  }
}

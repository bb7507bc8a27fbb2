// Attention by blocks of query rows, as products on the matmul kernels.

import type { AdapterTraits, Binding, Dispatch, Epilogue, WebGpuPlan } from '../../backends/webgpu/rule.ts'
import {
  linearEntry,
  maxWorkgroups,
  type ShaderBuffer,
  shader,
  wgslFloat,
  workgroupsFor,
} from '../../backends/webgpu/shader.ts'
import { coalesce } from '../../passes/access.ts'
import type { KernelContext } from '../../passes/operand.ts'
import { magnitudeWgsl, nanScalar } from '../bits.wgsl.ts'
import type { MatmulProblem } from '../matmul/layout.ts'
import { matmulDispatch } from '../matmul/matmul.wgsl.ts'
import type { MatmulOperand } from '../matmul/scaled-operand.wgsl.ts'
import type { AttentionAttrs } from './geometry.ts'
import { type AttentionSizes, attentionSizes } from './geometry.ts'
import { documentsBuffer } from './kernel-memory.ts'

// Attention as products on the matmul kernels, one block of query rows after the other. A block's scores are stored in
// scratch memory (rows x keys for every head: linear in the sequence), keys that no row of the block can see are never
// read, and elementwise work is done in the epilogues of the products. Fast where barriers are expensive and the matmul
// kernel is efficient.

/**
 * Strides over the batch and the heads, in the order of lse [batch, heads, t]: batch, key head, query head of a group.
 */
type HeadStrides = readonly [batch: number, kvHead: number, member: number]

/**
 * Query rows per block: enough for efficient products, few enough that causal masking skips nearly half of the work.
 */
export function blockRows(t: number): number {
  return Math.min(t, 64)
}

interface Block {
  readonly first: number
  readonly rows: number
  /** The first key that is read, a multiple of 4, and how many are. */
  readonly from: number
  readonly keys: number
}

function blocksOf({ t, s }: AttentionSizes, { causal, window }: AttentionAttrs): Block[] {
  const rows = blockRows(t)
  return Array.from({ length: Math.ceil(t / rows) }, (_, i) => {
    const first = i * rows
    const own = Math.min(rows, t - first)
    const past = first + s - t
    const from = window === undefined ? 0 : Math.max(0, past + 1 - window) & ~3
    return { first, rows: own, from, keys: (causal ? past + own : s) - from }
  })
}

/** Strides over (batch, key head, member) of q-like, k-like and score-like arrays. */
function headStrides({ t, s, heads, kvHeads, group, d }: AttentionSizes, { rows, keys }: Block) {
  return {
    q: [t * heads * d, group * d, d] as HeadStrides,
    k: [s * kvHeads * d, d, 0] as HeadStrides,
    scores: [heads * rows * keys, group * rows * keys, rows * keys] as HeadStrides,
  }
}

interface Side {
  readonly offset?: number
  readonly heads: HeadStrides
  readonly row: number
  readonly column: number
}

function problem(
  { batch, kvHeads, group }: AttentionSizes,
  [m, n, k]: readonly [number, number, number],
  a: Side,
  b: Side,
  c: Side,
  members = group,
): MatmulProblem {
  const { shape, strides } = coalesce([batch, kvHeads, members], [a.heads, b.heads, c.heads])
  const access = (side: Side, i: number) => ({
    offset: side.offset ?? 0,
    batchStrides: strides[i],
    rowStride: side.row,
    columnStride: side.column,
  })
  return { m, n, k, batchShape: shape, a: access(a, 0), b: access(b, 1), c: access(c, 2) }
}

/** Products by vec4 and the document mask need sequence lengths and head dimensions that are multiples of 4. */
export function blockedIsSupported({ t, s, d, batch, heads }: AttentionSizes): boolean {
  return t % 4 === 0 && s % 4 === 0 && d % 4 === 0 && t > 0 && s > 0 && batch * heads <= maxWorkgroups
}

/** `fn seen(z, r, col)`: which of the block's four keys from `col` on row r of the block sees. */
function seenFunction(
  sizes: AttentionSizes,
  { first, from }: Block,
  { causal, window }: AttentionAttrs,
  documents: boolean,
): string {
  const { t, s, heads } = sizes
  const keys = 'vec4<u32>(col, col + 1u, col + 2u, col + 3u)'
  // The block's key that is the row's own.
  const own = `vec4<u32>(${first + s - t - from}u + r)`
  const terms: string[] = []
  if (causal) terms.push(`(${keys} <= ${own})`)
  if (window !== undefined) terms.push(`(${keys} + ${window}u > ${own})`)
  if (documents)
    terms.push(
      `(vec4<i32>(documents_at((z / ${heads}u) * ${t}u + ${first}u + r)) == documents_at4((z / ${heads}u) * ${s}u + ${from}u + col))`,
    )
  return `fn seen(z: u32, r: u32, col: u32) -> vec4<bool> { return ${terms.join(' & ') || 'vec4<bool>(true)'}; }\n`
}

/**
 * `fn score(x)`: products as scores, scaled and capped, and with a cap `fn slope(x)`, its derivative by the scaled
 * product.
 */
function scoreFunctions({ scale, softcap }: AttentionAttrs): string {
  const scaled = `x * ${wgslFloat(scale)}`
  if (softcap === undefined) return `fn score(x: vec4<f32>) -> vec4<f32> { return ${scaled}; }\n`
  const cap = wgslFloat(softcap)
  // tanh of large arguments is NaN on some adapters.
  return `fn bent(x: vec4<f32>) -> vec4<f32> { return tanh(clamp(${scaled} / ${cap}, vec4<f32>(-15.0), vec4<f32>(15.0))); }
fn score(x: vec4<f32>) -> vec4<f32> { return bent(x) * ${cap}; }
fn slope(x: vec4<f32>) -> vec4<f32> { let u = bent(x); return 1.0 - u * u; }
`
}

/** Splits the position in a block's scores into z (batch and head), r (row) and col. */
const scorePlace = ({ rows, keys }: Block) =>
  `let col = i % ${keys}u; let row = i / ${keys}u; let r = row % ${rows}u; let z = row / ${rows}u;`

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

/**
 * Gradients by the same blocks, the last one first. Of dk and dv, each block stores the keys that no later block sees,
 * and adds to the others; the first block stores all keys that are left. Scratch: delta, probabilities, gradients of
 * the scores.
 */
export function blockedBackward({ inputs, attrs }: KernelContext<AttentionAttrs>, adapter: AdapterTraits): WebGpuPlan {
  const [q, k, , o, , g, documents] = inputs
  const sizes = attentionSizes(q, k)
  const { batch, t, s, heads, d, kvHeads, group } = sizes
  const operand = (i: number): MatmulOperand => ({ dtype: inputs[i].dtype, binding: { input: i } })
  const probabilities: MatmulOperand = { dtype: 'float32', binding: { scratch: 1 } }
  const scoreGradients: MatmulOperand = { dtype: 'float32', binding: { scratch: 2 } }
  const dispatches: Dispatch[] = [deltaDispatch(sizes, o.dtype, g.dtype)]
  let scoreBytes = 0
  const capped = attrs.softcap !== undefined
  const blocks = blocksOf(sizes, attrs).map((block) =>
    block.first === 0 ? { ...block, from: 0, keys: block.from + block.keys } : block,
  )
  blocks
    .map((block, i) => [block, blocks[i + 1]?.from ?? s] as const)
    .reverse()
    .forEach(([block, later]) => {
      const { first, rows, from, keys } = block
      const strides = headStrides(sizes, block)
      const count = batch * heads * rows * keys
      scoreBytes = Math.max(scoreBytes, count * 4)
      const qSide: Side = { offset: first * heads * d, heads: strides.q, row: heads * d, column: 1 }
      const keySide: Side = { offset: from * kvHeads * d, heads: strides.k, row: kvHeads * d, column: 1 }
      const across: Side = { ...keySide, row: 1, column: kvHeads * d }
      const scoreSide: Side = { heads: strides.scores, row: keys, column: 1 }
      const stat = `z * ${t}u + ${first}u + r`
      const place = scorePlace(block)
      const mask = documents ? [documentsBuffer] : []
      const maskBinding: Binding[] = documents ? [{ input: 6 }] : []
      const full: ShaderBuffer = { name: 'p', dtype: 'float32', write: true, vector: true, length: count }
      dispatches.push(
        matmulDispatch(
          {
            problem: problem(sizes, [rows, keys, d], qSide, across, scoreSide),
            a: operand(0),
            b: operand(1),
            label: 'attention scores',
            epilogue: {
              name: 'exp',
              // With a cap, the slopes wait where the gradients of the scores will be.
              buffers: [full, { name: 'lse', dtype: 'float32' }, ...mask, ...(capped ? [{ ...full, name: 'ds' }] : [])],
              bindings: [{ scratch: 1 }, { input: 4 }, ...maskBinding, ...(capped ? [{ scratch: 2 }] : [])],
              functions: `${seenFunction(sizes, block, attrs, documents !== undefined)}${scoreFunctions(attrs)}fn finish(i: u32, v: vec4<f32>) {
  ${place}
  p_set4(i, select(vec4<f32>(0.0), exp(min(score(v) - lse_at(${stat}), vec4<f32>(80.0))), seen(z, r, col)));${capped ? '\n  ds_set4(i, slope(v));' : ''}
}
`,
              store: (index, value) => `finish(${index}, ${value});`,
            },
          },
          adapter,
        ),
        matmulDispatch(
          {
            problem: problem(sizes, [rows, keys, d], qSide, across, scoreSide),
            a: operand(5),
            b: operand(2),
            label: 'attention score gradients',
            epilogue: {
              buffers: [
                { ...full, write: false },
                { name: 'delta', dtype: 'float32' },
                { ...full, name: 'ds' },
              ],
              bindings: [{ scratch: 1 }, { scratch: 0 }, { scratch: 2 }],
              functions: `fn finish(i: u32, v: vec4<f32>) {
  ${place}
  ds_set4(i, p_at4(i) * (v - delta_at(${stat})) * ${wgslFloat(attrs.scale)}${capped ? ' * ds_at4(i)' : ''});
}
`,
              store: (index, value) => `finish(${index}, ${value});`,
            },
          },
          adapter,
        ),
        matmulDispatch(
          {
            problem: problem(sizes, [rows, d, keys], scoreSide, keySide, qSide),
            a: scoreGradients,
            b: operand(1),
            c: { dtype: 'float32', binding: { output: 0 } },
            label: 'attention dq',
          },
          adapter,
        ),
      )
      // Gradients of the query heads of a group are summed, one after the other.
      for (let member = 0; member < group; member++) {
        const down: Side = { offset: member * rows * keys, heads: strides.scores, row: 1, column: keys }
        const rowsOfBlock: Side = { ...qSide, offset: qSide.offset! + member * d, row: heads * d, column: 1 }
        for (const [name, a, b, output] of [
          ['dk', scoreGradients, 0, 1],
          ['dv', probabilities, 5, 2],
        ] as const) {
          dispatches.push(
            matmulDispatch(
              {
                problem: problem(sizes, [keys, d, rows], down, rowsOfBlock, keySide, 1),
                a,
                b: operand(b),
                label: `attention ${name}`,
                epilogue: {
                  buffers: [{ name: 'c', dtype: 'float32', write: true, vector: true }],
                  bindings: [{ output }],
                  functions: '',
                  store: (index, value) => {
                    if (later === s && member === 0) return `c_set4(${index}, ${value});`
                    const first = `(at / ${kvHeads * d}u) % ${s}u < ${later}u`
                    const old = member > 0 || later === 0 ? 'c_at4(at)' : `select(c_at4(at), vec4<f32>(0.0), ${first})`
                    return `{ let at = ${index}; c_set4(at, ${old} + ${value}); }`
                  },
                },
              },
              adapter,
            ),
          )
        }
      }
    })
  return { dispatches, scratch: [batch * heads * t * 4, scoreBytes, scoreBytes] }
}

/** delta[batch, head, i] = sum over d of g * o, which the gradient of the softmax subtracts. */
function deltaDispatch(
  { batch, t, heads, d }: AttentionSizes,
  o: ShaderBuffer['dtype'],
  g: ShaderBuffer['dtype'],
): Dispatch {
  const count = batch * t * heads
  const buffers: ShaderBuffer[] = [
    { name: 'o', dtype: o, vector: true },
    { name: 'g', dtype: g, vector: true },
    { name: 'delta', dtype: 'float32', write: true },
  ]
  const body = linearEntry(
    16,
    `  if (id >= ${count}u) { return; }
  let i = id % ${t}u;
  let head = (id / ${t}u) % ${heads}u;
  let row = (((id / ${t * heads}u) * ${t}u + i) * ${heads}u + head) * ${d}u;
  var sum = vec4<f32>(0.0);
  for (var e = 0u; e < ${d}u; e += 4u) { sum += o_at4(row + e) * g_at4(row + e); }
  delta_set(id, sum.x + sum.y + sum.z + sum.w);`,
  )
  return {
    name: 'attention delta',
    wgsl: shader(buffers, body),
    bindings: [{ input: 3 }, { input: 5 }, { scratch: 0 }],
    workgroups: workgroupsFor(count, 16),
  }
}

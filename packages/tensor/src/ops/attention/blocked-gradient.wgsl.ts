// The gradient of attention by blocks of query rows: see blocked.wgsl.ts.

import type { AdapterTraits, Binding, Dispatch, WebGpuPlan } from '../../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, wgslFloat, workgroupsFor } from '../../backends/webgpu/shader.ts'
import type { KernelContext } from '../../passes/operand.ts'
import { matmulDispatch } from '../matmul/matmul.wgsl.ts'
import type { MatmulOperand } from '../matmul/scaled-operand.wgsl.ts'
import { type Block, blocksOf, headStrides, problem, type Side, scoreFunctions, seenFunction } from './blocks.ts'
import { type AttentionAttrs, type AttentionSizes, attentionSizes } from './geometry.ts'
import { documentsBuffer } from './kernel-memory.ts'

/** Splits the position in a block's scores into z (batch and head), r (row) and col. */
const scorePlace = ({ rows, keys }: Block) =>
  `let col = i % ${keys}u; let row = i / ${keys}u; let r = row % ${rows}u; let z = row / ${rows}u;`

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

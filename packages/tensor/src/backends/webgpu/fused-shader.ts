// Generates the shaders of fused steps, and the WGSL of epilogues and prologues that are fused into kernels.

import { bytesPerElement, computeType, type DType, isPacked, type PackedDType } from '../../dtype.ts'
import { bitsWithoutLiteral, floatBitsWgsl } from '../../ops/bits.wgsl.ts'
import { coalesce, isContiguous } from '../../passes/access.ts'
import { workName } from '../../passes/lowering.ts'
import type { Operand } from '../../passes/operand.ts'
import { bufferKey, type Fused, type FusedNode, type Leaf, type Plan, type Step } from '../../passes/plan.ts'
import { elementCount } from '../../shape.ts'
import { kernelsOf } from '../kernel-source.ts'
import type { Binding, Epilogue, Prologue } from './rule.ts'
import { linearEntry, type ShaderBuffer, shader, wgslFloat, workgroupsFor } from './shader.ts'

/** A shader and, for each of its bindings, the slot whose buffer it binds. */
export interface FusedShader {
  readonly wgsl: string
  readonly slots: readonly number[]
  readonly workgroups: readonly [number, number, number]
}

/** Elementwise work as statements over `i`, the position of the first of four elements. */
interface FusedText {
  readonly buffers: readonly ShaderBuffer[]
  /** The slot behind each buffer. */
  readonly slots: readonly number[]
  /** Functions the statements call. */
  readonly functions: string
  /** Packed formats they convert, besides those of the buffers. */
  readonly formats: readonly PackedDType[]
  /** Loads and expressions. */
  readonly lines: readonly string[]
  /** The expression of each result. */
  readonly results: readonly string[]
  /** Names of the buffers of the outputs. */
  readonly targets: readonly string[]
}

/**
 * The WGSL of elementwise work. All operands are loaded before anything is stored, so a result may reuse the buffer of
 * an operand read at the same positions; such a pair is one read_write binding.
 */
function fusedText(plan: Plan, fused: Fused, outputs: readonly Operand[]): FusedText {
  const written = new Set(outputs.map((o) => bufferKey(plan, o.slot)))
  const buffers: ShaderBuffer[] = []
  const slots: number[] = []
  const names = new Map<string, string>()

  // Every buffer is bound once; it is declared as an array of vectors if no operand needs single elements of it.
  const memory = fused.leaves.filter((l): l is Extract<Leaf, { kind: 'memory' }> => l.kind === 'memory')
  const single = new Set(memory.filter((l) => !vectorLoad(l, fused)).map((l) => bufferKey(plan, l.slot)))
  const bind = (slot: number, dtype: DType, write: boolean): string => {
    const key = bufferKey(plan, slot)
    let name = names.get(key)
    if (!name) {
      name = `${write ? 'out' : 'in'}${buffers.length}`
      names.set(key, name)
      slots.push(slot)
      buffers.push({ name, dtype, write: write || written.has(key), vector: !isPacked(dtype) && !single.has(key) })
    }
    return name
  }
  for (const l of memory) bind(l.slot, l.dtype, false)
  const targets = outputs.map((o) => bind(o.slot, o.dtype, true))

  const lines: string[] = []
  fused.leaves.forEach((leaf, i) => {
    const name = leaf.kind === 'memory' ? names.get(bufferKey(plan, leaf.slot))! : ''
    lines.push(`  let v${i} = ${loadLeaf(leaf, fused, name, i, lines)};`)
  })
  fused.nodes.forEach((node, n) => {
    lines.push(`  let v${fused.leaves.length + n} = ${expression(node)};`)
  })
  const formats = [...new Set(fused.nodes.flatMap((n) => (isPacked(n.dtype) && !n.op.identity ? [n.dtype] : [])))]
  const functions = [
    ...new Set([
      ...(fused.leaves.some(withoutLiteral) ? [floatBitsWgsl] : []),
      ...fused.nodes.flatMap((n) => kernelsOf(n.op.elementwise!.wgslFunctions) ?? []),
    ]),
    ...formats.map(
      (d) =>
        `fn round_${d}(v: vec4<f32>) -> vec4<f32> {\n  return vec4<f32>(${['x', 'y', 'z', 'w'].map((c) => `decode_${d}(encode_${d}(v.${c}))`).join(', ')});\n}`,
    ),
  ].join('\n')
  return {
    buffers,
    slots,
    functions: `${functions}\n`,
    formats,
    lines,
    results: fused.results.map((r) => `v${r}`),
    targets,
  }
}

/** The shader of a fused step. One invocation computes four adjacent elements of every result. */
export function fusedShader(plan: Plan, step: Step): FusedShader {
  const fused = step.fused!
  const elements = elementCount(fused.shape)
  const { buffers, slots, functions, formats, lines, results, targets } = fusedText(plan, fused, step.outputs)
  const past = isFlat(fused) ? pastBuffers(buffers, targets) : `i >= ${elements}u`
  const stores = targets.map((name, k) => `  ${name}_set4(i, ${results[k]});`)
  const body = `  let i = id * 4u;\n  if (${past}) { return; }\n${[...lines, ...stores].join('\n')}`
  return {
    wgsl: shader(buffers, `${functions}${linearEntry(64, body)}`, formats),
    slots,
    workgroups: workgroupsFor(Math.ceil(elements / 4), 64),
  }
}

/** The bindings of work fused into a kernel: every buffer is an input or an output of the step. */
function bindingsOf(step: Step, slots: readonly number[], first: number): Binding[] {
  return slots.map((slot) => {
    const output = step.outputs.findIndex((o) => o.slot === slot)
    return output >= 0 ? { output } : { input: step.inputs.findIndex((x, i) => i >= first && x.slot === slot) }
  })
}

/** The epilogue of a step: elementwise work on the result of its kernel. */
export function epilogueOf(plan: Plan, step: Step): Epilogue | undefined {
  const work = step.epilogue
  if (!work) return undefined
  const { buffers, slots, functions, formats, lines, results, targets } = fusedText(plan, work, step.outputs)
  const stores = targets.map((name, k) => `  ${name}_set4(i, ${results[k]});`)
  return {
    name: workName(work.nodes),
    buffers,
    bindings: bindingsOf(step, slots, work.operands),
    formats,
    functions: `${functions}fn finish(i: u32, value: vec4<${computeType(work.result.dtype)}>) {\n${[...lines, ...stores].join('\n')}\n}\n`,
    store: (index, value) => `finish(${index}, ${value});`,
  }
}

/** The prologue of a step: elementwise work that computes the operand of its kernel. */
export function prologueOf(plan: Plan, step: Step): Prologue | undefined {
  const work = step.prologue
  if (!work) return undefined
  const { buffers, slots, functions, formats, lines, results } = fusedText(plan, work, [])
  return {
    name: workName(work.nodes),
    buffers,
    bindings: bindingsOf(step, slots, 0),
    formats,
    functions: `${functions}fn x_at4(i: u32) -> vec4<${computeType(work.operand.dtype)}> {\n${lines.join('\n')}\n  return ${results[0]};\n}\n`,
  }
}

/** Whether every operand is contiguous or a repeated element: then nothing in the shader depends on the shape. */
function isFlat({ leaves }: Fused): boolean {
  return leaves.every(
    (l) =>
      l.kind === 'constant' ||
      (l.kind === 'memory' &&
        (isContiguous(l.access) || l.access.strides.every((s, i) => s === 0 || l.access.shape[i] === 1))),
  )
}

/**
 * The condition that an invocation is past the end, by the length of a result's buffer instead of a number of elements,
 * so that one shader serves every size. Buffers are padded to 16 bytes, and padding is not read. The widest result is
 * taken, whose padding has the fewest elements: a store past its end would be clamped onto its last element.
 */
function pastBuffers(buffers: readonly ShaderBuffer[], targets: readonly string[]): string {
  const widest = buffers
    .filter((b) => targets.includes(b.name))
    .reduce((a, b) => (bytesPerElement[b.dtype] > bytesPerElement[a.dtype] ? b : a))
  const perItem = widest.vector ? 4 : 4 / bytesPerElement[widest.dtype]
  return perItem === 4 ? `id >= arrayLength(&${widest.name})` : `i >= arrayLength(&${widest.name}) * ${perItem}u`
}

/** Whether four adjacent elements of the index space are one aligned vector of the operand. */
function vectorLoad(leaf: Extract<Leaf, { kind: 'memory' }>, { shape }: Fused): boolean {
  if (isContiguous(leaf.access)) return true
  const {
    shape: dims,
    strides: [s],
  } = coalesce(shape, [leaf.access.strides])
  const last = dims.length - 1
  return (
    last >= 0 &&
    s[last] === 1 &&
    dims[last] % 4 === 0 &&
    leaf.access.offset % 4 === 0 &&
    s.slice(0, -1).every((x) => x % 4 === 0)
  )
}

/**
 * WGSL of an element's position in an operand: offset + sum of coordinate * stride. The shader of an empty index space
 * is compiled too, so dimensions of 0 must not lead to a division by 0.
 */
function position(index: string, dims: readonly number[], strides: readonly number[], offset: number): string {
  const terms: string[] = []
  let below = 1
  for (let d = dims.length - 1; d >= 0; d--) {
    if (strides[d] !== 0) {
      const divided = below === 1 ? index : `(${index} / ${below}u)`
      const coordinate = d === 0 ? divided : `(${divided} % ${Math.max(1, dims[d])}u)`
      terms.push(strides[d] === 1 ? coordinate : `${coordinate} * ${strides[d]}u`)
    }
    below *= Math.max(1, dims[d])
  }
  if (offset !== 0 || terms.length === 0) terms.push(`${offset}u`)
  return terms.join(' + ')
}

function loadLeaf(leaf: Leaf, fused: Fused, name: string, i: number, lines: string[]): string {
  if (leaf.kind === 'value') return 'value'
  const type = computeType(leaf.dtype)
  if (leaf.kind === 'constant') return `vec4<${type}>(${literal(leaf.value, type)})`
  const {
    shape: dims,
    strides: [s],
  } = coalesce(fused.shape, [leaf.access.strides])
  const at = (index: string) => position(index, dims, s, leaf.access.offset)
  const last = dims.length - 1
  const aligned = last >= 0 && dims[last] % 4 === 0
  if (leaf.kind === 'index') {
    return aligned
      ? `vec4<${type}>(vec4<u32>(${at('i')}) + vec4<u32>(0u, 1u, 2u, 3u) * ${s[last]}u)`
      : `vec4<${type}>(vec4<u32>(${[0, 1, 2, 3].map((k) => at(`(i + ${k}u)`)).join(', ')}))`
  }
  if (isContiguous(leaf.access)) return `${name}_at4(i)`
  if (s.every((x) => x === 0)) return `vec4<${type}>(${name}_at(${leaf.access.offset}u))`
  if (vectorLoad(leaf, fused)) return `${name}_at4(${at('i')})`
  if (aligned && s[last] === 0) return `vec4<${type}>(${name}_at(${at('i')}))`
  if (aligned) {
    lines.push(`  let p${i} = ${at('i')};`)
    return `vec4<${type}>(${[0, 1, 2, 3].map((k) => `${name}_at(p${i} + ${k * s[last]}u)`).join(', ')})`
  }
  // The last invocation may reach past the end: robust access clamps its surplus loads, and its surplus stores fall
  // into padding.
  return `vec4<${type}>(${[0, 1, 2, 3].map((k) => `${name}_at(${at(`(i + ${k}u)`)})`).join(', ')})`
}

function literal(value: number, type: 'f32' | 'i32' | 'u32'): string {
  if (type === 'i32') return value === -2147483648 ? '(-2147483647i - 1i)' : `${value}i`
  if (type === 'u32') return `${value >>> 0}u`
  // Shader compilers replace 0 * x and 0 / x by 0, and x + 0 by x, whatever x is. They do not know that i >> 31 is
  // always 0.
  if (isZero(value)) return 'float_bits(i >> 31u)'
  const bits = bitsWithoutLiteral(value)
  return bits === undefined ? `${wgslFloat(value)}f` : `float_bits(${bits}u)`
}

/** Whether a value is 0 and not -0, whose bits are not 0. */
const isZero = (value: number): boolean => Object.is(Math.fround(value), 0)

const withoutLiteral = (leaf: Leaf): boolean =>
  leaf.kind === 'constant' &&
  computeType(leaf.dtype) === 'f32' &&
  (isZero(leaf.value) || bitsWithoutLiteral(leaf.value) !== undefined)

function expression(node: FusedNode): string {
  const args = node.args.map((a) => `v${a}`)
  const value = node.op.elementwise!.wgsl(args, computeType(node.from), node.attrs)
  // A narrow result is rounded at once, as if it had been stored and read again.
  return isPacked(node.dtype) && !node.op.identity ? `round_${node.dtype}(${value})` : value
}

// Lowers a group to a step, whose operands and results are slots.

import { keyOf } from '../graph/key.ts'
import type { Node, Value } from '../graph/node.ts'
import type { Shape } from '../shape.ts'
import { contiguousAccess } from './access.ts'
import type { Operand } from './operand.ts'
import type { Fused, FusedNode, Leaf, Step } from './plan.ts'
import { isSame, type Resolver, type Source } from './resolve.ts'
import type { FusionGroup } from './schedule.ts'

/** The step of a group. */
export function lowerGroup(group: FusionGroup, resolver: Resolver, slotOf: ReadonlyMap<Value, number>): Step {
  const out = (v: Value): Operand => ({ slot: slotOf.get(v)!, dtype: v.dtype, access: contiguousAccess(v.shape) })
  const [first] = group.nodes
  const flops = group.nodes.reduce((sum, n) => sum + (n.op.flops?.(n.inputs, n.outputs, n.attrs) ?? 0), 0)
  if (group.prologue) {
    const operand = group.kernel!.inputs[0]
    const members = group.nodes.filter((n) => n !== group.kernel)
    // The operand may be a view of the last node's result, with the same elements in the same order.
    const made = (resolver.resolve(operand) as Source & { kind: 'memory' }).base
    const { fused, memory, results } = fuseNodes(members, [made], made.shape, resolver, slotOf)
    return {
      name: `${workName(members)} into ${group.kernel!.op.name}`,
      op: group.kernel!.op,
      attrs: group.kernel!.attrs,
      inputs: memory,
      outputs: group.results.map(out),
      flops,
      prologue: { ...fused, results, operand: { shape: operand.shape, dtype: operand.dtype } },
    }
  }
  if (group.kernel || first.op.kind !== 'elementwise') {
    const kernel = group.kernel ?? first
    const inputs = kernel.inputs.map((v): Operand => {
      const s = resolver.resolve(v)
      if (s?.kind !== 'memory') throw new Error(`plan: an operand of ${kernel.op.name} is not memory`)
      return { slot: slotOf.get(s.base)!, dtype: v.dtype, access: s.access }
    })
    const step = { name: kernel.op.name, op: kernel.op, attrs: kernel.attrs, flops }
    if (!group.kernel) return { ...step, inputs, outputs: kernel.outputs.map(out) }
    const members = group.nodes.filter((n) => n !== kernel)
    const [made] = kernel.outputs
    const { shape } = members[0].outputs[0]
    const { fused, memory, results } = fuseNodes(members, group.results, shape, resolver, slotOf, made)
    return {
      ...step,
      name: `${kernel.op.name} into ${workName(members)}`,
      inputs: [...inputs, ...memory],
      outputs: group.results.map(out),
      epilogue: { ...fused, results, operands: inputs.length, result: { shape: made.shape, dtype: made.dtype } },
    }
  }

  const { shape } = first.outputs[0]
  const { fused, memory, results } = fuseNodes(group.nodes, group.results, shape, resolver, slotOf)
  return {
    name: workName(group.nodes),
    inputs: memory,
    outputs: group.results.map(out),
    fused: { ...fused, results },
    flops,
  }
}

/** The name of fused nodes in profiles: their ops, abbreviated. */
export function workName(nodes: readonly { readonly op: { readonly name: string } }[]): string {
  const names = nodes.map((n) => n.op.name)
  return names.length > 4 ? `${names.slice(0, 3).join('+')}+${names.length - 3} more` : names.join('+')
}

/** Elementwise nodes as leaves and expressions. `given` is a value that they get in registers, in an epilogue. */
function fuseNodes(
  members: readonly Node[],
  wanted: readonly Value[],
  shape: Shape,
  resolver: Resolver,
  slotOf: ReadonlyMap<Value, number>,
  given?: Value,
): { fused: Omit<Fused, 'results'>; memory: Extract<Leaf, { kind: 'memory' }>[]; results: number[] } {
  const leaves: Leaf[] = []
  const leafIndex = new Map<string, number>()
  const leaf = (v: Value): number => {
    const s = resolver.resolve(v)
    if (!s) throw new Error('plan: an operand of an elementwise kernel cannot be read through strides')
    const item: Leaf =
      s.base === given
        ? { kind: 'value', dtype: v.dtype }
        : s.kind === 'constant'
          ? { kind: 'constant', value: s.value, dtype: v.dtype }
          : s.kind === 'index'
            ? { kind: 'index', access: s.access, dtype: v.dtype }
            : { kind: 'memory', slot: slotOf.get(s.base)!, dtype: v.dtype, access: s.access }
    const key = keyOf(item)
    let i = leafIndex.get(key)
    if (i === undefined) leafIndex.set(key, (i = leaves.push(item) - 1))
    return i
  }
  const inside = new Map<Value, number>()
  members.forEach((n, i) => {
    inside.set(n.outputs[0], i)
  })
  /** A node of the group, perhaps seen through views that change nothing, or a leaf. */
  const part = (v: Value): { node: number } | { leaf: number } => {
    const s = inside.has(v) ? undefined : resolver.resolve(v)
    const made = inside.get(s?.kind === 'memory' && isSame(v, s) ? s.base : v)
    return made === undefined ? { leaf: leaf(v) } : { node: made }
  }
  // Leaves first, so that node arguments can be numbered after them.
  const raw = members.map((n) => n.inputs.map(part))
  const rawResults = wanted.map(part)
  const index = (r: { leaf?: number; node?: number }) => (r.leaf !== undefined ? r.leaf : leaves.length + r.node!)
  const nodes = members.map(
    (n, i): FusedNode => ({
      op: n.op,
      attrs: n.attrs,
      args: raw[i].map(index),
      from: n.inputs[0].dtype,
      dtype: n.outputs[0].dtype,
    }),
  )
  const memory = leaves.filter((l): l is Extract<Leaf, { kind: 'memory' }> => l.kind === 'memory')
  return { fused: { shape, leaves, nodes }, memory, results: rawResults.map(index) }
}

// Invariants of graphs, groups and plans between passes.

import { type Graph, graphOrder } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { elementCount, sameShape } from '../shape.ts'
import { isContiguous } from './access.ts'
import { inspection } from './inspection.ts'
import type { Plan } from './plan.ts'
import { isSame, Resolver } from './resolve.ts'
import type { FusionGroup } from './schedule.ts'

/**
 * Checks the invariants after every pass from now on. The checks cost more than the passes themselves, so only tests
 * and authors of passes load this file.
 */
export function verifyPasses(): void {
  inspection.graph = verifyGraph
  inspection.groups = verifyGroups
  inspection.plan = verifyPlan
}

function fail(stage: string, what: string): never {
  throw new Error(`after ${stage}: ${what}`)
}

const describe = (v: Value) => `${v.node.op.name}#${v.node.id}.${v.index}`

/**
 * Outputs of nodes have the shapes and dtypes that their op infers; every value that is read is computed or an input,
 * and not both. After `materialize`, kernels can read their operands.
 */
export function verifyGraph(graph: Graph, stage: string): void {
  const inputs = new Set(graph.inputs)
  for (const node of graphOrder(graph)) {
    node.outputs.forEach((v, i) => {
      if (inputs.has(v)) fail(stage, `${describe(v)} is an input of the graph and made by it`)
      if (v.node !== node || v.index !== i) fail(stage, `output ${i} of ${node.op.name} belongs to another node`)
    })
    if (node.op.kind === 'leaf') {
      if (!node.op.evaluate) fail(stage, `${describe(node.outputs[0])} has no value and is no input of the graph`)
      continue
    }
    const inferred = node.op.infer(node.inputs, node.attrs)
    if (
      inferred.length !== node.outputs.length ||
      inferred.some(
        ({ shape, dtype }, i) => dtype !== node.outputs[i].dtype || !sameShape(shape, node.outputs[i].shape),
      )
    )
      fail(
        stage,
        `${describe(node.outputs[0])} is ${node.outputs.map((v) => `${v.dtype}[${v.shape}]`)}, but its op infers ${inferred.map((v) => `${v.dtype}[${v.shape}]`)}`,
      )
    if (node.op.kind === 'elementwise' && node.inputs.some((v) => !sameShape(v.shape, node.outputs[0].shape)))
      fail(stage, `${describe(node.outputs[0])} is elementwise, but its operands have other shapes`)
  }
  if (stage === 'materialize') verifyReadable(graph, stage)
}

function verifyReadable(graph: Graph, stage: string): void {
  const resolver = new Resolver(graph.inputs)
  for (const { op, inputs } of graphOrder(graph)) {
    if (op.kind === 'leaf') continue
    for (const [i, v] of inputs.entries()) {
      const source = resolver.resolve(v)
      if (!source) fail(stage, `${op.name} reads ${describe(v)}, which strides cannot express`)
      if (op.kind !== 'kernel' && op.kind !== 'composite') continue
      if (source.kind !== 'memory') fail(stage, `the kernel ${op.name} reads ${describe(v)}, which is not memory`)
      if (!(op.strided && i !== op.rewrites) && !isContiguous(source.access))
        fail(stage, `the kernel ${op.name} reads ${describe(v)} through strides`)
    }
  }
  const seen = new Set<Value>()
  for (const v of graph.outputs) {
    if (seen.has(v)) fail(stage, `the result ${describe(v)} comes twice`)
    if (graph.inputs.includes(v) || v.node.op.kind === 'view' || v.node.op.kind === 'leaf')
      fail(stage, `the result ${describe(v)} has no memory of its own`)
    seen.add(v)
  }
}

/**
 * Groups contain every node once, in an order in which values read from memory have been written by earlier groups.
 */
export function verifyGroups(groups: readonly FusionGroup[], graph: Graph, stage: string): void {
  const resolver = new Resolver(graph.inputs)
  const ready = new Set<Value>(graph.inputs)
  const placed = new Set<Node>()
  for (const { nodes, results, kernel, prologue } of groups) {
    const made = new Set<Value>()
    for (const node of nodes) {
      if (placed.has(node)) fail(stage, `${node.op.name}#${node.id} runs twice`)
      placed.add(node)
      for (const v of node.inputs) {
        const source = resolver.resolve(v)
        if (source?.kind !== 'memory' || ready.has(source.base)) continue
        // Within a kernel a value is passed in registers: element by element, in memory order.
        const inOrder = isContiguous(source.access) && elementCount(v.shape) === elementCount(source.base.shape)
        const passed = kernel ? inOrder : isSame(v, source)
        if (!made.has(source.base) || !passed)
          fail(stage, `${node.op.name}#${node.id} reads ${describe(source.base)} before it is in memory`)
      }
      for (const v of node.outputs) made.add(v)
    }
    if (prologue && nodes[nodes.length - 1] !== kernel) fail(stage, 'a prologue does not end in its kernel')
    for (const v of results) {
      if (!made.has(v)) fail(stage, `${describe(v)} is a result of a group that does not make it`)
      ready.add(v)
    }
  }
  for (const v of graph.outputs) if (!ready.has(v)) fail(stage, `nobody makes the result ${describe(v)}`)
  for (const node of graphOrder(graph))
    if (node.op.kind !== 'view' && node.op.kind !== 'leaf' && !placed.has(node))
      fail(stage, `${node.op.name}#${node.id} is in no group`)
}

/**
 * Runs the plan on labels instead of numbers: buffers must hold the values that each step reads, and at the end the
 * results.
 */
export function verifyPlan(plan: Plan, stage: string): void {
  /** By buffer: the slot that each range of bytes holds. */
  const memory = new Map<string, { slot: number; from: number; to: number }[]>()
  const place = (slot: number) => {
    const { kind, index, offset } = plan.locations[slot] ?? fail(stage, `slot ${slot} has no place`)
    const alias = kind === 'output' ? plan.aliases[index] : -1
    const buffer = alias >= 0 ? `input${alias}` : `${kind}${index}`
    // No kernel runs for a value without elements.
    const { bytes, elements } = plan.slots[slot]
    return { buffer, from: offset, to: offset + (elements === 0 ? 0 : bytes) }
  }
  const write = (slot: number) => {
    const { buffer, from, to } = place(slot)
    const kept = (memory.get(buffer) ?? []).filter((p) => p.to <= from || p.from >= to)
    memory.set(buffer, [...kept, { slot, from, to }])
  }
  /** Whether memory holds a slot's value: as a whole, or all parts of a concatenated one. */
  const holds = (slot: number): boolean => {
    const { buffer, from, to } = place(slot)
    if (from === to) return true
    const parts = (memory.get(buffer) ?? []).filter((p) => p.from < to && p.to > from)
    if (parts.some((p) => p.slot === slot && p.from === from)) return true
    const joined = parts.filter((p) => pieces.get(slot)?.has(p.slot))
    return joined.length === parts.length && joined.reduce((sum, p) => sum + p.to - p.from, 0) >= to - from
  }
  /** The parts of each concatenated value. */
  const pieces = new Map<number, Set<number>>()
  const written = new Set(plan.steps.flatMap((s) => s.outputs.map((o) => o.slot)))
  plan.slots.forEach((_, slot) => {
    if (written.has(slot) || plan.inputSlots.includes(slot)) return
    const whole = place(slot)
    const inside = new Set<number>()
    pieces.set(slot, inside)
    for (const piece of written) {
      const at = place(piece)
      if (at.buffer === whole.buffer && at.from >= whole.from && at.to <= whole.to) inside.add(piece)
    }
  })
  for (const slot of plan.inputSlots) write(slot)
  plan.steps.forEach((step, i) => {
    for (const { slot } of step.inputs)
      if (!holds(slot)) fail(stage, `step ${i} (${step.name}) reads slot ${slot}, whose memory holds something else`)
    for (const { slot } of step.outputs) write(slot)
    for (const { slot } of step.outputs)
      if (!holds(slot)) fail(stage, `step ${i} (${step.name}) writes slot ${slot} over another of its results`)
  })
  plan.outputSlots.forEach((slot, k) => {
    if (!holds(slot)) fail(stage, `result ${k} (slot ${slot}) was overwritten`)
  })
}

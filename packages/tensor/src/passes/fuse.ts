// Fuses elementwise nodes, and kernels with elementwise work on their operand or result, into groups: one kernel each.

import { bytesPerElement } from '../dtype.ts'
import { type Graph, graphOrder } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { elementCount, sameShape } from '../shape.ts'
import { isContiguous } from './access.ts'
import { isSame, type Resolver } from './resolve.ts'
import { type FusionGroup, schedule } from './schedule.ts'
import { isUpcast } from './sink-upcasts.ts'

export interface FuseLimits {
  /** Buffers that one kernel may bind. */
  readonly operands: number
  /** Elementwise nodes of one kernel. */
  readonly nodes: number
  /** Whether a kernel can include elementwise work on its first result, or on its only operand. */
  fusesResult?(node: Node): boolean
  fusesOperand?(node: Node): boolean
  /** Whether the node's kernel can include these preceding nodes; default: it can. */
  takesWork?(node: Node, work: readonly Node[], resolver: Resolver): boolean
}

interface Draft {
  nodes: Node[]
  first: number
  last: number
  deps: Set<number>
  /**
   * Values that members read at positions other than their own: such a value must be in memory before the group runs.
   */
  elsewhere: Set<Value>
  merged?: Draft
  kernel?: Node
  prologue?: boolean
}

/**
 * Groups elementwise nodes that depend on each other and have the same shape, if the group can run as a whole: no path
 * may leave it and return. The groups are in an executable order, as close to the order of tracing as possible.
 */
export function fuse(graph: Graph, resolver: Resolver, limits: FuseLimits): FusionGroup[] {
  const inputs = new Set(graph.inputs)
  const order = graphOrder(graph).filter((n) => n.op.kind !== 'view' && n.op.kind !== 'leaf')
  order.sort((a, b) => a.order - b.order || a.id - b.id)
  stableTopological(order)
  const position = new Map<Node, number>(order.map((n, i) => [n, i]))
  const outputs = new Set(graph.outputs)

  const producers = order.map((node) => producersOf(node, inputs).map((n) => position.get(n)!))
  const consumers: number[][] = order.map(() => [])
  producers.forEach((list, i) => {
    for (const p of list) consumers[p].push(i)
  })

  const groups: Draft[] = order.map((node, i) => ({
    nodes: [node],
    first: i,
    last: i,
    deps: new Set(producers[i]),
    elsewhere: readElsewhere(node, resolver),
  }))
  const find = (i: number): Draft => {
    let g = groups[i]
    while (g.merged) g = g.merged
    return g
  }
  const depsOf = (g: Draft): Set<Draft> => {
    const out = new Set<Draft>()
    for (const d of g.deps) {
      const h = find(d)
      if (h !== g) out.add(h)
    }
    return out
  }
  /** Whether `from` depends on `target` through another group. */
  const reaches = (from: Draft, target: Draft): boolean => {
    const stack = [...depsOf(from)].filter((g) => g !== target)
    const seen = new Set<Draft>(stack)
    while (stack.length > 0) {
      const g = stack.pop()!
      if (g.last < target.first) continue
      for (const d of depsOf(g)) {
        if (d === target) return true
        if (!seen.has(d)) {
          seen.add(d)
          stack.push(d)
        }
      }
    }
    return false
  }
  const latestOf = (groups: Iterable<Draft>, except?: Draft): number => {
    let latest = -1
    for (const g of groups) if (g !== except) latest = Math.max(latest, g.last)
    return latest
  }
  const bytesOf = (v: Value) => elementCount(v.shape) * bytesPerElement[v.dtype]
  /**
   * Whether `maker` should run before the other dependencies of `later`, so that the two must not be fused: its results
   * are read earlier by others, or take less memory than the operands that it frees.
   */
  const mustRunEarly = (maker: Draft, later: Draft): boolean => {
    const until = latestOf(depsOf(later), maker)
    const outside = (c: number) => find(c) !== maker && find(c) !== later
    if (maker.nodes.some((n) => consumers[position.get(n)!].some((c) => c < until && outside(c)))) return true
    if (until <= latestOf(depsOf(maker))) return false
    const wanted = maker.nodes.filter((n) => consumers[position.get(n)!].some((c) => find(c) === later))
    const sources = new Set(maker.nodes.flatMap((n) => producers[position.get(n)!]))
    let freed = 0
    for (const p of sources)
      if (find(p) !== maker && consumers[p].every((c) => find(c) === maker)) freed += bytesOf(order[p].outputs[0])
    return freed > wanted.reduce((sum, n) => sum + bytesOf(n.outputs[0]), 0)
  }
  const operandCount = (members: readonly Node[]): number => {
    const inside = new Set(members)
    const ins = new Set<Value>()
    let outs = 0
    for (const node of members) {
      for (const v of node.inputs) {
        const s = resolver.resolve(v)
        if (s?.kind === 'memory' && !(inside.has(s.base.node) && !inputs.has(s.base))) ins.add(s.base)
      }
      if (node.outputs.some((v) => outputs.has(v)) || consumers[position.get(node)!].some((c) => !inside.has(order[c])))
        outs++
    }
    return ins.size + outs
  }

  /** Whether a member of one group reads results of the other from memory, so that one kernel cannot compute both. */
  const needsMemory = (a: Draft, b: Draft): boolean => {
    const reads = ({ elsewhere }: Draft, { nodes }: Draft) =>
      elsewhere.size > 0 && nodes.some((n) => n.outputs.some((v) => elsewhere.has(v)))
    return reads(a, b) || reads(b, a)
  }
  const join = (into: Draft, other: Draft) => {
    into.nodes = [...into.nodes, ...other.nodes]
    for (const v of other.elsewhere) into.elsewhere.add(v)
    into.first = Math.min(into.first, other.first)
    into.last = Math.max(into.last, other.last)
    for (const d of other.deps) into.deps.add(d)
    other.merged = into
  }
  const mergeWithProducers = (node: Node, i: number) => {
    for (const v of node.inputs) {
      if (inputs.has(v) || v.node.op.kind !== 'elementwise' || !sameShape(v.shape, node.outputs[0].shape)) continue
      const mine = find(i)
      const other = find(position.get(v.node)!)
      if (mine === other) continue
      if (mine.nodes.length + other.nodes.length > limits.nodes || needsMemory(mine, other)) continue
      if (reaches(mine, other) || reaches(other, mine) || mustRunEarly(other, mine)) continue
      if (operandCount([...other.nodes, ...mine.nodes]) > limits.operands) continue
      join(other, mine)
    }
  }
  // Upcasts are fused with their readers rather than with the producer of the narrow value, so that the narrow value is
  // stored.
  const elementwise = [...order.entries()].filter(([, node]) => node.op.kind === 'elementwise')
  for (const [i, node] of elementwise) if (!isUpcast(node)) mergeWithProducers(node, i)
  // If only upcasts read the narrow value, they are fused with its producer too, and it need not be stored.
  for (const [i, node] of elementwise)
    if (isUpcast(node) && producers[i].every((p) => consumers[p].length === 1)) mergeWithProducers(node, i)

  const baseOf = (v: Value): Value | undefined => {
    const s = resolver.resolve(v)
    return s?.kind === 'memory' ? s.base : undefined
  }
  const makes = (g: Draft, v: Value) => g.nodes.some((n) => n.outputs.includes(baseOf(v)!))
  const size = (v: Value) => elementCount(v.shape)
  /** Whether a group reads `made` only element by element, in memory order. */
  const inOrder = (g: Draft, made: Value) =>
    size(g.nodes[0].outputs[0]) === size(made) &&
    g.nodes.every((n) =>
      n.inputs.every((v) => {
        const s = resolver.resolve(v)
        return s?.kind !== 'memory' || s.base !== made || (isContiguous(s.access) && size(v) === size(made))
      }),
    )

  order.forEach((node, i) => {
    if (!limits.fusesOperand?.(node)) return
    const source = resolver.resolve(node.inputs[0])
    if (source?.kind !== 'memory' || inputs.has(source.base) || source.base.node.op.kind !== 'elementwise') return
    const at = position.get(source.base.node)
    if (at === undefined || !isContiguous(source.access) || size(node.inputs[0]) !== size(source.base)) return
    const work = find(at)
    if (node.inputs.slice(1).some((v) => makes(work, v))) return
    // Only work without other readers: otherwise its result would have to be stored anyway.
    const inside = new Set(work.nodes)
    const exclusive = work.nodes.every(
      (n) =>
        !n.outputs.some((v) => outputs.has(v)) &&
        consumers[position.get(n)!].every((c) => inside.has(order[c]) || order[c] === node),
    )
    if (work.kernel || !exclusive || operandCount([...work.nodes, node]) > limits.operands) return
    if (limits.takesWork?.(node, work.nodes, resolver) === false) return
    work.kernel = node
    work.prologue = true
    join(work, find(i))
  })

  order.forEach((node, i) => {
    if (!limits.fusesResult?.(node)) return
    for (const c of consumers[i]) {
      const kernel = find(i)
      const work = find(c)
      if (work === kernel || work.kernel || order[c].op.kind !== 'elementwise' || !inOrder(work, node.outputs[0]))
        continue
      // The epilogue gets the first result in registers; other results would have to be in memory before.
      if (node.outputs.slice(1).some((v) => work.nodes.some((n) => n.inputs.some((x) => baseOf(x) === v)))) continue
      if (operandCount([node, ...work.nodes]) > limits.operands) continue
      if (reaches(work, kernel) || reaches(kernel, work)) continue
      // If the work reads the results of several kernels, it is fused into the last of them: an earlier one would have
      // to wait and keep its operands.
      if (latestOf(depsOf(work), kernel) > kernel.last) continue
      work.kernel = node
      join(work, kernel)
      return
    }
  })

  const live = [...new Set(order.map((_, i) => find(i)))]
  const index = new Map(live.map((g, i) => [g, i]))
  const pending = live.map((g) => ({
    group: groupOf(g),
    // The order of its last node.
    order: g.last,
    needs: new Set([...depsOf(g)].map((d) => index.get(d)!)),
  }))
  return schedule(pending, graph, resolver)

  function groupOf({ nodes, kernel, prologue }: Draft): FusionGroup {
    nodes.sort((a, b) => position.get(a)! - position.get(b)!)
    const inside = new Set(nodes)
    const results = nodes.flatMap((n) =>
      (n.op.kind === 'elementwise' || (n === kernel && !prologue)) &&
      !n.outputs.some((v) => outputs.has(v)) &&
      !consumers[position.get(n)!].some((c) => !inside.has(order[c]))
        ? []
        : n.outputs,
    )
    return { nodes, results, kernel, prologue }
  }
}

/** The values that an elementwise node reads at other positions than its own, seen through views. */
function readElsewhere(node: Node, resolver: Resolver): Set<Value> {
  const found = new Set<Value>()
  if (node.op.kind !== 'elementwise') return found
  for (const v of node.inputs) {
    const s = resolver.resolve(v)
    if (s?.kind === 'memory' && !isSame(v, s)) found.add(s.base)
  }
  return found
}

/** The nodes that a node depends on, seen through views. */
function producersOf(node: Node, inputs: ReadonlySet<Value>): Node[] {
  const found = new Set<Node>()
  const visit = (v: Value) => {
    if (inputs.has(v)) return
    if (v.node.op.kind === 'view') {
      for (const x of v.node.inputs) visit(x) // a barrier waits for all its inputs
    } else if (v.node.op.kind !== 'leaf') {
      found.add(v.node)
    }
  }
  for (const v of node.inputs) visit(v)
  return [...found]
}

/**
 * Moves inputs before their users and keeps the order otherwise: passes may give a node a smaller order than its
 * inputs.
 */
function stableTopological(order: Node[]): void {
  const inOrder = new Set(order)
  const placed = new Set<Node>()
  const result: Node[] = []
  const place = (node: Node) => {
    if (placed.has(node)) return
    placed.add(node)
    for (const v of node.inputs) placeBelow(v.node)
    if (inOrder.has(node)) result.push(node)
  }
  const below = new Set<Node>()
  const placeBelow = (node: Node) => {
    if (inOrder.has(node)) place(node)
    else if (!below.has(node)) {
      below.add(node)
      for (const v of node.inputs) placeBelow(v.node)
    }
  }
  for (const node of order) place(node)
  order.splice(0, order.length, ...result)
}

import { type Graph, topologicalOrder } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { sameShape } from '../shape.ts'
import type { Resolver } from './resolve.ts'

/** Nodes that become one kernel: several elementwise ones over one index space, or one other node. */
export interface Unit {
  readonly nodes: readonly Node[]
  /** Values that somebody outside the unit reads. */
  readonly results: readonly Value[]
}

export interface FuseLimits {
  /** Buffers one kernel may bind. */
  readonly operands: number
  readonly nodes: number
}

interface Group {
  nodes: Node[]
  first: number
  last: number
  deps: Set<number>
  merged?: Group
}

/**
 * Groups elementwise nodes that feed each other and share a shape, as long as the group can still run as a whole: no path may
 * leave it and come back. Units come out in an order in which they can run, as close to the order of tracing as possible.
 */
export function fuse(graph: Graph, resolver: Resolver, limits: FuseLimits): Unit[] {
  const inputs = new Set(graph.inputs)
  const order = topologicalOrder(graph.outputs, inputs).filter((n) => n.op.kind !== 'view' && n.op.kind !== 'leaf')
  order.sort((a, b) => a.order - b.order || a.id - b.id)
  stableTopological(order)
  const position = new Map<Node, number>(order.map((n, i) => [n, i]))
  const outputs = new Set(graph.outputs)

  const producers = order.map((node) => producersOf(node, inputs).map((n) => position.get(n)!))
  const consumers: number[][] = order.map(() => [])
  producers.forEach((list, i) => {
    for (const p of list) consumers[p].push(i)
  })

  const groups: Group[] = order.map((node, i) => ({ nodes: [node], first: i, last: i, deps: new Set(producers[i]) }))
  const find = (i: number): Group => {
    let g = groups[i]
    while (g.merged) g = g.merged
    return g
  }
  const depsOf = (g: Group): Set<Group> => {
    const out = new Set<Group>()
    for (const d of g.deps) {
      const h = find(d)
      if (h !== g) out.add(h)
    }
    return out
  }
  /** Whether `from` needs `target` through something other than a direct edge. */
  const reaches = (from: Group, target: Group): boolean => {
    const stack = [...depsOf(from)].filter((g) => g !== target)
    const seen = new Set<Group>(stack)
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

  order.forEach((node, i) => {
    if (node.op.kind !== 'elementwise') return
    for (const v of node.inputs) {
      if (inputs.has(v) || v.storage || v.node.op.kind !== 'elementwise' || !sameShape(v.shape, node.outputs[0].shape))
        continue
      const mine = find(i)
      const other = find(position.get(v.node)!)
      if (mine === other) continue
      if (mine.nodes.length + other.nodes.length > limits.nodes) continue
      if (reaches(mine, other) || reaches(other, mine)) continue
      const members = [...other.nodes, ...mine.nodes]
      if (operandCount(members) > limits.operands) continue
      other.nodes = members
      other.first = Math.min(other.first, mine.first)
      other.last = Math.max(other.last, mine.last)
      for (const d of mine.deps) other.deps.add(d)
      mine.merged = other
    }
  })

  const live = [...new Set(order.map((_, i) => find(i)))]
  const scheduled: Unit[] = []
  const done = new Set<Group>()
  // Always the ready group whose last node was traced first; a simple scan is fast enough for thousands of nodes.
  const pending = [...live].sort((a, b) => a.last - b.last)
  const waiting = new Map(pending.map((g) => [g, depsOf(g)]))
  while (pending.length > 0) {
    const at = pending.findIndex((g) => [...waiting.get(g)!].every((d) => done.has(d)))
    if (at < 0) throw new Error('fuse: the groups form a cycle')
    const [g] = pending.splice(at, 1)
    done.add(g)
    g.nodes.sort((a, b) => position.get(a)! - position.get(b)!)
    const inside = new Set(g.nodes)
    const results = g.nodes.flatMap((n) =>
      n.op.kind === 'elementwise' &&
      !n.outputs.some((v) => outputs.has(v)) &&
      !consumers[position.get(n)!].some((c) => !inside.has(order[c]))
        ? []
        : n.outputs,
    )
    scheduled.push({ nodes: g.nodes, results })
  }
  return scheduled
}

/** The nodes whose memory or completion a node waits for, seen through views. */
function producersOf(node: Node, inputs: ReadonlySet<Value>): Node[] {
  const found = new Set<Node>()
  const visit = (v: Value) => {
    if (inputs.has(v) || v.storage) return
    if (v.node.op.kind === 'view') {
      for (const x of v.node.inputs) visit(x) // a barrier waits for all its inputs
    } else if (v.node.op.kind !== 'leaf') {
      found.add(v.node)
    }
  }
  for (const v of node.inputs) visit(v)
  return [...found]
}

/** A rebuilt graph may ask for a node before its inputs; this puts inputs before users and keeps the order otherwise. */
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

// Elementwise nodes that feed each other become groups that run as one kernel.

import { bytesPerElement } from '../dtype.ts'
import { type Graph, graphOrder } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { elementCount, sameShape } from '../shape.ts'
import { isContiguous } from './access.ts'
import { isSame, type Resolver } from './resolve.ts'
import { type FusionGroup, schedule } from './schedule.ts'
import { isUpcast } from './sink-upcasts.ts'

export interface FuseLimits {
  /** Buffers one kernel may bind. */
  readonly operands: number
  readonly nodes: number
  /** Kernels that take elementwise work on their first result, or on their only operand, into themselves. */
  fusesResult?(node: Node): boolean
  fusesOperand?(node: Node): boolean
  /** Whether such a kernel takes this very work; default: any. */
  takesWork?(node: Node, work: readonly Node[], resolver: Resolver): boolean
}

interface Draft {
  nodes: Node[]
  first: number
  last: number
  deps: Set<number>
  /**
   * Values its members read at other positions than their own: such a value must be in memory before the group runs.
   */
  elsewhere: Set<Value>
  merged?: Draft
  kernel?: Node
  prologue?: boolean
}

/**
 * Groups elementwise nodes that feed each other and share a shape, as long as the group can still run as a whole: no
 * path may leave it and come back. Groups come out in an order in which they can run, as close to the order of tracing
 * as possible.
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
  /** Whether `from` needs `target` through something other than a direct edge. */
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
   * Whether a group that makes something had better not wait for what `later` waits for, as it would in one kernel with
   * it: others read it before that, or it takes less memory than what it is made of.
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

  /** Whether a member of one reads from memory what the other makes: one kernel cannot run both. */
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
  // A widened value belongs to its reader rather than to what made the narrow one: then the narrow one is what is
  // stored between them.
  const elementwise = [...order.entries()].filter(([, node]) => node.op.kind === 'elementwise')
  for (const [i, node] of elementwise) if (!isUpcast(node)) mergeWithProducers(node, i)
  // Unless nobody else reads the narrow one: then it need not be stored at all.
  for (const [i, node] of elementwise)
    if (isUpcast(node) && producers[i].every((p) => consumers[p].length === 1)) mergeWithProducers(node, i)

  const baseOf = (v: Value): Value | undefined => {
    const s = resolver.resolve(v)
    return s?.kind === 'memory' ? s.base : undefined
  }
  const makes = (g: Draft, v: Value) => g.nodes.some((n) => n.outputs.includes(baseOf(v)!))
  const size = (v: Value) => elementCount(v.shape)
  /** Whether a group reads `made` only element by element, in the order in which it lies. */
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
    // Only work that nobody else reads: otherwise it would have to be stored all the same.
    const inside = new Set(work.nodes)
    const private_ = work.nodes.every(
      (n) =>
        !n.outputs.some((v) => outputs.has(v)) &&
        consumers[position.get(n)!].every((c) => inside.has(order[c]) || order[c] === node),
    )
    if (work.kernel || !private_ || operandCount([...work.nodes, node]) > limits.operands) return
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
      // The work gets the first result as it is made; another one would have to be in memory before.
      if (node.outputs.slice(1).some((v) => work.nodes.some((n) => n.inputs.some((x) => baseOf(x) === v)))) continue
      if (operandCount([node, ...work.nodes]) > limits.operands) continue
      if (reaches(work, kernel) || reaches(kernel, work)) continue
      // Of several kernels whose results meet in the work, the last one takes it: an earlier one would have to wait
      // with all its operands.
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
    // When its last node was traced.
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

/** What an elementwise node reads other than element by element, seen through views. */
function readElsewhere(node: Node, resolver: Resolver): Set<Value> {
  const found = new Set<Value>()
  if (node.op.kind !== 'elementwise') return found
  for (const v of node.inputs) {
    const s = resolver.resolve(v)
    if (s?.kind === 'memory' && !isSame(v, s)) found.add(s.base)
  }
  return found
}

/** The nodes whose memory or completion a node waits for, seen through views. */
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
 * A rebuilt graph may ask for a node before its inputs; this puts inputs before users and keeps the order otherwise.
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

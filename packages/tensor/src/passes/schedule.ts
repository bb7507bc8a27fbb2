// Orders groups: as traced, except that those that free memory run early.

import { bytesPerElement } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { elementCount } from '../shape.ts'
import type { Resolver } from './resolve.ts'

/** Nodes that become one kernel: several elementwise ones over one index space, or one other node. */
export interface FusionGroup {
  readonly nodes: readonly Node[]
  /** Values that are read outside the group. */
  readonly results: readonly Value[]
  /**
   * The node that is not elementwise, if any: the others are work on its result or, with `prologue`, compute its
   * operand.
   */
  readonly kernel?: Node
  readonly prologue?: boolean
}

/** A group, and the groups that must run before it. */
export interface PendingGroup {
  readonly group: FusionGroup
  /** Position in the order of tracing. */
  readonly order: number
  /** Indices of other pending groups. */
  readonly needs: ReadonlySet<number>
}

/**
 * An executable order: always the ready group with the smallest order, except that a group that frees more memory than
 * it allocates runs as soon as it is ready.
 */
export function schedule(pending: readonly PendingGroup[], graph: Graph, resolver: Resolver): FusionGroup[] {
  const fixed = new Set([...graph.inputs, ...graph.outputs])
  const bytesOf = (v: Value) => elementCount(v.shape) * bytesPerElement[v.dtype]
  /** The temporary values that each group reads. */
  const reads = pending.map(({ group }) => {
    const own = new Set<Value>(group.results)
    const found = new Set<Value>()
    for (const node of group.nodes)
      for (const v of node.inputs) {
        const source = resolver.resolve(v)
        if (source?.kind === 'memory' && !fixed.has(source.base) && !own.has(source.base)) found.add(source.base)
      }
    return found
  })
  const readers = new Map<Value, Set<number>>()
  reads.forEach((values, t) => {
    for (const v of values) readers.set(v, (readers.get(v) ?? new Set()).add(t))
  })
  const dependents: number[][] = pending.map(() => [])
  const missing = pending.map(({ needs }, t) => {
    for (const n of needs) dependents[n].push(t)
    return needs.size
  })
  const shrinks = (t: number) => {
    const { results } = pending[t].group
    // Results of the graph may reuse the memory of inputs once those have no readers left, so they are not run early.
    if (results.some((v) => fixed.has(v))) return false
    let change = results.reduce((sum, v) => sum + bytesOf(v), 0)
    for (const v of reads[t]) if (readers.get(v)!.size === 1) change -= bytesOf(v)
    return change < 0
  }

  const ready: number[] = []
  const urgent: number[] = []
  const waits = new Set<number>()
  const enter = (t: number) => {
    let [low, high] = [0, ready.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (pending[ready[middle]].order <= pending[t].order) low = middle + 1
      else high = middle
    }
    ready.splice(low, 0, t)
    waits.add(t)
  }
  const runEarly = (t: number) => {
    if (waits.has(t) && shrinks(t)) urgent.push(t)
  }
  missing.forEach((n, t) => {
    if (n === 0) enter(t)
  })
  const groups: FusionGroup[] = []
  while (ready.length > 0) {
    const wanted = urgent.pop()
    if (wanted !== undefined && !waits.has(wanted)) continue
    const [t] = ready.splice(wanted === undefined ? 0 : ready.indexOf(wanted), 1)
    waits.delete(t)
    groups.push(pending[t].group)
    for (const d of dependents[t])
      if (--missing[d] === 0) {
        enter(d)
        runEarly(d)
      }
    for (const v of reads[t]) {
      const left = readers.get(v)!
      left.delete(t)
      if (left.size === 1) for (const last of left) runEarly(last)
    }
  }
  if (groups.length < pending.length) throw new Error('schedule: the groups form a cycle')
  return groups
}

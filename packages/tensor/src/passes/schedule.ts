// The order of groups: as traced, but what frees memory runs at once.

import { bytesPerElement } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { elementCount } from '../shape.ts'
import type { Resolver } from './resolve.ts'

/** Nodes that become one kernel: several elementwise ones over one index space, or one other node. */
export interface FusionGroup {
  readonly nodes: readonly Node[]
  /** Values that somebody outside the group reads. */
  readonly results: readonly Value[]
  /**
   * The node among elementwise ones that is a kernel of its own: they work on its result, or (`prologue`) make its
   * operand.
   */
  readonly kernel?: Node
  readonly prologue?: boolean
}

/** A group, and what has to run before it. */
export interface PendingGroup {
  readonly group: FusionGroup
  /** Smaller ones are run first. */
  readonly order: number
  /** Indices of other pending groups. */
  readonly needs: ReadonlySet<number>
}

/**
 * An order in which groups can run: always the ready one with the smallest order, except that one which frees more
 * memory than it takes runs as soon as it can. A value that is only waiting to be made smaller does not wait.
 */
export function schedule(pending: readonly PendingGroup[], graph: Graph, resolver: Resolver): FusionGroup[] {
  const fixed = new Set([...graph.inputs, ...graph.outputs])
  const bytesOf = (v: Value) => elementCount(v.shape) * bytesPerElement[v.dtype]
  /** Temporary values a group reads. */
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
    // Results of the graph may take over the memory of inputs, once nobody reads those any more: they wait for their
    // turn.
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
  const hurry = (t: number) => {
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
        hurry(d)
      }
    for (const v of reads[t]) {
      const left = readers.get(v)!
      left.delete(t)
      if (left.size === 1) for (const last of left) hurry(last)
    }
  }
  if (groups.length < pending.length) throw new Error('schedule: the groups form a cycle')
  return groups
}

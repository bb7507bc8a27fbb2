// Concatenation in place: operands are computed directly into the result.

import { bytesPerElement } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import type { Value } from '../graph/node.ts'
import { concatenateOp } from '../ops/slice-concatenate.ts'
import { elementCount } from '../shape.ts'
import { isContiguous } from './access.ts'
import type { Resolver } from './resolve.ts'
import type { FusionGroup } from './schedule.ts'

/** The position of a value that is computed inside another one. */
export interface Part {
  readonly whole: Value
  /** In bytes. */
  readonly offset: number
}

/**
 * Finds concatenations along the outermost axis whose operands have no other readers: the operands are computed
 * directly into the result, and the concatenation costs neither time nor memory. Nested concatenations are flattened.
 * @param alignment bytes; every operand must start at a multiple
 * @returns the position of each operand, and the remaining groups
 */
export function concatenateInPlace(
  groups: readonly FusionGroup[],
  graph: Graph,
  resolver: Resolver,
  alignment: number,
): { parts: ReadonlyMap<Value, Part>; groups: readonly FusionGroup[] } {
  const readers = new Map<Value, number>()
  const made = new Set<Value>()
  for (const group of groups) {
    for (const v of group.results) made.add(v)
    for (const v of new Set(group.nodes.flatMap((n) => n.inputs))) {
      const s = resolver.resolve(v)
      if (s?.kind === 'memory') readers.set(s.base, (readers.get(s.base) ?? 0) + 1)
    }
  }
  for (const v of graph.outputs) readers.set(v, (readers.get(v) ?? 0) + 1)

  const parts = new Map<Value, Part>()
  const left = groups.filter((group) => {
    const [node] = group.nodes
    if (node.op !== concatenateOp) return true
    const [whole] = node.outputs
    const { axis } = node.attrs as { axis: number }
    if (whole.shape.slice(0, axis).some((d) => d !== 1)) return true
    const pieces: [Value, Part][] = []
    let offset = 0
    for (const v of node.inputs) {
      const s = resolver.resolve(v)
      if (s?.kind !== 'memory' || !made.has(s.base) || readers.get(s.base) !== 1 || pieces.some(([p]) => p === s.base))
        return true
      if (!isContiguous(s.access) || elementCount(s.base.shape) !== elementCount(v.shape) || offset % alignment !== 0)
        return true
      pieces.push([s.base, { whole, offset }])
      offset += elementCount(v.shape) * bytesPerElement[v.dtype]
    }
    for (const [piece, part] of pieces) parts.set(piece, part)
    return false
  })
  return { parts, groups: left }
}

/** The outermost value that contains a value, and the position in it. */
export function placeOf(value: Value, parts: ReadonlyMap<Value, Part>): Part {
  const part = parts.get(value)
  if (!part) return { whole: value, offset: 0 }
  const outer = placeOf(part.whole, parts)
  return { whole: outer.whole, offset: outer.offset + part.offset }
}

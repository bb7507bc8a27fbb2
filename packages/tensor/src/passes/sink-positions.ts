// Moves positions and masks to their readers, so that they are not stored.

import { bytesPerElement } from '../dtype.ts'
import { type Graph, graphOrder, rewrite } from '../graph/graph.ts'
import { makeNode, type Value } from '../graph/node.ts'
import { iotaOp } from '../ops/leaf.ts'
import { elementCount } from '../shape.ts'
import { constantValue } from './simplify.ts'

/** Smaller values may be shared: they cost little memory. */
const smallest = 1 << 20
/** Longest computation that is repeated: a comparison of sums, but no random number. */
const mostNodes = 4

/**
 * Gives every elementwise reader of a large position or mask its own: integers computed by a few operations from
 * coordinates, constants and repeated values. They are cheaper to compute again than to read, and a shared one would be
 * stored from its first reader to its last one, which may be the next micro-batch.
 */
export function sinkPositions(graph: Graph): Graph {
  const inputs = new Set(graph.inputs)
  const readers = new Map<Value, number>()
  for (const node of graphOrder(graph)) for (const v of node.inputs) readers.set(v, (readers.get(v) ?? 0) + 1)
  for (const v of graph.outputs) readers.set(v, Number.NEGATIVE_INFINITY) // is stored anyway
  const lengths = new Map<Value, number>()
  /** How many operations compute a value from coordinates and repeated values; Infinity for other values. */
  const lengthOf = (v: Value): number => {
    const known = lengths.get(v)
    if (known !== undefined) return known
    const { op, inputs: operands } = v.node
    let length = Number.POSITIVE_INFINITY
    if (!v.storage && !inputs.has(v)) {
      if (op === iotaOp || op.repeats || constantValue(v) !== undefined) length = 0
      else if (op.kind === 'elementwise' && (v.dtype === 'int32' || v.dtype === 'uint32'))
        length = operands.reduce((sum, x) => sum + lengthOf(x), 1)
    }
    lengths.set(v, length)
    return length
  }
  const sinks = (v: Value) => {
    const length = lengthOf(v)
    return length > 0 && length <= mostNodes && elementCount(v.shape) * bytesPerElement[v.dtype] >= smallest
  }
  const copyOf = (v: Value, order: number): Value => {
    const { op, inputs: operands, attrs } = v.node
    const own = operands.map((x) => (sinks(x) ? copyOf(x, order) : x))
    return makeNode(op, own, attrs, [v], order).outputs[0]
  }
  return rewrite(graph, (node, ins) => {
    const { op, attrs, outputs, order } = node
    const isShared = (v: Value) => readers.get(v)! > 1
    const read =
      op.kind === 'elementwise' ? ins.map((v, i) => (isShared(node.inputs[i]) && sinks(v) ? copyOf(v, order) : v)) : ins
    return read.every((v, i) => v === node.inputs[i]) ? outputs : makeNode(op, read, attrs, outputs, order).outputs
  })
}

// Upcasts move to where they are read, so that the narrow value is kept.

import { bytesPerElement, isFloat } from '../dtype.ts'
import { type Graph, rewrite } from '../graph/graph.ts'
import { makeNode, type Node, type Value } from '../graph/node.ts'
import { castOp } from '../ops/cast.ts'

/** Whether a node turns a narrow float into a wider one. */
export function isUpcast({ op, inputs: [x], outputs: [y] }: Node): boolean {
  return op === castOp && isFloat(x.dtype) && isFloat(y.dtype) && bytesPerElement[x.dtype] < bytesPerElement[y.dtype]
}

/**
 * Gives every elementwise reader of an upcast value a cast of its own. Widening is exact and costs nothing where a
 * value is read: what is kept between kernels is then the narrow value, not the wide one.
 */
export function sinkUpcasts(graph: Graph): Graph {
  const inputs = new Set(graph.inputs)
  const upcast = (v: Value) => !inputs.has(v) && isUpcast(v.node)
  return rewrite(graph, (node, ins) => {
    const { op, attrs, outputs, order } = node
    const read =
      op.kind === 'elementwise'
        ? ins.map((v) => (upcast(v) ? makeNode(castOp, v.node.inputs, v.node.attrs, [v], order).outputs[0] : v))
        : ins
    return read.every((v, i) => v === node.inputs[i]) ? outputs : makeNode(op, read, attrs, outputs, order).outputs
  })
}

// Moves upcasts to their readers, so that the narrow value is stored.

import { bytesPerElement, isFloat } from '../dtype.ts'
import { type Graph, rewrite } from '../graph/graph.ts'
import { makeNode, type Node, type Value } from '../graph/node.ts'
import { castOp } from '../ops/cast.ts'

/** Whether a node casts a float to a wider one. */
export function isUpcast({ op, inputs: [x], outputs: [y] }: Node): boolean {
  return op === castOp && isFloat(x.dtype) && isFloat(y.dtype) && bytesPerElement[x.dtype] < bytesPerElement[y.dtype]
}

/**
 * Gives every elementwise reader of an upcast value its own cast. Upcasts are exact and free when fused into a reader,
 * so the narrow value is stored between kernels instead of the wide one.
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

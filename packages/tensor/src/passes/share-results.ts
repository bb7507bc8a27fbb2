// Removes computations whose results another op of the program computes as well.

import { type Graph, graphOrder, rewrite } from '../graph/graph.ts'
import { keyOf } from '../graph/key.ts'
import { makeNode, type Node, type Value } from '../graph/node.ts'

/**
 * Where a node declares that it computes another op's results too (`alsoComputes`), and the program has that op with
 * the same inputs and attributes, takes the results from the node. A node that needs the other's results keeps both: a
 * gradient that depends on the loss itself cannot be computed along with it.
 */
export function shareResults(graph: Graph): Graph {
  for (let current = graph; ; ) {
    const found = sharedPair(current)
    if (!found) return current
    const [whole, part] = found
    const results = whole.op.alsoComputes!.outputs.map((i) => whole.outputs[i])
    // What uses the results was traced before `whole`. It takes its place after `whole` and all that this expands to:
    // in its old place it would have everything that it needs computed at once, before anything else.
    const after = whole.order + 0.5
    current = rewrite(current, (node, ins) => {
      if (node === part) return results // `whole` does not depend on `part`, so it is not rebuilt
      if (ins.every((v, i) => v === node.inputs[i])) return node.outputs
      const order = Math.max(node.order, ...ins.map((v) => (results.includes(v) ? after : v.node.order)))
      return makeNode(node.op, ins, node.attrs, node.outputs, order).outputs
    })
  }
}

/** A node, and one whose results it computes too and does not need. */
function sharedPair(graph: Graph): [whole: Node, part: Node] | undefined {
  const order = graphOrder(graph)
  const inputs = new Set(graph.inputs)
  for (const whole of order) {
    const shared = whole.op.alsoComputes
    if (!shared) continue
    const wanted = shared.inputs.map((i) => whole.inputs[i])
    const attrs = keyOf(whole.attrs)
    const part = order.find(
      (node) =>
        node.op === shared.op &&
        node.inputs.every((v, i) => v === wanted[i]) &&
        keyOf(node.attrs) === attrs &&
        !node.outputs.some((v) => inputs.has(v)) &&
        !needs(whole, node, inputs),
    )
    if (part) return [whole, part]
  }
}

function needs(node: Node, other: Node, inputs: ReadonlySet<Value>): boolean {
  return graphOrder({ inputs: [...inputs], outputs: node.inputs }).includes(other)
}

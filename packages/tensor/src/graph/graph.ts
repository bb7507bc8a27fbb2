// Traced computations: topological order, and rewriting node by node.

import type { Node, Value } from './node.ts'

/** A traced computation from inputs (leaves, in order) to outputs. */
export interface Graph {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
}

/** Every node the outputs need, inputs before users. Stops at values that are computed or listed as inputs. */
export function topologicalOrder(outputs: readonly Value[], inputs: ReadonlySet<Value> = new Set()): Node[] {
  return orderBelow(outputs, (v) => v.storage !== undefined || inputs.has(v))
}

/**
 * Every node of a graph, inputs before users. Unlike `topologicalOrder` it stops only at the graph's inputs, not at
 * computed values: a node with one computed and one wanted result runs again and computes both, and passes may use
 * either.
 */
export function graphOrder({ inputs, outputs }: Graph): Node[] {
  const known = new Set(inputs)
  return orderBelow(outputs, (v) => known.has(v))
}

function orderBelow(outputs: readonly Value[], ends: (value: Value) => boolean): Node[] {
  const order: Node[] = []
  const seen = new Set<Node>()
  const stack: { node: Node; next: number }[] = []
  const enter = (value: Value) => {
    if (ends(value) || seen.has(value.node)) return
    seen.add(value.node)
    stack.push({ node: value.node, next: 0 })
  }
  for (const output of outputs) {
    enter(output)
    while (stack.length > 0) {
      const top = stack[stack.length - 1]
      if (top.next < top.node.inputs.length) {
        enter(top.node.inputs[top.next++])
      } else {
        order.push(top.node)
        stack.pop()
      }
    }
  }
  return order
}

/**
 * Rebuilds a graph node by node. `visit` gets the new inputs of a node and returns the values that replace its outputs.
 * Inputs of the graph are never replaced, even if their node runs again for another result.
 */
export function rewrite(graph: Graph, visit: (node: Node, inputs: readonly Value[]) => readonly Value[]): Graph {
  const known = new Set(graph.inputs)
  const replaced = new Map<Value, Value>()
  const get = (value: Value) => replaced.get(value) ?? value
  for (const node of graphOrder(graph)) {
    const results = visit(node, node.inputs.map(get))
    node.outputs.forEach((old, i) => {
      if (results[i] !== old && !known.has(old)) replaced.set(old, results[i])
    })
  }
  return { inputs: graph.inputs, outputs: graph.outputs.map(get) }
}

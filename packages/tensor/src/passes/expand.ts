// Expands composite ops into simpler ones.

import { type Graph, rewrite, topologicalOrder } from '../graph/graph.ts'
import { makeNode, type Node, nodeMark, type Value } from '../graph/node.ts'
import { Tensor } from '../tensor.ts'
import { shareResults } from './share-results.ts'

/**
 * Replaces composite ops by their lowerings or definitions, until only nodes are left that the backend runs itself.
 * @param hasKernel whether the backend has a kernel for a node
 * @param options.lower false: use only definitions
 */
export function expand(graph: Graph, hasKernel: (node: Node) => boolean, options: { lower: boolean }): Graph {
  const known = new Set(graph.inputs)
  const build = (node: Node, ins: readonly Value[]): readonly Value[] => {
    // If a result of a node is an input of the graph, the node runs for another result: its new results are distinct.
    const same = ins.every((v, i) => v === node.inputs[i]) && !node.outputs.some((v) => known.has(v))
    const current = same ? node : makeNode(node.op, ins, node.attrs, node.outputs, node.order)
    const { op } = node
    if (op.kind === 'kernel') return (options.lower && replace(current, op.lowering)) || current.outputs
    if (op.kind !== 'composite' || hasKernel(current)) return current.outputs
    return (options.lower && replace(current, op.lowering)) || replace(current, op.definition)!
  }
  /** The values that a rule builds, expanded themselves. */
  const replace = (
    node: Node,
    rule: ((ins: Tensor[], attrs: unknown) => Tensor[] | undefined) | undefined,
  ): readonly Value[] | undefined => {
    const mark = nodeMark()
    const outs = rule?.(
      node.inputs.map((v) => new Tensor(v, undefined)),
      node.attrs,
    )
    if (!outs) return undefined
    // Their order is between this node's and the next one's, in the order of creation; nested rules subdivide it.
    const made = topologicalOrder(
      outs.map((t) => t.value),
      new Set(node.inputs),
    ).filter((n) => n.id >= mark)
    const step = Number.isInteger(node.order) ? 2 ** -13 : 2 ** -26
    made.sort((a, b) => a.id - b.id)
    made.forEach((n, i) => {
      n.order = node.order + Math.min(i, 4095) * step
    })
    return rewrite({ inputs: node.inputs, outputs: outs.map((t) => t.value) }, build).outputs
  }
  return rewrite(options.lower ? shareResults(graph) : graph, build)
}

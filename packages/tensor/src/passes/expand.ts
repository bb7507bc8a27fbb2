// Composite ops become what they are made of.

import { type Graph, rewrite, topologicalOrder } from '../graph/graph.ts'
import { makeNode, type Node, nodeMark, type Value } from '../graph/node.ts'
import { Tensor } from '../tensor.ts'

/**
 * Replaces composite ops by what they are made of, until only nodes are left that the backend runs itself.
 * `hasKernel` says which those are. With `lower: false` every op becomes its plain definition.
 */
export function expand(graph: Graph, hasKernel: (node: Node) => boolean, options: { lower: boolean }): Graph {
  const known = new Set(graph.inputs)
  const build = (node: Node, ins: readonly Value[]): readonly Value[] => {
    // A node of which one result is an input runs again for another: what it makes must not be taken for that input.
    const same = ins.every((v, i) => v === node.inputs[i]) && !node.outputs.some((v) => known.has(v))
    const current = same ? node : makeNode(node.op, ins, node.attrs, node.outputs, node.order)
    const { op } = node
    if (op.kind === 'kernel') return (options.lower && replace(current, op.lowering)) || current.outputs
    if (op.kind !== 'composite' || hasKernel(current)) return current.outputs
    return (options.lower && replace(current, op.lowering)) || replace(current, op.definition)!
  }
  /** The values a rule builds, themselves expanded. */
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
    // Between this node and the next, in the order in which the rule made them; rules within rules within those.
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
  return rewrite(graph, build)
}

// Inserts copies of operands that kernels cannot read through strides.

import { type Graph, rewrite } from '../graph/graph.ts'
import { makeNode, type Value } from '../graph/node.ts'
import { copyOp } from '../ops/copy.ts'
import { isContiguous } from './access.ts'
import { Resolver, type Source } from './resolve.ts'

/**
 * Inserts copies, so that kernels can read all operands (through strides if the op is `strided`, else row-major) and
 * every result of the graph has separate memory.
 */
export function materialize(graph: Graph): Graph {
  const resolver = new Resolver(graph.inputs)
  const copies = new Map<Value, Value>()
  const copied = (v: Value): Value => {
    let c = copies.get(v)
    if (!c) copies.set(v, (c = makeNode(copyOp, [v], {}, [v], v.node.order).outputs[0]))
    return c
  }
  const plain = (s: Source | undefined) => s?.kind === 'memory' && isContiguous(s.access)
  const result = rewrite(graph, (node, ins) => {
    const { op } = node
    let fixed: readonly Value[] = ins
    if (op.kind === 'kernel' || op.kind === 'composite') {
      fixed = ins.map((v, i) => {
        const source = resolver.resolve(v)
        return (op.strided && i !== op.rewrites ? source?.kind === 'memory' : plain(source)) ? v : copied(v)
      })
    }
    const build = (inputs: readonly Value[]) =>
      inputs.every((v, i) => v === node.inputs[i])
        ? node.outputs
        : makeNode(op, inputs, node.attrs, node.outputs, node.order).outputs
    const outputs = build(fixed)
    if (op.kind === 'view' && resolver.resolve(outputs[0]) === undefined)
      return build([copied(fixed[0]), ...fixed.slice(1)])
    return outputs
  })
  const taken = new Set<Value>()
  const outputs = result.outputs.map((v) => {
    const fresh = !taken.has(v) && !resolver.isInput(v) && v.node.op.kind !== 'view' && v.node.op.kind !== 'leaf'
    const out = fresh ? v : makeNode(copyOp, [v], {}, [v]).outputs[0]
    taken.add(out)
    return out
  })
  return { inputs: result.inputs, outputs }
}

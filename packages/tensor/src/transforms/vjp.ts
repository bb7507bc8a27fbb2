// Reverse-mode differentiation of a graph.

import { isFloat } from '../dtype.ts'
import { topologicalOrder } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { add } from '../ops/add.ts'
import type { StorageOwner } from '../storage.ts'
import { Tensor } from '../tensor.ts'

/**
 * The gradients of `inputs` from those of `outputs` (reverse mode), as graph. Undefined for inputs that no output
 * depends on. Nodes that do not depend on an input are not visited. If a value is given as several inputs, its gradient
 * is that of the first of them, so that a sum over all inputs counts it once.
 */
export function pullBack(
  outputs: readonly Tensor[],
  grads: readonly (Tensor | undefined)[],
  inputs: readonly Tensor[],
  owner: StorageOwner | undefined,
): (Tensor | undefined)[] {
  const targets = new Set(inputs.map((t) => t.value))
  const order = topologicalOrder(
    outputs.map((t) => t.value),
    targets,
  )
  const active = new Set<Value>(targets)
  const activeNodes: Node[] = []
  for (const node of order) {
    if (!node.inputs.some((v) => active.has(v))) continue
    activeNodes.push(node)
    for (const v of node.outputs) if (isFloat(v.dtype)) active.add(v)
  }

  const total = new Map<Value, Tensor>()
  const accumulate = (value: Value, g: Tensor) => {
    const before = total.get(value)
    total.set(value, before ? add(before, g) : g)
  }
  outputs.forEach((t, i) => {
    const g = grads[i]
    if (g && active.has(t.value)) accumulate(t.value, g)
  })

  for (const node of activeNodes.reverse()) {
    const outGrads = node.outputs.map((v) => total.get(v))
    if (outGrads.every((g) => g === undefined)) continue
    const ins = node.inputs.map((v) => new Tensor(v, owner))
    const outs = node.outputs.map((v) => new Tensor(v, owner))
    let inGrads: readonly (Tensor | undefined)[]
    const others = node.op.gradientOfFirst && outGrads.slice(1).some((g) => g !== undefined)
    if (node.op.gradient && !others) {
      inGrads = node.op.gradient({ inputs: ins, outputs: outs, grads: outGrads, attrs: node.attrs })
    } else if (node.op.definition) {
      // Differentiates the definition, applied to this node's inputs, at which the recursion stops.
      inGrads = pullBack(node.op.definition(ins, node.attrs), outGrads, ins, owner)
    } else {
      throw new Error(`grad: the op ${node.op.name} has no gradient`)
    }
    node.inputs.forEach((v, i) => {
      const g = inGrads[i]
      if (g && active.has(v)) accumulate(v, g)
    })
    for (const v of node.outputs) if (!targets.has(v)) total.delete(v)
  }
  return inputs.map((t, i) => (inputs.findIndex((u) => u.value === t.value) === i ? total.get(t.value) : undefined))
}

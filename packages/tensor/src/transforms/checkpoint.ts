// Rematerialisation (activation checkpointing).

import { topologicalOrder } from '../graph/graph.ts'
import { type Node, nodeMark, type Value } from '../graph/node.ts'
import type { Spec } from '../graph/spec.ts'
import { flatten } from '../graph/tree.ts'
import { defineOp } from '../op.ts'
import { barrier } from '../ops/copy.ts'
import { apply, isTensor, Tensor } from '../tensor.ts'
import { pullBack } from './vjp.ts'

interface CheckpointAttrs {
  /** Builds the function's outputs from its inputs (arguments first, then what it closes over). */
  readonly replay: (inputs: readonly Tensor[]) => Tensor[]
  readonly specs: readonly Spec[]
}

/** The outputs of a function whose intermediates are not kept: the gradient recomputes them. */
const checkpointOp = defineOp<CheckpointAttrs>({
  name: 'checkpoint',
  kind: 'composite',
  infer: (_, { specs }) => [...specs],
  gradient({ inputs, grads, attrs }) {
    const present = grads.filter((g): g is Tensor => g !== undefined)
    const delayed = inputs.map((x) => barrier(x, present))
    return pullBack(attrs.replay(delayed), grads, delayed, inputs.find((t) => t.device)?.device)
  },
  definition: (inputs, { replay }) => replay(inputs),
})

/**
 * Rematerialisation: `checkpoint(f)` computes the same as `f`, but the gradient keeps only the inputs of f and
 * recomputes its intermediates, trading time for memory. `f` may close over tensors; they are differentiated too.
 * @example grad((x) => checkpoint((x) => x.exp().square())(x).sum())(device.tensor([0])) // [2]
 */
export function checkpoint<Args extends unknown[], R>(f: (...args: Args) => R): (...args: Args) => R {
  return (...args) => {
    const mark = nodeMark()
    const outer = flatten(args)
    const result = flatten(f(...args))
    const outputs = result.leaves.filter(isTensor)
    if (outputs.length === 0) return f(...args)
    const order = topologicalOrder(outputs.map((t) => t.value))
    const inside = new Set<Node>(order.filter((node) => node.id >= mark && node.op.kind !== 'leaf'))
    // Everything that the function reads and that was made before: its arguments and the tensors it closes over.
    const captured: Value[] = []
    const seen = new Set<Value>()
    const need = (v: Value) => {
      if (inside.has(v.node) && !v.storage) return
      if (v.node.op.kind === 'leaf' && v.node.op.evaluate && !v.storage) return // constants are simply repeated
      if (!seen.has(v)) captured.push(v)
      seen.add(v)
    }
    for (const node of order) if (inside.has(node)) node.inputs.forEach(need)
    for (const t of outputs) need(t.value)
    const device = outer.leaves.filter(isTensor).find((t) => t.device)?.device ?? outputs[0].device

    const replay = (inputs: readonly Tensor[]): Tensor[] => {
      const map = new Map<Value, Tensor>(captured.map((v, i) => [v, inputs[i]]))
      const get = (v: Value) => map.get(v) ?? new Tensor(v, undefined)
      for (const node of order) {
        if (!inside.has(node)) continue
        const outs = apply(node.op, node.inputs.map(get), node.attrs)
        node.outputs.forEach((v, i) => {
          map.set(v, outs[i])
        })
      }
      return outputs.map((t) => get(t.value))
    }
    const outs = apply(
      checkpointOp,
      captured.map((v) => new Tensor(v, device)),
      { replay, specs: outputs.map(({ shape, dtype }) => ({ shape, dtype })) },
    )
    let k = 0
    return result.rebuild(result.leaves.map((leaf) => (isTensor(leaf) ? outs[k++] : leaf))) as R
  }
}

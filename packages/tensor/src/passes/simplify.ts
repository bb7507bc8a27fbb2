// Common subexpressions, constant folding, neutral elements, transposed products.

import { computeType, type DType, roundTo } from '../dtype.ts'
import { type Graph, graphOrder, rewrite } from '../graph/graph.ts'
import { identityOf, keyOf } from '../graph/key.ts'
import { makeNode, type Node, type Value } from '../graph/node.ts'
import { broadcastToOp } from '../ops/broadcast-sum.ts'
import { constantOp } from '../ops/leaf.ts'

/**
 * Merges equal nodes, folds constants, removes copies and operations with neutral elements, and rewrites transposed
 * products as products of transposes.
 */
export function simplify(graph: Graph): Graph {
  const known = new Map<string, readonly Value[]>()
  const uses = countUses(graph)
  return rewrite(graph, (node, ins) => {
    const { op, attrs } = node
    if (op.identity) return [ins[0]]
    const folded =
      fold(node, ins) ??
      neutral(node, ins) ??
      (uses.get(node.inputs[0]) === 1 ? transposeProduct(node, ins) : undefined)
    if (folded) return [folded]
    const key = `${identityOf(op)}|${keyOf(attrs)}|${ins.map((v) => `${v.node.id}.${v.index}`).join(',')}`
    const before = known.get(key)
    if (before) return before
    const same = ins.every((v, i) => v === node.inputs[i])
    const outputs = same ? node.outputs : makeNode(op, ins, attrs, node.outputs, node.order).outputs
    known.set(key, outputs)
    return outputs
  })
}

/** The number that all elements of a value are, if it is known. */
export function constantValue(v: Value): number | undefined {
  if (v.storage) return undefined
  const { op, attrs, inputs } = v.node
  return op.repeats ? constantValue(inputs[0]) : op.constant?.(attrs)
}

function literal(value: number, like: Value): Value {
  const dtype: DType = like.dtype
  const scalar = makeNode(constantOp, [], { value: roundTo(dtype, value), dtype }, [{ shape: [], dtype }]).outputs[0]
  return like.shape.length === 0 ? scalar : makeNode(broadcastToOp, [scalar], { shape: like.shape }, [like]).outputs[0]
}

function fold(node: Node, ins: readonly Value[]): Value | undefined {
  const rule = node.op.elementwise
  if (!rule || ins.length === 0) return undefined
  const values = ins.map(constantValue)
  if (values.some((v) => v === undefined)) return undefined
  const type = computeType(ins[0].dtype)
  const result = rule.js(values as number[], type, node.attrs)
  return Number.isFinite(result) ? literal(result, node.outputs[0]) : undefined
}

function neutral(node: Node, ins: readonly Value[]): Value | undefined {
  const numbers = node.op.elementwise?.neutral?.(computeType(ins[0].dtype))
  const is = (i: number) => numbers![i] !== undefined && Object.is(constantValue(ins[i]), numbers![i])
  return numbers && (is(0) ? ins[1] : is(1) ? ins[0] : undefined)
}

function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>()
  const count = (v: Value) => uses.set(v, (uses.get(v) ?? 0) + 1)
  for (const node of graphOrder(graph)) node.inputs.forEach(count)
  graph.outputs.forEach(count)
  return uses
}

/**
 * (a b)ᵀ = bᵀ aᵀ: a product that is only read transposed is computed transposed. Gradients of weights stored [out, in]
 * then have the layout of the weights, so that later steps read them in memory order.
 */
function transposeProduct({ op, attrs, outputs }: Node, ins: readonly Value[]): Value | undefined {
  if (!op.swapsLastAxes?.(attrs) || ins[0].storage) return undefined
  const product = ins[0].node
  const swapped = product.op.transposed?.map((i) => {
    const v = product.inputs[i]
    return makeNode(op, [v], attrs, op.infer([v], attrs), product.order).outputs[0]
  })
  return swapped && makeNode(product.op, swapped, product.attrs, outputs, product.order).outputs[0]
}

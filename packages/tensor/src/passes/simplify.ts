import { computeType, type DType, isFloat } from '../dtype.ts'
import { roundTo } from '../formats.ts'
import { type Graph, rewrite, topologicalOrder } from '../graph/graph.ts'
import { identityOf, keyOf } from '../graph/key.ts'
import { makeNode, type Node, type Value } from '../graph/node.ts'
import { addOp } from '../ops/add.ts'
import { broadcastToOp } from '../ops/broadcast-sum.ts'
import { copyOp } from '../ops/copy.ts'
import { divOp } from '../ops/div.ts'
import { constantOp } from '../ops/leaf.ts'
import { matmulOp } from '../ops/matmul/matmul.ts'
import { mulOp } from '../ops/mul.ts'
import { subOp } from '../ops/sub.ts'
import { transposeOp } from '../ops/transpose.ts'

/** Merges equal nodes, folds constants, drops copies and operations with neutral elements, and writes transposed products as products of transposes. */
export function simplify(graph: Graph): Graph {
  const known = new Map<string, readonly Value[]>()
  const uses = countUses(graph)
  return rewrite(graph, (node, ins) => {
    const { op, attrs } = node
    if (op === copyOp) return [ins[0]]
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

/** The number a value repeats everywhere, if it is known now. */
export function constantValue(v: Value): number | undefined {
  if (v.storage) return undefined
  if (v.node.op === constantOp) return v.node.attrs.value
  if (v.node.op === broadcastToOp) return constantValue(v.node.inputs[0])
  return undefined
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
  const a = ins[0] && constantValue(ins[0])
  const b = ins[1] && constantValue(ins[1])
  // -0 + 0 is 0, so that only -0 (in floats) leaves every number as it is.
  const nothing = node.op === addOp && isFloat(ins[0].dtype) ? -0 : 0
  switch (node.op) {
    case addOp:
      return Object.is(a, nothing) ? ins[1] : Object.is(b, nothing) ? ins[0] : undefined
    case subOp:
      return Object.is(b, 0) ? ins[0] : undefined
    case mulOp:
      return a === 1 ? ins[1] : b === 1 ? ins[0] : undefined
    case divOp:
      return b === 1 ? ins[0] : undefined
    default:
      return undefined
  }
}

function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>()
  const count = (v: Value) => uses.set(v, (uses.get(v) ?? 0) + 1)
  for (const node of topologicalOrder(graph.outputs, new Set(graph.inputs))) node.inputs.forEach(count)
  graph.outputs.forEach(count)
  return uses
}

/**
 * (a b)ᵀ = bᵀ aᵀ: a product that is only read transposed is made that way round. Gradients of weights stored [out, in] come out in
 * their own layout, so that what follows them walks memory in order.
 */
function transposeProduct(node: Node, ins: readonly Value[]): Value | undefined {
  if (node.op !== transposeOp || ins[0].storage || ins[0].node.op !== matmulOp) return undefined
  const { axes } = node.attrs as { axes: readonly number[] }
  const rank = axes.length
  const swap = axes.map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i))
  if (axes.some((a, i) => a !== swap[i])) return undefined
  const product = ins[0].node
  const flip = (v: Value): Value => {
    const shape = swap.map((a) => v.shape[a])
    return makeNode(transposeOp, [v], { axes: swap }, [{ shape, dtype: v.dtype }], product.order).outputs[0]
  }
  const [a, b] = product.inputs
  return makeNode(matmulOp, [flip(b), flip(a)], product.attrs, node.outputs, product.order).outputs[0]
}

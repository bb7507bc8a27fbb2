// Vectorisation: maps a function of one example over a batch.

import { shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { topologicalOrder } from '../graph/graph.ts'
import { makeNode, type Node, type Value } from '../graph/node.ts'
import { flatten } from '../graph/tree.ts'
import type { Op } from '../op.ts'
import { add } from '../ops/add.ts'
import { bitwiseAnd } from '../ops/bitwise.ts'
import { broadcastTo, broadcastToOp } from '../ops/broadcast-sum.ts'
import { less, lessEqual } from '../ops/compare.ts'
import { barrierOp } from '../ops/copy.ts'
import { batchedGrouped } from '../ops/grouped-matmul/batched.ts'
import { groupedMatmulOp, groupedOuterOp } from '../ops/grouped-matmul/grouped-matmul.ts'
import { inputOp, iota } from '../ops/leaf.ts'
import { matmul, matmulOp } from '../ops/matmul/matmul.ts'
import { mul } from '../ops/mul.ts'
import { reshape, reshapeOp } from '../ops/reshape.ts'
import { sliceOp } from '../ops/slice-concatenate.ts'
import { scatterAddRowsOp, takeOp } from '../ops/take.ts'
import { transpose, transposeOp } from '../ops/transpose.ts'
import { where } from '../ops/where.ts'
import { formatShape, normalizeAxis } from '../shape.ts'
import { apply, apply1, isTensor, Tensor } from '../tensor.ts'
import { refusePromise } from './grad.ts'

/** An operand of a node: batched, with the batch axis first, or shared by all examples. */
interface Operand {
  readonly t: Tensor
  readonly batched: boolean
}

/** Applies an op to the whole batch: every result has the batch axis, of `size`, first. */
type Rule<A> = (operands: readonly Operand[], attrs: A, size: number, op: Op<A>) => Tensor[]

/** The operand with the batch axis first; a shared one is repeated. */
const each = ({ t, batched }: Operand, size: number): Tensor => (batched ? t : broadcastTo(t, [size, ...t.shape]))

/** The op unchanged, for ops that treat leading axes alike. */
const same: Rule<unknown> = (operands, attrs, size, op) =>
  apply(
    op,
    operands.map((x) => each(x, size)),
    attrs,
  )
/** The op with its attribute `axis` plus one. */
const shifted: Rule<unknown> = (operands, attrs, size, op) => {
  const { axis, ...others } = attrs as { axis: number }
  return same(operands, { ...others, axis: axis + 1 }, size, op)
}

/** Ids into one table with the rows of all examples; ids out of range become -1. */
function globalIds(ids: Tensor, rows: number): Tensor {
  const inside = bitwiseAnd(lessEqual(0, ids), less(ids, rows))
  return where(inside, add(ids, mul(iota(ids.shape, 0), rows)), -1)
}

let rules: ReadonlyMap<Op<unknown>, Rule<unknown>> | undefined

/** An entry of the rules, whose attributes have the op's type. */
const rule = <A>(op: Op<A>, apply: Rule<A>): [Op<unknown>, Rule<unknown>] => [op as Op<unknown>, apply as Rule<unknown>]

/** Built on first use, so that pages without vmap do not load these ops. */
const makeRules = (): ReadonlyMap<Op<unknown>, Rule<unknown>> =>
  new Map([
    rule(barrierOp, (operands, attrs, size, op) =>
      apply(op, [each(operands[0], size), ...operands.slice(1).map((x) => x.t)], attrs),
    ),
    rule(groupedMatmulOp, ([x, other, sizes], attrs, size, op) => [
      batchedGrouped(op, attrs, each(x, size), each(other, size), each(sizes, size)),
    ]),
    rule(groupedOuterOp, ([x, other, sizes], attrs, size, op) => [
      batchedGrouped(op, attrs, each(x, size), each(other, size), each(sizes, size)),
    ]),
    rule(reshapeOp, ([x], { shape }, size) => [reshape(each(x, size), [size, ...shape])]),
    rule(transposeOp, ([x], { axes }, size) => [transpose(each(x, size), [0, ...axes.map((a) => a + 1)])]),
    rule(broadcastToOp, ([x], { shape }, size) => {
      const t = each(x, size)
      const ones = Array<number>(shape.length - (t.ndim - 1)).fill(1)
      return [broadcastTo(reshape(t, [size, ...ones, ...t.shape.slice(1)]), [size, ...shape])]
    }),
    rule(sliceOp, ([x], { starts, sizes }, size) => [
      apply1(sliceOp, [each(x, size)], { starts: [0, ...starts], sizes: [size, ...sizes] }),
    ]),
    rule(matmulOp, ([a, b], { dtype }, size) => [
      !b.batched && b.t.ndim === 2
        ? matmul(a.t, b.t, { dtype })
        : apply1(matmulOp, [each(a, size), each(b, size)], { dtype }),
    ]),
    rule(takeOp, ([table, ids], attrs, size) => {
      if (!table.batched) return [apply1(takeOp, [table.t, ids.t], attrs)]
      const [, rows, ...row] = table.t.shape
      return [apply1(takeOp, [reshape(table.t, [size * rows, ...row]), globalIds(each(ids, size), rows)], attrs)]
    }),
    rule(scatterAddRowsOp, ([x, ids], { rows }, size) => {
      const all = apply1(scatterAddRowsOp, [each(x, size), globalIds(each(ids, size), rows)], { rows: size * rows })
      return [reshape(all, [size, rows, ...all.shape.slice(1)])]
    }),
  ])

function ruleOf({ op }: Node): Rule<unknown> {
  if (op.elementwise || op.batching === 'leading') return same
  if (op.batching === 'axis') return shifted
  rules ??= makeRules()
  const known = rules.get(op)
  if (known) return known
  const { definition } = op
  if (!definition)
    throw new TypeError(
      `vmap: the op ${op.name} has no batching rule; call it outside of vmap, or give the op a batching rule`,
    )
  // By its definition, traced for one example.
  return (operands, attrs, size) => {
    const known = new Map<Value, Tensor>()
    const ins = operands.map(({ t, batched }, i) => {
      if (!batched) return t
      const example = placeholder({ shape: t.shape.slice(1), dtype: t.dtype }, t)
      known.set(example.value, operands[i].t)
      return example
    })
    return replay(definition(ins, attrs), known, size)
  }
}

function placeholder(spec: Pick<Tensor, 'shape' | 'dtype'>, like: Tensor): Tensor {
  const { shape, dtype } = spec
  const node = makeNode(inputOp, [], { index: 0, shape, dtype }, [{ shape, dtype }])
  return new Tensor(node.outputs[0], like.device)
}

/** Replays a graph traced for one example for the batch; `known` has the batched inputs by placeholder. */
function replay(outputs: readonly Tensor[], known: Map<Value, Tensor>, size: number): Tensor[] {
  const device = [...known.values()].find((t) => t.device)?.device
  const operand = (v: Value): Operand => {
    const t = known.get(v)
    return t ? { t, batched: true } : { t: new Tensor(v, v.storage?.owner), batched: false }
  }
  const order = topologicalOrder(
    outputs.map((t) => t.value),
    new Set(known.keys()),
  )
  for (const node of order) {
    if (!node.inputs.some((v) => known.has(v))) continue
    const made = ruleOf(node)(node.inputs.map(operand), node.attrs, size, node.op)
    for (const [i, v] of node.outputs.entries()) known.set(v, new Tensor(made[i].value, made[i].device ?? device))
  }
  return outputs.map((t) => each(operand(t.value), size))
}

/**
 * Maps a function of one example over a batch: `vmap(f)(xs)` is the stack of `f(x)` for every x of xs, traced once and
 * computed by operations on the whole batch. An op is mapped by its batching rule or its definition; an op without
 * either is an error that names it. Random numbers are the same for all examples unless the key is mapped too;
 * `checkpoint` inside does not save memory.
 *
 * @param inAxes for each argument the batch axis of its tensors (one number for all arguments), or null if it is shared
 *   by all examples
 * @param outAxis position of the batch axis in the results
 * @throws ShapeError if batch sizes of arguments differ, TypeError for an op without rule and definition
 * @example
 * vmap((x, w) => x.mul(w).sum(), [0, null])(device.tensor([[1, 2], [3, 4]]), device.tensor([1, 10])) // [21, 43]
 */
export function vmap<Args extends unknown[], R>(
  f: (...args: Args) => R,
  inAxes: number | null | readonly (number | null)[] = 0,
  outAxis = 0,
): (...args: Args) => R {
  if (typeof f !== 'function') throw new TypeError(`vmap: expected a function, got ${shown(f)}`)
  return (...args) => {
    const flat = flatten(args)
    const axisOf = (path: string): number | null => {
      const axis = Array.isArray(inAxes) ? inAxes[Number(path.split('.')[0])] : inAxes
      if (axis !== null && !Number.isInteger(axis))
        throw new TypeError(`vmap: inAxes has one integer or null for each argument, got ${shown(inAxes)}`)
      return axis as number | null
    }
    const known = new Map<Value, Tensor>()
    let size: number | undefined
    const placeholders = flat.leaves.map((leaf, i) => {
      if (!isTensor(leaf)) return leaf
      const axis = axisOf(flat.paths[i])
      if (axis === null) return leaf
      const a = normalizeAxis('vmap', axis, leaf.ndim)
      if (size !== undefined && size !== leaf.shape[a])
        throw new ShapeError(
          `vmap: arguments have different numbers of examples: ${size} and ${leaf.shape[a]} (axis ${a} of ${formatShape(leaf.shape)})`,
        )
      size = leaf.shape[a]
      const front = transpose(leaf, [a, ...[...leaf.shape.keys()].filter((k) => k !== a)])
      const example = placeholder({ shape: front.shape.slice(1), dtype: leaf.dtype }, leaf)
      known.set(example.value, front)
      return example
    })
    if (size === undefined) throw new TypeError('vmap: no argument is a tensor with an axis of examples')
    const value = f(...(flat.rebuild(placeholders) as Args))
    refusePromise('vmap', value)
    const result = flatten(value)
    const outs = replay(result.leaves.filter(isTensor), known, size)
    let k = 0
    return result.rebuild(
      result.leaves.map((leaf) => {
        if (!isTensor(leaf)) return leaf
        const t = outs[k++]
        const to = normalizeAxis('vmap', outAxis, t.ndim)
        const order = [...t.shape.keys()].slice(1)
        order.splice(to, 0, 0)
        return transpose(t, order)
      }),
    ) as R
  }
}

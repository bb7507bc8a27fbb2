// Loops that are part of the graph.

import { requireBoolean, requireOptions, requireWhole, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { topologicalOrder } from '../graph/graph.ts'
import { makeNode, type Node, type Value } from '../graph/node.ts'
import { type Flattened, flatten } from '../graph/tree.ts'
import { inputOp } from '../ops/leaf.ts'
import { reshape } from '../ops/reshape.ts'
import { stack } from '../ops/shapes.ts'
import { sliceAxis } from '../ops/slice-concatenate.ts'
import { formatShape } from '../shape.ts'
import { apply, isTensor, Tensor } from '../tensor.ts'
import { checkpoint } from './checkpoint.ts'
import { refusePromise } from './grad.ts'

/** Most steps of one graph. */
const maximumSteps = 1024

export interface ScanOptions {
  /** Number of steps; required if xs has no tensor. */
  readonly length?: number
  /** Runs from the last row to the first. */
  readonly reverse?: boolean
  /** Gradients keep only the carries and recompute each step. */
  readonly checkpoint?: boolean
}

/** The number of steps of a tree of stacked tensors. @throws ShapeError if its tensors differ */
export function stepsOf(op: string, xs: Flattened, length?: number): number {
  let steps = length
  xs.leaves.forEach((leaf, i) => {
    if (!isTensor(leaf)) return
    const n = leaf.ndim === 0 ? undefined : leaf.shape[0]
    if (n === undefined || (steps !== undefined && n !== steps))
      throw new ShapeError(
        `${op}: xs ${xs.paths[i]} must have ${steps ?? 'the'} steps along its first axis, got ${formatShape(leaf.shape)}`,
      )
    steps = n
  })
  if (steps === undefined) throw new ShapeError(`${op}: xs has no tensor; say how many steps by { length }`)
  return steps
}

/**
 * The flattened result of a body.
 * @throws TypeError, ShapeError unless it is [carry, y] with a carry like the one given
 */
export function requireStep(op: string, result: unknown, carry: Flattened): [Flattened, Flattened] {
  refusePromise(op, result)
  if (!Array.isArray(result) || result.length !== 2)
    throw new TypeError(`${op}: the function must return [carry, y], got ${shown(result)}`)
  const next = flatten(result[0])
  const same =
    next.structure === carry.structure &&
    next.leaves.every((leaf, i) => {
      const before = carry.leaves[i]
      if (!isTensor(leaf) || !isTensor(before)) return leaf === before
      return leaf.dtype === before.dtype && leaf.shape.join() === before.shape.join()
    })
  if (!same) {
    const about = (flat: Flattened) => flat.leaves.map((l) => shown(l)).join(', ')
    throw new ShapeError(`${op}: the carry must stay what it is: it was ${about(carry)}, and became ${about(next)}`)
  }
  return [next, flatten(result[1])]
}

/**
 * Runs `f(carry, x)` for every row x of xs and passes the carry on: a loop that is part of the graph, so that it can be
 * differentiated, compiled and mapped like any operation. `f` is traced once and its graph repeated for each step, up
 * to 1024 of them; the program grows with their number. For longer loops or smaller programs see `compileScan`.
 *
 * @param f returns [carry, y]: the next carry, with the same shapes and dtypes, and the result of the step
 * @param init the first carry, a tree of tensors
 * @param xs a tree of tensors [steps, ...]
 * @returns [the last carry, the tree of ys, stacked: [steps, ...]]
 * @throws ShapeError if shapes or dtypes of the carry change, RangeError for more than 1024 steps
 * @example scan((c, x) => [c.add(x), c], device.tensor(0), device.tensor([1, 2, 3])) // [6, [0, 1, 3]]
 */
export function scan<C, X, Y>(
  f: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [C, Y] {
  requireOptions('scan', options, ['length', 'reverse', 'checkpoint'])
  const { length, reverse = false, checkpoint: recompute = false } = options
  if (length !== undefined) requireWhole('scan', 'length', length)
  requireBoolean('scan', 'reverse', reverse)
  requireBoolean('scan', 'checkpoint', recompute)
  if (typeof f !== 'function') throw new TypeError(`scan: expected a function of carry and x, got ${shown(f)}`)
  const first = flatten(init)
  const rows = flatten(xs)
  const steps = stepsOf('scan', rows, length)
  if (steps < 1) throw new ShapeError('scan: needs at least one step')
  if (steps > maximumSteps)
    throw new RangeError(`scan: ${steps} steps are more than one graph may hold (${maximumSteps}); use compileScan`)

  const device = [...first.leaves, ...rows.leaves].find(
    (l): l is Tensor => isTensor(l) && l.device !== undefined,
  )?.device
  const placeholders: Value[] = []
  const placeholder = (shape: readonly number[], dtype: Tensor['dtype']): Tensor => {
    const node = makeNode(inputOp, [], { index: placeholders.length, shape, dtype }, [{ shape, dtype }])
    placeholders.push(node.outputs[0])
    return new Tensor(node.outputs[0], device)
  }
  const carryPlaceholders = first.leaves.map((l) => (isTensor(l) ? placeholder(l.shape, l.dtype) : l))
  const rowPlaceholders = rows.leaves.map((l) => (isTensor(l) ? placeholder(l.shape.slice(1), l.dtype) : l))
  const result = f(first.rebuild(carryPlaceholders) as C, rows.rebuild(rowPlaceholders) as X)
  const [next, given] = requireStep('scan', result, first)
  const outputs = [...next.leaves, ...given.leaves].filter(isTensor)
  const body = dependents(outputs, placeholders)

  /** One step, from tensors to tensors: repeats the traced nodes that depend on carry or x. */
  const step = (inputs: readonly Tensor[]): Tensor[] => {
    const known = new Map<Value, Tensor>(placeholders.map((v, i) => [v, inputs[i]]))
    const get = (v: Value) => known.get(v) ?? new Tensor(v, v.storage?.owner)
    for (const node of body) {
      const made = apply(node.op, node.inputs.map(get), node.attrs)
      for (const [i, v] of node.outputs.entries()) known.set(v, made[i])
    }
    return outputs.map((t) => get(t.value))
  }
  const run = recompute ? checkpoint(step) : step
  const carries = next.leaves.filter(isTensor).length
  let carry = first.leaves.filter(isTensor)
  const ys: Tensor[][] = []
  const tensors = rows.leaves.filter(isTensor)
  for (let k = 0; k < steps; k++) {
    const at = reverse ? steps - 1 - k : k
    const x = tensors.map((t) => reshape(sliceAxis(t, 0, at, at + 1), t.shape.slice(1)))
    const made = run([...carry, ...x])
    carry = made.slice(0, carries)
    ys[at] = made.slice(carries)
  }
  const placed = (flat: Flattened, list: readonly Tensor[]) => {
    let k = 0
    return flat.rebuild(
      flat.leaves.map((leaf) => {
        if (!isTensor(leaf)) return leaf
        const t = list[k++]
        return new Tensor(t.value, t.device ?? device)
      }),
    )
  }
  const stacked = (ys[0] ?? []).map((_, i) => stack(ys.map((y) => y[i])))
  return [placed(next, carry) as C, placed(given, stacked) as Y]
}

/**
 * The nodes between placeholders and outputs, in order. Those that depend on no placeholder are shared by all steps.
 */
function dependents(outputs: readonly Tensor[], placeholders: readonly Value[]): Node[] {
  const touched = new Set<Value>(placeholders)
  return topologicalOrder(
    outputs.map((t) => t.value),
    touched,
  ).filter((node) => {
    if (!node.inputs.some((v) => touched.has(v))) return false
    for (const v of node.outputs) touched.add(v)
    return true
  })
}

// Forward and reverse derivatives of any function: jvp and vjp.

import { requireTensor } from '../arguments.ts'
import { isFloat } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { type Flattened, flatten } from '../graph/tree.ts'
import { copyOp } from '../ops/copy.ts'
import { zeros } from '../ops/full.ts'
import { formatShape, sameShape } from '../shape.ts'
import { apply1, isTensor, Tensor } from '../tensor.ts'
import { refusePromise } from './grad.ts'
import { pullBack } from './vjp.ts'

const own = (t: Tensor): Tensor => apply1(copyOp, [t], {})

/** The tensors of a tree that must look like another: gradients of results, directions of arguments. */
function matching(op: string, name: string, given: unknown, like: Flattened): (Tensor | undefined)[] {
  const flat = flatten(given)
  if (flat.structure !== like.structure)
    throw new ShapeError(`${op}: ${name} must have the structure of what they belong to`)
  return like.leaves.map((leaf, i) => {
    if (!isTensor(leaf)) return undefined
    const t = flat.leaves[i]
    requireTensor(op, t, `${name} ${like.paths[i]}`.trim())
    if (!sameShape(t.shape, leaf.shape))
      throw new ShapeError(
        `${op}: ${name} ${like.paths[i]} must be ${formatShape(leaf.shape)}, got ${formatShape(t.shape)}`,
      )
    return isFloat(leaf.dtype) ? t : undefined
  })
}

/**
 * The value of a function of one tree of tensors, and what pulls gradients of the result back to the argument (reverse
 * mode). Gradients are float32; integer leaves get zeros.
 * @example
 * const { value, pull } = vjp((x) => x.square(), device.tensor([1, 2]))
 * pull(ones(value.shape)) // [2, 4]
 */
export function vjp<P, R>(f: (params: P) => R, params: P): { value: R; pull: (gradients: R) => P } {
  const flat = flatten(params)
  const marked = flat.leaves.map((leaf) => (isTensor(leaf) ? own(leaf) : leaf))
  const value = f(flat.rebuild(marked) as P)
  refusePromise('vjp', value)
  const result = flatten(value)
  const pull = (gradients: R): P => {
    const given = matching('vjp', 'gradients', gradients, result)
    const inputs = marked.filter(isTensor)
    const outputs = result.leaves.flatMap((leaf, i) => (isTensor(leaf) && given[i] ? [[leaf, given[i]] as const] : []))
    const device = [...inputs, ...outputs.flat()].find((t) => t.device)?.device
    const pulled = pullBack(
      outputs.map(([t]) => t),
      outputs.map(([, g]) => g),
      inputs,
      device,
    )
    let k = 0
    return flat.rebuild(
      marked.map((leaf) => {
        if (!isTensor(leaf)) return leaf
        const g = pulled[k++] ?? zeros(leaf.shape)
        return new Tensor(g.value, g.device ?? device)
      }),
    ) as P
  }
  return { value, pull }
}

/**
 * The value of a function of one tree of tensors, and its derivative in a direction (forward mode): how the result
 * changes when the argument moves along `tangents`. It is made of two reverse passes (the second one transposes the
 * first), so that every op with a gradient has it; it costs about as much as a gradient.
 * @returns the tangents of float results, float32; integer results have zeros
 * @throws ShapeError where the tangents do not look like the argument
 * @example jvp((x) => x.square(), device.tensor([3]), device.tensor([1])) // { value: [9], tangent: [6] }
 */
export function jvp<P, R>(f: (params: P) => R, params: P, tangents: P): { value: R; tangent: R } {
  const flat = flatten(params)
  const directions = matching('jvp', 'tangents', tangents, flat)
  const marked = flat.leaves.map((leaf) => (isTensor(leaf) ? own(leaf) : leaf))
  const value = f(flat.rebuild(marked) as P)
  refusePromise('jvp', value)
  const result = flatten(value)
  const inputs: Tensor[] = []
  const moves: Tensor[] = []
  marked.forEach((leaf, i) => {
    const d = directions[i]
    if (!isTensor(leaf) || !d) return
    inputs.push(leaf)
    moves.push(d)
  })
  const outputs = result.leaves.filter((leaf): leaf is Tensor => isTensor(leaf) && isFloat(leaf.dtype))
  const device = [...inputs, ...outputs].find((t) => t.device)?.device
  // What is pulled back is linear in these: pulling the directions through it gives how the results move.
  const probes = outputs.map((t) => new Tensor(own(zeros(t.shape)).value, device))
  const pulled = pullBack(outputs, probes, inputs, device)
  const reached = pulled.flatMap((g, i) => (g ? [[g, moves[i]] as const] : []))
  const tangent = pullBack(
    reached.map(([g]) => g),
    reached.map(([, d]) => d),
    probes,
    device,
  )
  let k = 0
  return {
    value,
    tangent: result.rebuild(
      result.leaves.map((leaf) => {
        if (!isTensor(leaf)) return leaf
        const t = (isFloat(leaf.dtype) ? tangent[k++] : undefined) ?? zeros(leaf.shape)
        return new Tensor(t.value, t.device ?? device)
      }),
    ) as R,
  }
}

// Forward-mode and reverse-mode derivatives of any function: jvp and vjp.

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

/** The tensors of a tree that must match another: gradients for results, tangents for arguments. @throws ShapeError */
function matching(op: string, name: string, given: unknown, like: Flattened): (Tensor | undefined)[] {
  const flat = flatten(given)
  if (flat.structure !== like.structure)
    throw new ShapeError(`${op}: ${name} must be a tree like ${op === 'jvp' ? 'the argument' : 'the result'}`)
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
 * The value of a function of one tree of tensors, and its vector-Jacobian product (reverse mode): `pull` maps gradients
 * of the result to gradients of the argument. Gradients are float32; integer leaves get zeros.
 * @throws (from pull) ShapeError if the gradients do not match the result
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
 * The value of a function of one tree of tensors, and its Jacobian-vector product (forward mode): the derivative of the
 * result when the argument moves along `tangents`. Computed by two reverse passes (the second transposes the first), so
 * that it is available for every op with a gradient; it costs about as much as a gradient.
 * @returns the tangents of float results, float32; zeros for integer results
 * @throws ShapeError if the tangents do not match the argument
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
  const inputTangents: Tensor[] = []
  marked.forEach((leaf, i) => {
    const d = directions[i]
    if (!isTensor(leaf) || !d) return
    inputs.push(leaf)
    inputTangents.push(d)
  })
  const outputs = result.leaves.filter((leaf): leaf is Tensor => isTensor(leaf) && isFloat(leaf.dtype))
  const device = [...inputs, ...outputs].find((t) => t.device)?.device
  // The gradients of the inputs are linear in the probes: the derivative of that map gives the tangents of the results.
  const probes = outputs.map((t) => new Tensor(own(zeros(t.shape)).value, device))
  const pulled = pullBack(outputs, probes, inputs, device)
  const reached = pulled.flatMap((g, i) => (g ? [[g, inputTangents[i]] as const] : []))
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

// einsum, by transposes, matrix products and sums.

import { requireTensor, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { elementCount, formatShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { broadcastTo, sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal } from './compare.ts'
import { iota } from './leaf.ts'
import { matmul } from './matmul/matmul.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { transpose } from './transpose.ts'
import { where } from './where.ts'

/** A tensor with a label for each axis. */
interface Named {
  readonly t: Tensor
  readonly labels: readonly string[]
}

/** Merges axes with the same label: the diagonal. */
function diagonal({ t, labels }: Named): Named {
  const again = labels.findIndex((l, i) => labels.indexOf(l) !== i)
  if (again < 0) return { t, labels }
  const first = labels.indexOf(labels[again])
  const hot = equal(iota(t.shape, first), iota(t.shape, again))
  return diagonal({ t: sum(where(hot, t, 0), again), labels: labels.filter((_, i) => i !== again) })
}

/** Sums over the axes that are not kept. */
function reduced({ t, labels }: Named, keep: (label: string) => boolean): Named {
  const axes = labels.flatMap((l, i) => (keep(l) ? [] : [i]))
  return axes.length === 0 ? { t, labels } : { t: sum(t, axes), labels: labels.filter(keep) }
}

function ordered({ t, labels }: Named, wanted: readonly string[]): Tensor {
  return transpose(
    t,
    wanted.map((l) => labels.indexOf(l)),
  )
}

/**
 * The contraction of two: shared axes that are kept are batch axes, the other shared axes are summed over by a matrix
 * product.
 */
function contract(a: Named, b: Named, keep: (label: string) => boolean): Named {
  const x = reduced(a, (l) => keep(l) || b.labels.includes(l))
  const y = reduced(b, (l) => keep(l) || a.labels.includes(l))
  const shared = x.labels.filter((l) => y.labels.includes(l))
  const batch = shared.filter(keep)
  const inner = shared.filter((l) => !keep(l))
  const left = x.labels.filter((l) => !shared.includes(l))
  const right = y.labels.filter((l) => !shared.includes(l))
  const size = (list: readonly string[], from: Named) => list.map((l) => from.t.shape[from.labels.indexOf(l)])
  const [batches, m, n, k] = [size(batch, x), size(left, x), size(right, y), size(inner, x)]
  const flat = (named: Named, order: readonly string[], parts: readonly number[]) =>
    reshape(ordered(named, order), [elementCount(batches), ...parts])
  const p = flat(x, [...batch, ...left, ...inner], [elementCount(m), elementCount(k)])
  const q = flat(y, [...batch, ...inner, ...right], [elementCount(k), elementCount(n)])
  const t = reshape(matmul(p, q, { dtype: 'float32' }), [...batches, ...m, ...n])
  return { t, labels: [...batch, ...left, ...right] }
}

/**
 * Einstein summation: axes are labelled by letters, operands are multiplied along axes with the same label, and axes
 * whose label the result does not have are summed over. Without `->` the result has the labels that occur once, in
 * alphabetical order. `...` denotes axes that broadcast. Two operands are contracted by a matrix product, more of them
 * from left to right. Computed in float32.
 * @returns float32
 * @throws ShapeError if labels and shapes do not agree
 * @example
 * const m = device.tensor([[1, 2], [3, 4]])
 * einsum('ij,jk->ik', m, m) // [[7, 10], [15, 22]]
 * einsum('ii->', m) // 5
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  if (typeof equation !== 'string' || operands.length === 0)
    throw new TypeError(
      `einsum: expected an equation and tensors, such as einsum('ij,jk->ik', a, b), got ${shown(equation)}`,
    )
  for (const t of operands) {
    requireTensor('einsum', t)
    requireFloat('einsum', t)
  }
  const [left, right, ...more] = equation.replaceAll(/\s/g, '').split('->')
  const terms = left.split(',')
  const form = /^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/
  if (more.length > 0 || ![...terms, right ?? ''].every((term) => form.test(term)))
    throw new ShapeError(`einsum: '${equation}' is not an equation; write letters for axes, such as 'ij,jk->ik'`)
  if (terms.length !== operands.length)
    throw new ShapeError(`einsum: '${equation}' has ${terms.length} terms, but there are ${operands.length} tensors`)
  // The axes of `...` are labelled by their position from the right: '-1', '-2', ...
  const extra = terms.map((term, i) => (term.includes('...') ? operands[i].ndim - (term.length - 3) : 0))
  const deepest = Math.max(...extra)
  const dots = (count: number) => Array.from({ length: count }, (_, i) => String(i - count))
  const named = (term: string, count: number): string[] => {
    const [front, back = ''] = term.split('...')
    return [...front, ...(term.includes('...') ? dots(count) : []), ...back]
  }
  const sizes = new Map<string, number>()
  const inputs = terms.map((term, i): Named => {
    const labels = extra[i] < 0 ? [] : named(term, extra[i])
    if (labels.length !== operands[i].ndim)
      throw new ShapeError(`einsum: '${term}' does not name the axes of ${formatShape(operands[i].shape)}`)
    labels.forEach((l, k) => {
      const d = operands[i].shape[k]
      const known = sizes.get(l)
      const stretches = l.startsWith('-') && (d === 1 || known === 1)
      if (known !== undefined && known !== d && !stretches)
        throw new ShapeError(`einsum: axis '${l}' of '${equation}' is ${known} and ${d} long`)
      sizes.set(l, stretches ? Math.max(d, known ?? 1) : d)
    })
    return { t: cast(operands[i], 'float32'), labels }
  })
  const all = inputs.flatMap((x) => x.labels)
  const result =
    right === undefined
      ? [
          ...dots(deepest),
          ...[...sizes.keys()].filter((l) => !l.startsWith('-') && all.indexOf(l) === all.lastIndexOf(l)).sort(),
        ]
      : named(right, deepest)
  for (const l of result)
    if (!sizes.has(l) || result.indexOf(l) !== result.lastIndexOf(l))
      throw new ShapeError(
        `einsum: '${l}' of the result of '${equation}' must be an axis of an operand, and occur once`,
      )
  const stretched = inputs.map(({ t, labels }) =>
    diagonal({
      t: broadcastTo(
        t,
        labels.map((l) => sizes.get(l)!),
      ),
      labels,
    }),
  )
  let total = stretched[0]
  stretched.slice(1).forEach((next, i) => {
    const later = new Set(stretched.slice(i + 2).flatMap((x) => x.labels))
    total = contract(total, next, (l) => result.includes(l) || later.has(l))
  })
  return ordered(
    reduced(total, (l) => result.includes(l)),
    result,
  )
}

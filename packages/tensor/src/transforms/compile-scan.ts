// Loops of any length over one compiled step.

import { ShapeError } from '../errors.ts'
import { flatten, mapTensors } from '../graph/tree.ts'
import { add } from '../ops/add.ts'
import { cast } from '../ops/cast.ts'
import { zeros } from '../ops/full.ts'
import { reshape } from '../ops/reshape.ts'
import { concatenate } from '../ops/slice-concatenate.ts'
import { take } from '../ops/take.ts'
import { isTensor, type Tensor } from '../tensor.ts'
import { compile } from './compile.ts'
import { vjp } from './jvp.ts'
import { requireStep, stepsOf } from './scan.ts'

/** The results of a compiled scan, and its backward pass. */
export interface ScanTrace<C, X, Y, P> {
  readonly carry: C
  readonly ys: Y
  /** The gradients of init, xs and params, from those of the last carry and the ys. */
  pull(gradients: { carry: C; ys: Y }): Promise<{ init: C; xs: X; params: P }>
  /** Releases the carries that were kept for `pull`, but not the results. */
  dispose(): void
}

export interface CompiledScan<C, X, Y, P> {
  /** Runs all steps: `[the last carry, ys]`. */
  (init: C, xs: X, params: P): Promise<[C, Y]>
  /** The same, keeping the carry of every step for the gradient. */
  vjp(init: C, xs: X, params: P): Promise<ScanTrace<C, X, Y, P>>
  dispose(): void
}

/** Number of tensors concatenated at a time when results are stacked. */
const stackedAtOnce = 49

/**
 * A loop of any length over one compiled step: `f(carry, x, params)` is traced and compiled once and run for every row
 * x of xs. Neither the program nor its working memory grows with the number of steps: a carry is disposed once the next
 * one exists. `vjp` keeps all carries and recomputes each step in the backward pass, which is one compiled program too.
 *
 * Each step is a separate call, so very small bodies are bound by the cost of a call. Inside `compile`, `grad` or
 * `vmap`, use `scan`.
 *
 * @param f returns [carry, y]; gradients are computed only for its arguments, not for tensors it closes over
 * @example
 * const total = compileScan((sum, x, scale) => [sum.add(x.mul(scale)), sum])
 * await total(device.tensor(0), device.tensor([1, 2, 3]), device.tensor(10)) // [60, [0, 10, 30]]
 */
export function compileScan<C, X, Y, P = undefined>(
  f: (carry: C, x: X, params: P) => readonly [C, Y],
): CompiledScan<C, X, Y, P> {
  /** Row `at` (a scalar tensor) of every tensor of a tree. */
  const rowsAt = <T>(xs: T, at: Tensor): T =>
    mapTensors(xs, (t) => reshape(take(t, reshape(cast(at, 'int32'), [1])), t.shape.slice(1)))

  const forward = compile((carry: any, xs: any, at: Tensor, params: any) => {
    const result = f(carry, rowsAt(xs, at), params)
    requireStep('compileScan', result, flatten(carry))
    return result
  })
  const backward = compile((carry: any, xs: any, at: Tensor, params: any, gCarry: any, gYs: any, sums: any) => {
    const { pull } = vjp(([c, x, p]: [C, X, P]) => f(c, x, p), [carry, rowsAt(xs, at), params] as [C, X, P])
    const [c, x, p] = pull([gCarry, rowsAt(gYs, at)])
    const more = flatten(p)
    const before = flatten(sums).leaves
    const total = more.leaves.map((g, i) => (isTensor(g) ? add(before[i] as Tensor, g) : g))
    return { carry: c, x, sums: more.rebuild(total) }
  })

  const disposeAll = (tree: unknown, but: ReadonlySet<unknown> = new Set()): void => {
    for (const leaf of flatten(tree).leaves) if (isTensor(leaf) && !but.has(leaf)) leaf.dispose()
  }

  /** Trees of equal structure as one tree of stacked tensors; the parts are disposed. */
  async function stacked(trees: readonly unknown[]): Promise<unknown> {
    const flat = flatten(trees[0])
    const leaves: unknown[] = []
    for (const [i, leaf] of flat.leaves.entries()) {
      if (!isTensor(leaf)) {
        leaves.push(leaf)
        continue
      }
      let parts = trees.map((tree) => {
        const t = flatten(tree).leaves[i] as Tensor
        return [t, reshape(t, [1, ...t.shape])] as const
      })
      do {
        const next: (readonly [Tensor, Tensor])[] = []
        for (let k = 0; k < parts.length; k += stackedAtOnce) {
          const group = parts.slice(k, k + stackedAtOnce)
          // A single part is not copied: its view is evaluated.
          const t = await concatenate(group.map(([, view]) => view)).evaluate()
          next.push([t, t])
        }
        for (const [t] of parts) if (!next.some(([n]) => n === t)) t.dispose()
        parts = next
      } while (parts.length > 1)
      leaves.push(parts[0][0])
    }
    return flat.rebuild(leaves)
  }

  async function runAll(init: C, xs: X, params: P, keep?: C[]): Promise<[C, Y]> {
    const steps = stepsOf('compileScan', flatten(xs))
    if (steps < 1) throw new ShapeError('compileScan: needs at least one step')
    let carry = init
    const ys: unknown[] = []
    for (let at = 0; at < steps; at++) {
      keep?.push(carry)
      const [next, y] = (await forward(carry as any, xs as any, at, params as any)) as unknown as [C, Y]
      if (!keep && at > 0) disposeAll(carry)
      carry = next
      ys.push(y)
    }
    return [carry, (await stacked(ys)) as Y]
  }

  const call = (init: C, xs: X, params: P) => runAll(init, xs, params)
  return Object.assign(call, {
    async vjp(init: C, xs: X, params: P): Promise<ScanTrace<C, X, Y, P>> {
      const carries: C[] = []
      const [carry, ys] = await runAll(init, xs, params, carries)
      const given = new Set(flatten(init).leaves)
      return {
        carry,
        ys,
        async pull(gradients) {
          let gCarry: unknown = gradients.carry
          const device = [...flatten(carry).leaves, ...flatten(xs).leaves].find(isTensor)?.device
          let sums: unknown = mapTensors(params, (t) =>
            device ? device.tensor(0).add(zeros(t.shape)) : zeros(t.shape),
          )
          const gXs: unknown[] = new Array(carries.length)
          for (let at = carries.length - 1; at >= 0; at--) {
            const made: any = await backward(
              carries[at] as any,
              xs as any,
              at,
              params as any,
              gCarry as any,
              gradients.ys as any,
              sums as any,
            )
            if (at < carries.length - 1) disposeAll(gCarry)
            disposeAll(sums)
            gCarry = made.carry
            sums = made.sums
            gXs[at] = made.x
          }
          return { init: gCarry as C, xs: (await stacked(gXs)) as X, params: sums as P }
        },
        dispose: () => disposeAll(carries, given),
      }
    },
    dispose() {
      forward.dispose()
      backward.dispose()
    },
  })
}

// What a fused kernel is made of: the instructions of its nodes, the functions that they call, and shortcuts of these.

import { computeType, dtypeInfo, isPacked } from '../../dtype.ts'
import type { SimdStep } from '../../op.ts'
import type { Fused, FusedNode } from '../../passes/plan.ts'
import type { StraightLine } from './straight-line.ts'

/**
 * Names of the functions of the prebuilt kernels that fused code calls, in the order of its imports: those whose code
 * it cannot copy (`lines`).
 */
export function calledFunctions(steps: readonly Fused[], lines: ReadonlyMap<string, StraightLine>): string[] {
  const called = new Set<string>()
  for (const { leaves, nodes } of steps) {
    for (const { lanes } of [...leaves, ...nodes].map((x) => dtypeInfo[x.dtype]))
      for (const f of lanes ? [lanes.decode, lanes.encode] : []) if (f) called.add(f)
    for (const n of nodes) for (const step of codeOf(n) ?? []) if (callOf(step) !== undefined) called.add(callOf(step)!)
  }
  return [...called].filter((name) => !lines.has(name)).sort()
}

/** The function that an instruction `call NAME` calls. */
export const callOf = (step: SimdStep): string | undefined =>
  typeof step === 'string' && step.startsWith('call ') ? step.slice(5) : undefined

/** The index of the operand that an instruction `scalar INDEX` pushes as a scalar constant. */
export const scalarOf = (step: SimdStep): number | undefined =>
  typeof step === 'string' && step.startsWith('scalar ') ? Number(step.slice(7)) : undefined

/** The instructions of an op on operands of these dtypes, if it has any. */
export function codeOf({ op, from, dtype }: FusedNode): readonly SimdStep[] | undefined {
  const simd = op.elementwise?.simd
  return typeof simd === 'function' ? simd(computeType(from), computeType(dtype)) : simd?.[computeType(from)]
}

/**
 * Functions with a shortcut: another function that gives the same bits for arguments of magnitude `limit` at most. A
 * block of vectors is computed by shortcuts, and again in full if an argument was outside.
 */
export const shortcuts: Readonly<Record<string, { readonly name: string; readonly limit: number }>> = {
  exp: { name: 'expInRange', limit: 87.3 },
  sigmoid: { name: 'sigmoidInRange', limit: 87.3 },
  encodeBf16: { name: 'encodeBf16InRange', limit: Infinity },
}

/** Whether the generator has instructions for every node and format of a fused step. */
export function canFuse({ leaves, nodes }: Fused): boolean {
  return (
    [...leaves, ...nodes].every(({ dtype }) => !isPacked(dtype) || dtypeInfo[dtype].lanes) &&
    nodes.every((n) =>
      codeOf(n)?.every((step) => {
        const scalar = scalarOf(step)
        return scalar === undefined || leaves[n.args[scalar]]?.kind === 'constant'
      }),
    )
  )
}

/**
 * How many vectors a fused kernel computes together, which hides the latency of their instructions: as many as measured
 * fastest, fewer where the nodes need more registers than there are, twice as many where long functions are cut short
 * and no positions, whose steps are other constants in every vector, take the registers.
 */
export function blockOf({ leaves, nodes }: Fused, inner: number): number {
  const called = nodes.flatMap((n) => {
    const encode = n.op.identity ? undefined : dtypeInfo[n.dtype].lanes?.encode
    return [...(codeOf(n) ?? []).map(callOf), encode].filter((name) => name !== undefined)
  })
  const few = nodes.length > 12 ? 2 : 4
  const positions = leaves.some(({ kind }) => kind === 'index')
  const short = called.length > 0 && !positions && called.every((name) => name in shortcuts)
  return [...(short ? [2 * few] : []), few].find((vectors) => inner >= 4 * vectors) ?? 1
}

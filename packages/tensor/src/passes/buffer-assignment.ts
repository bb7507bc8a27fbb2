// Assigns values to buffers, by their lifetimes.

import { elementCount } from '../shape.ts'
import { isContiguous } from './access.ts'
import type { Operand } from './operand.ts'
import type { Location, Plan, PlanOptions, Step } from './plan.ts'

/** The lifetime of a piece of memory: values that are computed in place of each other share it. */
interface Lifetime {
  readonly slots: number[]
  bytes: number
  /** First and last step that uses it. */
  readonly from: number
  to: number
  /** The output that is computed in its place at last. */
  output?: number
}

/**
 * Liveness: a buffer is reused for another value once its last reader has run; elementwise kernels may write in place.
 * @param within for values that are parts of a concatenated one: its slot, and the offset in bytes
 */
export function assignBuffers(
  steps: readonly Step[],
  slots: Plan['slots'],
  inputSlots: readonly number[],
  outputSlots: readonly number[],
  within: ReadonlyMap<number, { readonly slot: number; readonly offset: number }>,
  { donated, preferred }: PlanOptions,
): Pick<Plan, 'locations' | 'aliases' | 'temporaries'> {
  /** Parts have the lifetime of the whole value. */
  const root = (slot: number) => within.get(slot)?.slot ?? slot
  const lastUse = new Array<number>(slots.length).fill(-1)
  steps.forEach((step, i) => {
    for (const x of step.inputs) lastUse[root(x.slot)] = i
    for (const x of step.outputs) lastUse[root(x.slot)] = Math.max(lastUse[root(x.slot)], i)
  })
  const locations = new Array<Location>(slots.length)
  inputSlots.forEach((s, index) => {
    locations[s] = { kind: 'input', index, offset: 0 }
  })
  const outputOf = new Map<number, number>(outputSlots.map((s, i) => [s, i]))
  const aliases = outputSlots.map(() => -1)
  const lifetimes: Lifetime[] = []
  const lifetimeOf = new Map<number, Lifetime>()

  steps.forEach((step, i) => {
    // Elementwise work reads an element before it writes it; operands of the kernel itself must not be overwritten.
    const fixed = step.epilogue ? step.inputs.slice(0, step.epilogue.operands) : []
    const rewritten = step.op?.rewrites === undefined ? -1 : step.inputs[step.op.rewrites].slot
    const inPlace = (slot: number, out: Operand): boolean =>
      ((step.fused ?? step.epilogue) !== undefined ||
        (slot === rewritten && step.inputs.filter((x) => x.slot === slot).length === 1)) &&
      !within.has(slot) &&
      !within.has(out.slot) &&
      fixed.every((x) => x.slot !== slot) &&
      slots[slot].bytes === slots[out.slot].bytes &&
      slots[slot].dtype === slots[out.slot].dtype &&
      step.inputs.every(
        (x) => x.slot !== slot || (isContiguous(x.access) && elementCount(x.access.shape) === slots[slot].elements),
      )
    const takenOver = new Set<Lifetime>()
    /** The lifetime of an operand that ends here and whose memory may become that of `out`. */
    const takeOver = (out: Operand): Lifetime | undefined => {
      const operand = step.inputs.find(({ slot: s }) => {
        const lifetime = lifetimeOf.get(s)
        return lifetime && lastUse[s] === i && !takenOver.has(lifetime) && inPlace(s, out)
      })
      const lifetime = operand && lifetimeOf.get(operand.slot)!
      if (lifetime) takenOver.add(lifetime)
      return lifetime
    }
    for (const out of step.outputs) {
      const slot = root(out.slot)
      if (slot !== out.slot && (locations[slot] || lifetimeOf.has(slot))) continue
      const o = outputOf.get(slot)
      if (o !== undefined) {
        locations[slot] = { kind: 'output', index: o, offset: 0 }
        const donor = preferred[o]
        if (donor >= 0 && donated.has(donor)) {
          const s = inputSlots[donor]
          if (slots[s].bytes === slots[slot].bytes && (lastUse[s] < i || (lastUse[s] === i && inPlace(s, out))))
            aliases[o] = donor
        }
        if (aliases[o] < 0) {
          const before = takeOver(out)
          if (before) before.output = o
        }
        continue
      }
      const before = takeOver(out)
      const lifetime: Lifetime = before ?? { slots: [], bytes: slots[slot].bytes, from: i, to: i }
      if (!before) lifetimes.push(lifetime)
      lifetime.slots.push(slot)
      lifetime.to = Math.max(i, lastUse[slot])
      lifetimeOf.set(slot, lifetime)
    }
  })

  const inTemporaries = lifetimes.filter(({ output }) => output === undefined)
  const { buffers, temporaries } = shareBuffers(inTemporaries)
  const place = ({ slots }: Lifetime, location: Location) => {
    for (const slot of slots) locations[slot] = location
  }
  for (const [t, lifetime] of inTemporaries.entries())
    place(lifetime, { kind: 'temporary', index: buffers[t], offset: 0 })
  for (const lifetime of lifetimes)
    if (lifetime.output !== undefined) place(lifetime, { kind: 'output', index: lifetime.output, offset: 0 })
  for (const [slot, part] of within) locations[slot] = { ...locations[part.slot], offset: part.offset }
  return { locations, aliases, temporaries }
}

/**
 * Assigns a buffer to every lifetime, so that no two in a buffer overlap. By decreasing size: each takes the smallest
 * buffer that is free for its whole duration, or a new one.
 */
function shareBuffers(lifetimes: readonly Lifetime[]): { buffers: number[]; temporaries: number[] } {
  const buffers = new Array<number>(lifetimes.length)
  const temporaries: number[] = []
  /** The lifetimes of each buffer, in order of time. */
  const inside: Lifetime[][] = []
  const order = lifetimes.map((_, t) => t).sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes || a - b)
  for (const t of order) {
    const lifetime = lifetimes[t]
    let index = -1
    let at = 0
    // The last buffers are the smallest.
    for (let k = temporaries.length - 1; k >= 0 && index < 0; k--) {
      at = startedBy(inside[k], lifetime.from)
      if (
        (at === 0 || inside[k][at - 1].to < lifetime.from) &&
        (at === inside[k].length || inside[k][at].from > lifetime.to)
      )
        index = k
    }
    if (index < 0) {
      index = temporaries.push(lifetime.bytes) - 1
      inside.push([])
      at = 0
    }
    inside[index].splice(at, 0, lifetime)
    buffers[t] = index
  }
  return { buffers, temporaries }
}

/** How many of the lifetimes, in order of time, begin at a step or before. */
function startedBy(list: readonly Lifetime[], step: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (list[middle].from <= step) low = middle + 1
    else high = middle
  }
  return low
}

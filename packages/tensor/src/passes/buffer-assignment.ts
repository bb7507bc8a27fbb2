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
  { donated, preferred, temporaryAlignment }: PlanOptions,
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
  const { places, temporaries } = shareBuffers(inTemporaries, temporaryAlignment)
  const place = ({ slots }: Lifetime, location: Location) => {
    for (const slot of slots) locations[slot] = location
  }
  for (const { lifetime, buffer, offset } of places) place(lifetime, { kind: 'temporary', index: buffer, offset })
  for (const lifetime of lifetimes)
    if (lifetime.output !== undefined) place(lifetime, { kind: 'output', index: lifetime.output, offset: 0 })
  for (const [slot, part] of within) {
    const whole = locations[part.slot]
    locations[slot] = { ...whole, offset: whole.offset + part.offset }
  }
  return { locations, aliases, temporaries }
}

/** Where a lifetime's memory is. */
interface Place {
  readonly lifetime: Lifetime
  readonly buffer: number
  readonly offset: number
  readonly bytes: number
}

/**
 * Assigns memory to every lifetime, so that no two overlap. By decreasing size: each takes the smallest gap between
 * those that live at the same time, or a new buffer.
 * @param alignment of lifetimes that share a buffer at the same time; undefined: none may
 */
function shareBuffers(
  lifetimes: readonly Lifetime[],
  alignment: number | undefined,
): { places: Place[]; temporaries: number[] } {
  const places = new Array<Place>(lifetimes.length)
  const temporaries: number[] = []
  /** What each buffer holds. */
  const inside: Place[][] = []
  const order = lifetimes.map((_, t) => t).sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes || a - b)
  for (const t of order) {
    const lifetime = lifetimes[t]
    const bytes = alignment ? Math.ceil(lifetime.bytes / alignment) * alignment : lifetime.bytes
    let best = { gap: Number.POSITIVE_INFINITY, buffer: -1, offset: 0 }
    // The last buffers are the smallest.
    for (let buffer = temporaries.length - 1; buffer >= 0; buffer--) {
      const size = temporaries[buffer]
      const meanwhile = livingMeanwhile(inside[buffer], lifetime, alignment === undefined ? -1 : size - bytes)
      if (meanwhile === undefined) continue
      let offset = 0
      for (let k = 0; k <= meanwhile.length; k++) {
        const gap = (k < meanwhile.length ? meanwhile[k].offset : size) - offset
        if (gap >= bytes && gap < best.gap) best = { gap, buffer, offset }
        if (k < meanwhile.length) offset = Math.max(offset, meanwhile[k].offset + meanwhile[k].bytes)
      }
    }
    if (best.buffer < 0) {
      best = { gap: bytes, buffer: temporaries.push(bytes) - 1, offset: 0 }
      inside.push([])
    }
    places[t] = { lifetime, bytes, buffer: best.buffer, offset: best.offset }
    inside[best.buffer].push(places[t])
  }
  return { places, temporaries }
}

const nothing: readonly Place[] = []

/**
 * What lives at the same time as a lifetime, by offset; undefined if one of them leaves too little room. Planning takes
 * the time of this for all pairs of lifetimes, so most, which are alone or without room, take no memory.
 */
function livingMeanwhile(places: readonly Place[], { from, to }: Lifetime, room: number): readonly Place[] | undefined {
  let found: Place[] | undefined
  for (const p of places) {
    if (p.lifetime.from > to || p.lifetime.to < from) continue
    if (p.bytes > room) return undefined
    if (found) found.push(p)
    else found = [p]
  }
  return found?.sort((a, b) => a.offset - b.offset) ?? nothing
}

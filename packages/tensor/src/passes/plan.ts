import { bufferBytes, type DType } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import { keyOf } from '../graph/key.ts'
import type { Node, Spec, Value } from '../graph/node.ts'
import type { Op } from '../op.ts'
import { elementCount, type Shape } from '../shape.ts'
import { type Access, contiguousAccess, isContiguous } from './access.ts'
import { type FuseLimits, fuse } from './fuse.ts'
import { inspection } from './inspection.ts'
import { joinInPlace, placeOf } from './join.ts'
import { materialize } from './materialize.ts'
import type { Operand } from './operand.ts'
import { isSame, Resolver, type Source } from './resolve.ts'
import type { Unit } from './schedule.ts'
import { simplify } from './simplify.ts'
import { widenWhereRead } from './widen.ts'

/** An operand of a fused kernel. */
export type Leaf =
  | ({ readonly kind: 'memory' } & Operand)
  | { readonly kind: 'constant'; readonly value: number; readonly dtype: DType }
  | { readonly kind: 'index'; readonly access: Access; readonly dtype: DType }
  /** In an epilogue: what the kernel has just made. */
  | { readonly kind: 'value'; readonly dtype: DType }

/** One node of a fused kernel; `args` index into the leaves followed by the nodes. */
export interface FusedNode {
  readonly op: Op<any>
  readonly attrs: any
  readonly args: readonly number[]
  /** dtype of the first argument and of the result. */
  readonly from: DType
  readonly dtype: DType
}

export interface Fused {
  readonly shape: Shape
  readonly leaves: readonly Leaf[]
  readonly nodes: readonly FusedNode[]
  /** For each output of the step, what it is: an index into the leaves followed by the nodes. */
  readonly results: readonly number[]
}

/** One kernel of the plan. */
export interface Step {
  readonly name: string
  readonly inputs: readonly Operand[]
  readonly outputs: readonly Operand[]
  readonly fused?: Fused
  readonly op?: Op<any>
  readonly attrs?: any
  readonly flops: number
  /** Elementwise work on the op's result: `inputs` are the op's operands, then the work's leaves; `outputs` are the work's. */
  readonly epilogue?: Fused & { readonly operands: number; readonly result: Spec }
  /** Elementwise work that makes the op's operand: `inputs` are the work's leaves. */
  readonly prologue?: Fused & { readonly operand: Spec }
}

/** Where a slot lives while a program runs. */
export interface Location {
  readonly kind: 'input' | 'output' | 'temporary'
  readonly index: number
  /** Bytes from the start of the buffer: where a piece of a joined value lies. */
  readonly offset: number
}

export interface Plan {
  readonly steps: readonly Step[]
  readonly slots: readonly { readonly dtype: DType; readonly elements: number; readonly bytes: number }[]
  readonly locations: readonly Location[]
  readonly inputSlots: readonly number[]
  readonly outputSlots: readonly number[]
  /** For each output: the donated input whose buffer it takes over, or -1. */
  readonly aliases: readonly number[]
  /** Bytes of each temporary buffer. */
  readonly temporaries: readonly number[]
}

export interface PlanOptions {
  readonly donated: ReadonlySet<number>
  readonly preferred: readonly number[]
  readonly limits: FuseLimits
  /** Bytes at whose multiples a kernel's output may start inside a buffer. */
  readonly partAlignment?: number
}

/** From a graph of kernels and elementwise nodes to steps over buffers. Pure: needs no device. */
export function planGraph(expanded: Graph, options: PlanOptions): Plan {
  const passed = (graph: Graph, stage: string): Graph => {
    inspection.graph?.(graph, stage)
    return graph
  }
  passed(expanded, 'expand')
  const simple = passed(simplify(expanded), 'simplify')
  const widened = passed(widenWhereRead(simple), 'widen')
  const graph = passed(materialize(widened), 'materialize')
  const resolver = new Resolver(graph.inputs)
  const fused = fuse(graph, resolver, options.limits)
  inspection.units?.(fused, graph, 'fuse')
  const { parts, units } = joinInPlace(fused, graph, resolver, options.partAlignment ?? 16)

  const slots: Plan['slots'][number][] = []
  const slotOf = new Map<Value, number>()
  const addSlot = (v: Value): number => {
    const elements = elementCount(v.shape)
    slotOf.set(v, slots.length)
    return slots.push({ dtype: v.dtype, elements, bytes: bufferBytes(v.dtype, elements) }) - 1
  }
  const inputSlots = graph.inputs.map(addSlot)
  for (const unit of units) unit.results.forEach(addSlot)
  for (const { whole } of parts.values()) if (!slotOf.has(whole)) addSlot(whole)
  const outputSlots = graph.outputs.map((v) => slotOf.get(v)!)

  const steps = units.map((unit) => makeStep(unit, resolver, slotOf))
  const within = new Map<number, { slot: number; offset: number }>()
  for (const piece of parts.keys()) {
    const { whole, offset } = placeOf(piece, parts)
    within.set(slotOf.get(piece)!, { slot: slotOf.get(whole)!, offset })
  }
  const places = place(steps, slots, inputSlots, outputSlots, within, options)
  const plan: Plan = { steps, slots, inputSlots, outputSlots, ...places }
  inspection.plan?.(plan, 'plan')
  return plan
}

function makeStep(unit: Unit, resolver: Resolver, slotOf: ReadonlyMap<Value, number>): Step {
  const out = (v: Value): Operand => ({ slot: slotOf.get(v)!, dtype: v.dtype, access: contiguousAccess(v.shape) })
  const [first] = unit.nodes
  const flops = unit.nodes.reduce((sum, n) => sum + (n.op.flops?.(n.inputs, n.outputs, n.attrs) ?? 0), 0)
  if (unit.prologue) {
    const operand = unit.kernel!.inputs[0]
    const members = unit.nodes.filter((n) => n !== unit.kernel)
    // The operand may be a view of what the last node makes: the same elements in the same order.
    const made = (resolver.resolve(operand) as Source & { kind: 'memory' }).base
    const { fused, memory, results } = fuseNodes(members, [made], made.shape, resolver, slotOf)
    return {
      name: `${workName(members)} into ${unit.kernel!.op.name}`,
      op: unit.kernel!.op,
      attrs: unit.kernel!.attrs,
      inputs: memory,
      outputs: unit.results.map(out),
      flops,
      prologue: { ...fused, results, operand: { shape: operand.shape, dtype: operand.dtype } },
    }
  }
  if (unit.kernel || first.op.kind !== 'elementwise') {
    const kernel = unit.kernel ?? first
    const inputs = kernel.inputs.map((v): Operand => {
      const s = resolver.resolve(v)
      if (s?.kind !== 'memory') throw new Error(`plan: an operand of ${kernel.op.name} is not memory`)
      return { slot: slotOf.get(s.base)!, dtype: v.dtype, access: s.access }
    })
    const step = { name: kernel.op.name, op: kernel.op, attrs: kernel.attrs, flops }
    if (!unit.kernel) return { ...step, inputs, outputs: kernel.outputs.map(out) }
    const members = unit.nodes.filter((n) => n !== kernel)
    const [made] = kernel.outputs
    const { shape } = members[0].outputs[0]
    const { fused, memory, results } = fuseNodes(members, unit.results, shape, resolver, slotOf, made)
    return {
      ...step,
      name: `${kernel.op.name} into ${workName(members)}`,
      inputs: [...inputs, ...memory],
      outputs: unit.results.map(out),
      epilogue: { ...fused, results, operands: inputs.length, result: { shape: made.shape, dtype: made.dtype } },
    }
  }

  const { shape } = first.outputs[0]
  const { fused, memory, results } = fuseNodes(unit.nodes, unit.results, shape, resolver, slotOf)
  return {
    name: workName(unit.nodes),
    inputs: memory,
    outputs: unit.results.map(out),
    fused: { ...fused, results },
    flops,
  }
}

/** What fused nodes are called in profiles: their ops, cut short. */
export function workName(nodes: readonly { readonly op: { readonly name: string } }[]): string {
  const names = nodes.map((n) => n.op.name)
  return names.length > 4 ? `${names.slice(0, 3).join('+')}+${names.length - 3} more` : names.join('+')
}

/** Elementwise nodes as leaves and expressions. `given` is a value the nodes take as it is made. */
function fuseNodes(
  members: readonly Node[],
  wanted: readonly Value[],
  shape: Shape,
  resolver: Resolver,
  slotOf: ReadonlyMap<Value, number>,
  given?: Value,
): { fused: Omit<Fused, 'results'>; memory: Extract<Leaf, { kind: 'memory' }>[]; results: number[] } {
  const leaves: Leaf[] = []
  const leafIndex = new Map<string, number>()
  const leaf = (v: Value): number => {
    const s = resolver.resolve(v)
    if (!s) throw new Error('plan: an operand of an elementwise kernel cannot be read through strides')
    const item: Leaf =
      s.base === given
        ? { kind: 'value', dtype: v.dtype }
        : s.kind === 'constant'
          ? { kind: 'constant', value: s.value, dtype: v.dtype }
          : s.kind === 'index'
            ? { kind: 'index', access: s.access, dtype: v.dtype }
            : { kind: 'memory', slot: slotOf.get(s.base)!, dtype: v.dtype, access: s.access }
    const key = keyOf(item)
    let i = leafIndex.get(key)
    if (i === undefined) leafIndex.set(key, (i = leaves.push(item) - 1))
    return i
  }
  const inside = new Map<Value, number>()
  members.forEach((n, i) => {
    inside.set(n.outputs[0], i)
  })
  /** Made here, perhaps behind views that come to nothing; or read. */
  const part = (v: Value): { node: number } | { leaf: number } => {
    const s = inside.has(v) ? undefined : resolver.resolve(v)
    const made = inside.get(s?.kind === 'memory' && isSame(v, s) ? s.base : v)
    return made === undefined ? { leaf: leaf(v) } : { node: made }
  }
  // Leaves first, so that node arguments can be numbered after them.
  const raw = members.map((n) => n.inputs.map(part))
  const rawResults = wanted.map(part)
  const index = (r: { leaf?: number; node?: number }) => (r.leaf !== undefined ? r.leaf : leaves.length + r.node!)
  const nodes = members.map(
    (n, i): FusedNode => ({
      op: n.op,
      attrs: n.attrs,
      args: raw[i].map(index),
      from: n.inputs[0].dtype,
      dtype: n.outputs[0].dtype,
    }),
  )
  const memory = leaves.filter((l): l is Extract<Leaf, { kind: 'memory' }> => l.kind === 'memory')
  return { fused: { shape, leaves, nodes }, memory, results: rawResults.map(index) }
}

/** Values that one buffer holds one after another, each made in place of the one before. */
interface Tenant {
  readonly slots: number[]
  bytes: number
  /** First and last step in which it is touched. */
  readonly from: number
  to: number
}

/** Liveness: a buffer serves another value as soon as its last reader has run; elementwise kernels may write in place. */
function place(
  steps: readonly Step[],
  slots: Plan['slots'],
  inputSlots: readonly number[],
  outputSlots: readonly number[],
  within: ReadonlyMap<number, { readonly slot: number; readonly offset: number }>,
  { donated, preferred }: PlanOptions,
): Pick<Plan, 'locations' | 'aliases' | 'temporaries'> {
  /** Pieces live and die with what they are pieces of. */
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
  const tenants: Tenant[] = []
  const tenantOf = new Map<number, Tenant>()

  steps.forEach((step, i) => {
    // Elementwise work reads an element before it writes it; what the kernel itself reads must stay.
    const fixed = step.epilogue ? step.inputs.slice(0, step.epilogue.operands) : []
    const inPlace = (slot: number, out: Operand): boolean =>
      (step.fused ?? step.epilogue) !== undefined &&
      !within.has(slot) &&
      !within.has(out.slot) &&
      fixed.every((x) => x.slot !== slot) &&
      slots[slot].bytes === slots[out.slot].bytes &&
      slots[slot].dtype === slots[out.slot].dtype &&
      step.inputs.every(
        (x) => x.slot !== slot || (isContiguous(x.access) && elementCount(x.access.shape) === slots[slot].elements),
      )
    const takenOver = new Set<Tenant>()
    for (const out of step.outputs) {
      const slot = root(out.slot)
      if (slot !== out.slot && (locations[slot] || tenantOf.has(slot))) continue
      const o = outputOf.get(slot)
      if (o !== undefined) {
        locations[slot] = { kind: 'output', index: o, offset: 0 }
        const donor = preferred[o]
        if (donor >= 0 && donated.has(donor)) {
          const s = inputSlots[donor]
          if (slots[s].bytes === slots[slot].bytes && (lastUse[s] < i || (lastUse[s] === i && inPlace(s, out))))
            aliases[o] = donor
        }
        continue
      }
      const reuse = step.inputs.find(({ slot: s }) => {
        const tenant = tenantOf.get(s)
        return tenant && lastUse[s] === i && !takenOver.has(tenant) && inPlace(s, out)
      })
      const before = reuse && tenantOf.get(reuse.slot)!
      const tenant = before ?? { slots: [], bytes: slots[slot].bytes, from: i, to: i }
      if (before) takenOver.add(before)
      else tenants.push(tenant)
      tenant.slots.push(slot)
      tenant.to = Math.max(i, lastUse[slot])
      tenantOf.set(slot, tenant)
    }
  })

  const { buffers, temporaries } = house(tenants)
  tenants.forEach((tenant, t) => {
    for (const slot of tenant.slots) locations[slot] = { kind: 'temporary', index: buffers[t], offset: 0 }
  })
  for (const [slot, part] of within) locations[slot] = { ...locations[part.slot], offset: part.offset }
  return { locations, aliases, temporaries }
}

/**
 * Finds a buffer for every tenant, none with two at a time. The largest choose first and make the buffers; whoever comes later moves into the
 * smallest one that is empty all its time.
 */
function house(tenants: readonly Tenant[]): { buffers: number[]; temporaries: number[] } {
  const buffers = new Array<number>(tenants.length)
  const temporaries: number[] = []
  /** Of each buffer: who lives there, in order of time. */
  const inside: Tenant[][] = []
  const order = tenants.map((_, t) => t).sort((a, b) => tenants[b].bytes - tenants[a].bytes || a - b)
  for (const t of order) {
    const tenant = tenants[t]
    let index = -1
    let at = 0
    // Buffers were made largest first.
    for (let k = temporaries.length - 1; k >= 0 && index < 0; k--) {
      at = laterThan(inside[k], tenant.from)
      if (
        (at === 0 || inside[k][at - 1].to < tenant.from) &&
        (at === inside[k].length || inside[k][at].from > tenant.to)
      )
        index = k
    }
    if (index < 0) {
      index = temporaries.push(tenant.bytes) - 1
      inside.push([])
      at = 0
    }
    inside[index].splice(at, 0, tenant)
    buffers[t] = index
  }
  return { buffers, temporaries }
}

/** How many of a list in order of time begin at a step or before. */
function laterThan(list: readonly Tenant[], step: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (list[middle].from <= step) low = middle + 1
    else high = middle
  }
  return low
}

/** A slot's buffer after donation: outputs that take over an input's buffer count as that input. */
export function bufferKey(plan: Plan, slot: number): string {
  const at = plan.locations[slot]
  const piece = at.offset > 0 ? `+${at.offset}` : ''
  if (at.kind === 'output' && plan.aliases[at.index] >= 0) return `input${plan.aliases[at.index]}${piece}`
  return `${at.kind}${at.index}${piece}`
}

// Runs the passes: from a graph to steps over buffers.

import type { DType } from '../dtype.ts'
import { bufferBytes } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import type { Value } from '../graph/node.ts'
import type { Spec } from '../graph/spec.ts'
import type { Op } from '../op.ts'
import { elementCount, type Shape } from '../shape.ts'
import type { Access } from './access.ts'
import { assignBuffers } from './buffer-assignment.ts'
import { concatenateInPlace, placeOf } from './concatenate-in-place.ts'
import { type FuseLimits, fuse } from './fuse.ts'
import { inspection } from './inspection.ts'
import { lowerGroup } from './lowering.ts'
import { materialize } from './materialize.ts'
import type { Operand } from './operand.ts'
import { Resolver } from './resolve.ts'
import { simplify } from './simplify.ts'
import { sinkPositions } from './sink-positions.ts'
import { sinkUpcasts } from './sink-upcasts.ts'

/** An operand of a fused kernel. */
export type Leaf =
  | ({ readonly kind: 'memory' } & Operand)
  | { readonly kind: 'constant'; readonly value: number; readonly dtype: DType }
  | { readonly kind: 'index'; readonly access: Access; readonly dtype: DType }
  /** In an epilogue: the result of the kernel, in registers. */
  | { readonly kind: 'value'; readonly dtype: DType }

/** One node of a fused kernel; `args` index into the leaves followed by the nodes. */
export interface FusedNode {
  readonly op: Op<unknown>
  readonly attrs: unknown
  readonly args: readonly number[]
  /** The dtypes of the first argument and of the result. */
  readonly from: DType
  readonly dtype: DType
}

/** Fused elementwise nodes over one index space. */
export interface Fused {
  readonly shape: Shape
  readonly leaves: readonly Leaf[]
  readonly nodes: readonly FusedNode[]
  /** For each output of the step, its index in the leaves followed by the nodes. */
  readonly results: readonly number[]
}

/** One kernel of the plan. */
export interface Step {
  readonly name: string
  readonly inputs: readonly Operand[]
  readonly outputs: readonly Operand[]
  readonly fused?: Fused
  readonly op?: Op<unknown>
  readonly attrs?: unknown
  readonly flops: number
  /**
   * Elementwise work on the op's result: `inputs` are the op's operands, then the work's leaves; `outputs` are the
   * work's.
   */
  readonly epilogue?: Fused & { readonly operands: number; readonly result: Spec }
  /** Elementwise work that computes the op's operand: `inputs` are the work's leaves. */
  readonly prologue?: Fused & { readonly operand: Spec }
}

/** The buffer of a slot while a program runs. */
export interface Location {
  readonly kind: 'input' | 'output' | 'temporary'
  readonly index: number
  /** Bytes from the start of the buffer, for a value that shares it and for a part of a concatenated one. */
  readonly offset: number
}

export interface Plan {
  readonly steps: readonly Step[]
  readonly slots: readonly { readonly dtype: DType; readonly elements: number; readonly bytes: number }[]
  readonly locations: readonly Location[]
  readonly inputSlots: readonly number[]
  readonly outputSlots: readonly number[]
  /** For each output: the donated input whose buffer it reuses, or -1. */
  readonly aliases: readonly number[]
  /** Bytes of each temporary buffer. */
  readonly temporaries: readonly number[]
}

export interface PlanOptions {
  readonly donated: ReadonlySet<number>
  readonly preferred: readonly number[]
  readonly limits: FuseLimits
  /** Alignment in bytes of outputs that start inside a buffer. Default 16. */
  readonly partAlignment?: number
  /**
   * Alignment in bytes of temporary values that lie beside each other in one buffer; by default none do. WebGPU does
   * not let a kernel read one part of a buffer and write another.
   */
  readonly temporaryAlignment?: number
}

/** From a graph of kernels and elementwise nodes to steps over buffers. Pure: needs no device. */
export function planGraph(expanded: Graph, options: PlanOptions): Plan {
  const passed = (graph: Graph, stage: string): Graph => {
    inspection.graph?.(graph, stage)
    return graph
  }
  passed(expanded, 'expand')
  const simple = passed(simplify(expanded), 'simplify')
  const sunk = passed(sinkPositions(passed(sinkUpcasts(simple), 'sink upcasts')), 'sink positions')
  const graph = passed(materialize(sunk), 'materialize')
  const resolver = new Resolver(graph.inputs)
  const fused = fuse(graph, resolver, options.limits)
  inspection.groups?.(fused, graph, 'fuse')
  const { parts, groups } = concatenateInPlace(fused, graph, resolver, options.partAlignment ?? 16)

  const slots: Plan['slots'][number][] = []
  const slotOf = new Map<Value, number>()
  const addSlot = (v: Value): number => {
    const elements = elementCount(v.shape)
    slotOf.set(v, slots.length)
    return slots.push({ dtype: v.dtype, elements, bytes: bufferBytes(v.dtype, elements) }) - 1
  }
  const inputSlots = graph.inputs.map(addSlot)
  for (const group of groups) group.results.forEach(addSlot)
  for (const { whole } of parts.values()) if (!slotOf.has(whole)) addSlot(whole)
  const outputSlots = graph.outputs.map((v) => slotOf.get(v)!)

  const steps = groups.map((group) => lowerGroup(group, resolver, slotOf))
  const within = new Map<number, { slot: number; offset: number }>()
  for (const piece of parts.keys()) {
    const { whole, offset } = placeOf(piece, parts)
    within.set(slotOf.get(piece)!, { slot: slotOf.get(whole)!, offset })
  }
  const places = assignBuffers(steps, slots, inputSlots, outputSlots, within, options)
  const plan: Plan = { steps, slots, inputSlots, outputSlots, ...places }
  inspection.plan?.(plan, 'plan')
  return plan
}

/** A key of a slot's memory, in which outputs that reuse an input's buffer have that of the input. */
export function bufferKey(plan: Plan, slot: number): string {
  const at = plan.locations[slot]
  const piece = at.offset > 0 ? `+${at.offset}` : ''
  if (at.kind === 'output' && plan.aliases[at.index] >= 0) return `input${plan.aliases[at.index]}${piece}`
  return `${at.kind}${at.index}${piece}`
}

// Nodes and values of the graph that tensors build.

import type { Op } from '../op.ts'
import type { Storage } from '../storage.ts'
import type { Spec } from './spec.ts'

/** One result of a node. A value that has `storage` is computed: passes and gradients treat it as a leaf. */
export interface Value extends Spec {
  readonly node: Node
  readonly index: number
  storage?: Storage
}

/** One application of an op. Node ids grow in the order of creation, so inputs always have smaller ids. */
export interface Node<A = unknown> {
  readonly id: number
  /**
   * Position in the order of tracing. Passes that rebuild a node keep it, so that schedules follow the program's order.
   */
  order: number
  readonly op: Op<A>
  inputs: readonly Value[]
  readonly attrs: A
  readonly outputs: readonly Value[]
}

let nextId = 1

/** The id that the next node will get: nodes with smaller ids were made before. */
export function nodeMark(): number {
  return nextId
}

/** Whether a node applies this op; its attributes then have the op's type. */
export function applies<A>(node: Node, op: Op<A>): node is Node<A> {
  return node.op === op
}

/** A node with one output for each of `specs`. */
export function makeNode<A>(
  op: Op<A>,
  inputs: readonly Value[],
  attrs: A,
  specs: readonly Spec[],
  order = nextId,
): Node<A> {
  const node: Node<A> = { id: nextId++, order, op, inputs, attrs, outputs: [] }
  ;(node as { outputs: readonly Value[] }).outputs = specs.map((s, index) => ({
    node,
    index,
    shape: s.shape,
    dtype: s.dtype,
  }))
  return node
}

// Resolves values through views to memory, constants or coordinates.

import { applies, type Value } from '../graph/node.ts'
import { iotaOp } from '../ops/leaf.ts'
import { sameShape } from '../shape.ts'
import { type Access, contiguousAccess, isContiguous } from './access.ts'

/** Where the elements of a value come from, seen through view ops. */
export type Source =
  | { readonly kind: 'memory'; readonly base: Value; readonly access: Access }
  | { readonly kind: 'constant'; readonly value: number; readonly base: Value }
  /** The element's own position: offset + sum of index * stride. */
  | { readonly kind: 'index'; readonly access: Access; readonly base: Value }

/**
 * Whether a value equals the value in memory that it resolves to, position by position: there is no view between them,
 * or only views that change nothing.
 */
export function isSame(v: Value, { base, access }: Source & { kind: 'memory' }): boolean {
  return v === base || (isContiguous(access) && sameShape(v.shape, base.shape))
}

/** Finds and caches sources. Undefined if strides cannot express a view. */
export class Resolver {
  private readonly inputs: ReadonlySet<Value>
  private readonly known = new Map<Value, Source | undefined>()

  constructor(inputs: readonly Value[]) {
    this.inputs = new Set(inputs)
  }

  isInput(v: Value): boolean {
    return this.inputs.has(v)
  }

  resolve(v: Value): Source | undefined {
    if (this.known.has(v)) return this.known.get(v)
    const source = this.find(v)
    this.known.set(v, source)
    return source
  }

  private find(v: Value): Source | undefined {
    const { node } = v
    const { op, attrs } = node
    if (!this.inputs.has(v)) {
      const value = op.constant?.(attrs)
      if (value !== undefined) return { kind: 'constant', value, base: v }
      if (applies(node, iotaOp)) {
        const strides = v.shape.map((_, i) => (i === node.attrs.axis ? 1 : 0))
        return { kind: 'index', access: { shape: v.shape, strides, offset: 0 }, base: v }
      }
      if (op.kind === 'view') {
        const inner = this.resolve(v.node.inputs[0])
        if (!inner || inner.kind === 'constant') return inner
        if (!op.view) throw new Error(`the view op ${op.name} has no view rule`)
        const access = op.view(inner.access, attrs)
        return access && { ...inner, access }
      }
    }
    return { kind: 'memory', base: v, access: contiguousAccess(v.shape) }
  }
}

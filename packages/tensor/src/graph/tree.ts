// Trees: nested objects and arrays of tensors, flattened and rebuilt.

import { isTensor, type Tensor } from '../tensor.ts'

/**
 * Nested plain objects and arrays with tensors at the leaves. Other leaves (strings, undefined, ...) are kept as they
 * are.
 */
export type Tree<L = Tensor> = L | readonly Tree<L>[] | { readonly [key: string]: Tree<L> }

export interface Flattened {
  readonly leaves: unknown[]
  /** Equal strings mean equal structure. */
  readonly structure: string
  /** Path of each leaf, such as `layers.0.weight`. */
  readonly paths: string[]
  rebuild(leaves: readonly unknown[]): unknown
}

function isPlainObject(x: unknown): x is Record<string, unknown> {
  if (typeof x !== 'object' || x === null || isTensor(x) || ArrayBuffer.isView(x)) return false
  const prototype = Object.getPrototypeOf(x)
  return prototype === Object.prototype || prototype === null
}

/**
 * Flattens a tree, in the order of insertion. Everything that is not a plain object or array is a leaf.
 * @example flatten({ w: device.tensor([1]), name: 'a' }).paths // ['w', 'name']
 */
export function flatten(tree: unknown): Flattened {
  const leaves: unknown[] = []
  const paths: string[] = []
  let structure = ''
  type Builder = (leaves: readonly unknown[]) => unknown
  const walk = (x: unknown, path: string): Builder => {
    const child = (key: string | number) => (path ? `${path}.${key}` : String(key))
    if (Array.isArray(x)) {
      structure += '['
      const parts = x.map((item, i) => walk(item, child(i)))
      structure += ']'
      return (l) => parts.map((p) => p(l))
    }
    if (isPlainObject(x)) {
      structure += '{'
      const parts = Object.entries(x).map(([key, item]) => {
        structure += `${JSON.stringify(key)}:`
        return [key, walk(item, child(key))] as const
      })
      structure += '}'
      return (l) => Object.fromEntries(parts.map(([key, p]) => [key, p(l)]))
    }
    const index = leaves.length
    leaves.push(x)
    paths.push(path)
    structure += '*,'
    return (l) => l[index]
  }
  const build = walk(tree, '')
  return { leaves, structure, paths, rebuild: build }
}

/**
 * Every tensor of a tree, in order.
 * @example tensorsOf({ w: device.tensor([1, 2]), rate: 0.1 }).length // 1
 */
export function tensorsOf(tree: unknown): Tensor[] {
  return flatten(tree).leaves.filter(isTensor)
}

/**
 * Applies a function to every tensor of a tree and keeps everything else.
 * @example mapTensors({ w: device.tensor([1, 2]) }, (t) => t.mul(2)) // { w: [2, 4] }
 */
export function mapTensors<T>(tree: T, f: (tensor: Tensor, path: string) => Tensor): T {
  const flat = flatten(tree)
  return flat.rebuild(flat.leaves.map((leaf, i) => (isTensor(leaf) ? f(leaf, flat.paths[i]) : leaf))) as T
}

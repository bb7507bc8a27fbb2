// Trees of arrays: nested plain objects and arrays; everything else is a leaf. Leaves are visited in order of index or
// of insertion, by the keys of the first tree given, and are named by their path: 'layers.0.attention.q'. The path of a
// tree that is itself a leaf is ''.

import { describeValue } from '../check.ts'

/** A leaf, or a plain object or array of trees. */
export type Tree<L> = L | readonly Tree<L>[] | { readonly [key: string]: Tree<L> }

function isNode(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return true
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/**
 * The leaves of a tree with their paths, in order.
 * @example
 * ```ts
 * import { leavesOf } from '@kumiki/optim'
 *
 * console.log(leavesOf({ layers: [{ w: Float32Array.of(1) }] }).map(({ path }) => path)) // ['layers.0.w']
 * ```
 */
export function leavesOf(tree: unknown): { path: string; leaf: unknown }[] {
  const leaves: { path: string; leaf: unknown }[] = []
  mapTree(tree, (leaf, path) => leaves.push({ path, leaf }))
  return leaves
}

/**
 * A tree of the same structure with f(leaf, path) in place of each leaf.
 * @example
 * ```ts
 * import { mapTree } from '@kumiki/optim'
 *
 * console.log(mapTree({ w: Float32Array.of(1, 2) }, (leaf) => leaf.map((x: number) => 2 * x)).w) // Float32Array [2, 4]
 * ```
 */
export function mapTree<T>(tree: T, f: (leaf: any, path: string) => unknown): T {
  return zipTrees('tree', [['tree', tree]], ([leaf], path) => [f(leaf, path)])[0] as T
}

/**
 * Walks several trees together by the keys of the first, and returns one tree for each value that `f` returns.
 * @param what name of the caller, for error messages
 * @param trees names and trees; keys that only a later tree has are ignored
 * @throws TypeError if a later tree lacks a node, or has a node where the first has a leaf
 */
export function zipTrees(
  what: string,
  trees: readonly (readonly [name: string, tree: unknown])[],
  f: (leaves: any[], path: string) => readonly unknown[],
): unknown[] {
  return zip(
    what,
    trees.map(([name]) => name),
    trees.map(([, tree]) => tree),
    '',
    f,
  )
}

function zip(
  what: string,
  names: readonly string[],
  trees: readonly unknown[],
  path: string,
  f: (leaves: any[], path: string) => readonly unknown[],
): unknown[] {
  const first = trees[0]
  if (!isNode(first)) {
    trees.forEach((tree, i) => {
      if (tree === undefined || tree === null || isNode(tree))
        throw new TypeError(
          `${what}: ${place(names[i], path)} is ${describeValue(tree)}${i > 0 ? ` where ${place(names[0], path)} is ${describeValue(first)}` : '; a leaf must be an array'}`,
        )
    })
    return [...f([...trees], path)]
  }
  const isArray = Array.isArray(first)
  trees.forEach((tree, i) => {
    if (!isNode(tree) || Array.isArray(tree) !== isArray)
      throw new TypeError(
        `${what}: ${place(names[i], path)} is ${describeValue(tree)} where ${place(names[0], path)} is ${describeValue(first)}`,
      )
  })
  const results: any[] = []
  for (const key of Object.keys(first)) {
    const children = zip(
      what,
      names,
      trees.map((tree) => (Object.hasOwn(tree as object, key) ? (tree as Record<string, unknown>)[key] : undefined)),
      path === '' ? key : `${path}.${key}`,
      f,
    )
    children.forEach((child, i) => {
      results[i] ??= isArray ? [] : {}
      if (isArray) results[i].push(child)
      else
        Object.defineProperty(results[i], key, { value: child, enumerable: true, writable: true, configurable: true })
    })
  }
  if (results.length === 0) return trees.map(() => (isArray ? [] : {}))
  return results
}

function place(name: string, path: string): string {
  return path === '' ? name : `${name}.${path}`
}

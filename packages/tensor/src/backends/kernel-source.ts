// Kernels that are imported with their op or loaded on first use, and the expansion of a graph that loads them.

import { type Graph, graphOrder } from '../graph/graph.ts'
import type { Node } from '../graph/node.ts'
import type { Op } from '../op.ts'
import { expand } from '../passes/expand.ts'

/** The kernels of an op on one backend: imported with it, or loaded when a program first uses the op. */
export type KernelSource<R> = R | LazyKernels<R>

/** Kernels in a separate module, which a page that never runs the op on that backend does not load. */
export interface LazyKernels<R> {
  readonly load: () => Promise<R>
  loaded?: R
}

/** Kernels loaded on first use: `webgpu: lazyKernels(async () => (await import('./top-k.wgsl.ts')).topKWgsl)`. */
export function lazyKernels<R>(load: () => Promise<R>): LazyKernels<R> {
  const source: LazyKernels<R> = {
    async load() {
      source.loaded ??= await load()
      return source.loaded
    },
  }
  return source
}

function isLazy<R>(source: KernelSource<R>): source is LazyKernels<R> {
  return typeof source === 'object' && source !== null && 'load' in source
}

/** The kernels, if there are any and they are loaded. */
export function kernelsOf<R>(source: KernelSource<R> | undefined): R | undefined {
  return source === undefined || !isLazy(source) ? source : source.loaded
}

/** Loads the kernels if they are not loaded yet. */
export async function ensureLoaded<R>(source: KernelSource<R> | undefined): Promise<void> {
  if (source !== undefined && isLazy(source)) await source.load()
}

/** Expands a graph for a backend and loads the kernels it needs. */
export async function expandFor<R>(
  graph: Graph,
  sourceOf: (op: Op<unknown>) => KernelSource<R> | undefined,
  supports: (kernels: R, node: Node) => boolean,
): Promise<Graph> {
  for (;;) {
    const wanted = new Set<LazyKernels<R>>()
    /** A node whose kernels are not loaded yet is left unexpanded in this round. */
    const hasKernel = (node: Node): boolean => {
      const source = sourceOf(node.op)
      if (source === undefined) return false
      if (isLazy(source) && source.loaded === undefined) {
        wanted.add(source)
        return true
      }
      return supports(kernelsOf(source)!, node)
    }
    const expanded = expand(graph, hasKernel, { lower: true })
    for (const node of graphOrder(expanded)) {
      const source = sourceOf(node.op)
      if (source !== undefined && isLazy(source) && source.loaded === undefined) wanted.add(source)
    }
    if (wanted.size === 0) return expanded
    await Promise.all([...wanted].map((source) => source.load()))
  }
}

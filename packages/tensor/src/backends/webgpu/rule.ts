import type { Spec } from '../../graph/node.ts'
import type { KernelContext } from '../../passes/operand.ts'

/** What kernels may ask about the adapter. */
export interface AdapterTraits {
  readonly subgroups: boolean
  /** 0 without subgroups, or where the size may vary between dispatches. */
  readonly subgroupSize: number
  readonly maxWorkgroupStorage: number
  readonly maxStorageBuffers: number
  /** A processor pretending to be a GPU: barriers are dear there, and one row per invocation is best. */
  readonly software: boolean
  /** Kernel variants asked for by name, by op; one that cannot run a case is passed over. */
  readonly pinned?: Readonly<Record<string, string>>
}

export type Binding = { readonly input: number } | { readonly output: number } | { readonly scratch: number }

/** One compute dispatch. Binding i of the shader is `bindings[i]`; the entry point is `main`. */
export interface Dispatch {
  readonly name: string
  readonly wgsl: string
  readonly bindings: readonly Binding[]
  readonly workgroups: readonly [number, number, number]
}

export interface WebGpuPlan {
  readonly dispatches: readonly Dispatch[]
  /** Bytes of each scratch buffer. */
  readonly scratch?: readonly number[]
}

export interface WebGpuRule<A> {
  supports?(inputs: readonly Spec[], attrs: A, adapter: AdapterTraits): boolean
  plan(context: KernelContext<A>, adapter: AdapterTraits): WebGpuPlan
}

// The interface of WGSL kernels: their dispatches, and the properties of the adapter that they may depend on.

import type { PackedDType } from '../../dtype.ts'
import type { Spec } from '../../graph/spec.ts'
import type { MatmulVariant } from '../../ops/matmul/case.ts'
import type { KernelContext } from '../../passes/operand.ts'
import type { ShaderBuffer } from './shader.ts'

/** A configuration of subgroup matrices, as adapters list them: left M x K, right K x N, result M x N. */
export interface SubgroupMatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

/** The subgroup matrices of an adapter that kernels can use (Dawn's experimental feature). */
export interface SubgroupMatrices {
  readonly configs: readonly SubgroupMatrixConfig[]
  /** Invocations per subgroup. */
  readonly lanes: number
  /** Whether the adapter's subgroups vary in size, so that shaders must request one. */
  readonly sized: boolean
}

/** Properties of the adapter that kernels may depend on. */
export interface AdapterTraits {
  readonly subgroups: boolean
  /** 0 without subgroups, or if the size may vary between dispatches. */
  readonly subgroupSize: number
  readonly maxWorkgroupStorage: number
  readonly maxStorageBuffers: number
  /** A software adapter, which runs on the CPU: barriers are expensive there, and one row per invocation is fastest. */
  readonly software: boolean
  readonly subgroupMatrix?: SubgroupMatrices
  /** The matmul variant that uses them, loaded only if there are any. */
  readonly subgroupMatrixKernel?: MatmulVariant
  /** Names of kernel variants to use, by op; ignored for cases they do not support. */
  readonly pinned?: Readonly<Record<string, string>>
  /** Names of the fastest variants on this adapter, by case. */
  readonly tuned?: ReadonlyMap<string, string>
}

export type Binding = { readonly input: number } | { readonly output: number } | { readonly scratch: number }

/** One compute dispatch. Binding i of the shader is `bindings[i]`; the entry point is `main`. */
export interface Dispatch {
  readonly name: string
  readonly wgsl: string
  readonly bindings: readonly Binding[]
  readonly workgroups: readonly [number, number, number]
  readonly flops?: number
}

/** Elementwise work on a kernel's results before they are stored. It replaces the kernel's own output. */
export interface Epilogue {
  readonly name?: string
  readonly buffers: readonly ShaderBuffer[]
  readonly bindings: readonly Binding[]
  /** Functions the statement needs, declared before the kernel. */
  readonly functions: string
  /** Packed formats the functions decode and encode, besides those of the buffers. */
  readonly formats?: readonly PackedDType[]
  /** A statement that stores four adjacent results: the position of the first, a multiple of 4, and a vec4. */
  store(index: string, value: string): string
}

export interface WebGpuPlan {
  readonly dispatches: readonly Dispatch[]
  /** Bytes of each scratch buffer. */
  readonly scratch?: readonly number[]
  readonly tunable?: Tunable
}

/** Alternative kernels for one case, for the tuner to time. */
export interface Tunable {
  /** The op and everything that its speed depends on. */
  readonly key: string
  readonly chosen: string
  /** Every kernel that can run the case. */
  alternatives(): (readonly [name: string, plan: WebGpuPlan])[]
}

/** Elementwise work that computes a kernel's first operand as it is read: `x_at4(i)` computes four elements. */
export interface Prologue {
  readonly name: string
  readonly buffers: readonly ShaderBuffer[]
  readonly bindings: readonly Binding[]
  readonly functions: string
  readonly formats: readonly PackedDType[]
}

export interface WebGpuRule<A> {
  supports?(inputs: readonly Spec[], attrs: A, adapter: AdapterTraits): boolean
  /** Whether elementwise work on the first result can be fused into the kernel (it stores four elements at a time). */
  fusesResult?(inputs: readonly Spec[], outputs: readonly Spec[]): boolean
  /**
   * Whether elementwise work on the only operand can be fused into the kernel (it reads four elements at a time, each
   * once).
   */
  fusesOperand?(inputs: readonly Spec[], attrs: A): boolean
  plan(context: KernelContext<A>, adapter: AdapterTraits, epilogue?: Epilogue, prologue?: Prologue): WebGpuPlan
}

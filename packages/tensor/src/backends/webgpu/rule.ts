// The contract of a WGSL kernel: its dispatches, and what it may ask about the adapter.

import type { PackedDType } from '../../dtype.ts'
import type { Spec } from '../../graph/spec.ts'
import type { MatmulVariant } from '../../ops/matmul/case.ts'
import type { KernelContext } from '../../passes/operand.ts'
import type { ShaderBuffer } from './shader.ts'

/** A kind of subgroup matrices, as adapters list them: left ones are M x K, right ones K x N, results M x N. */
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
  /** Invocations of a subgroup. */
  readonly lanes: number
  /** The adapter's subgroups vary in size: a shader says which one it wants. */
  readonly sized: boolean
}

/** What kernels may ask about the adapter. */
export interface AdapterTraits {
  readonly subgroups: boolean
  /** 0 without subgroups, or where the size may vary between dispatches. */
  readonly subgroupSize: number
  readonly maxWorkgroupStorage: number
  readonly maxStorageBuffers: number
  /** A processor pretending to be a GPU: barriers are dear there, and one row per invocation is best. */
  readonly software: boolean
  readonly subgroupMatrix?: SubgroupMatrices
  /** The product on them, which is loaded where there are any. */
  readonly subgroupMatrixKernel?: MatmulVariant
  /** Kernel variants asked for by name, by op; one that cannot run a case is passed over. */
  readonly pinned?: Readonly<Record<string, string>>
  /** Variants that measured best on this adapter, by case. */
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

/** Elementwise work on a kernel's results before they are stored. It takes the place of the kernel's own output. */
export interface Epilogue {
  readonly name?: string
  readonly buffers: readonly ShaderBuffer[]
  readonly bindings: readonly Binding[]
  /** Functions the statement needs, declared before the kernel. */
  readonly functions: string
  /** Packed formats the functions decode and encode, beside those of the buffers. */
  readonly formats?: readonly PackedDType[]
  /** A statement that takes four neighbouring results: the position of the first, a multiple of 4, and a vec4. */
  store(index: string, value: string): string
}

export interface WebGpuPlan {
  readonly dispatches: readonly Dispatch[]
  /** Bytes of each scratch buffer. */
  readonly scratch?: readonly number[]
  readonly tunable?: Tunable
}

/** A choice of kernels for one case: what the tuner measures. */
export interface Tunable {
  /** The op and everything its speed depends on. */
  readonly key: string
  readonly chosen: string
  /** Every kernel that could run the case. */
  alternatives(): (readonly [name: string, plan: WebGpuPlan])[]
}

/** Elementwise work on a kernel's first operand while it is read: `x_at4(i)` computes four elements. */
export interface Prologue {
  readonly name: string
  readonly buffers: readonly ShaderBuffer[]
  readonly bindings: readonly Binding[]
  readonly functions: string
  readonly formats: readonly PackedDType[]
}

export interface WebGpuRule<A> {
  supports?(inputs: readonly Spec[], attrs: A, adapter: AdapterTraits): boolean
  /** Whether elementwise work on the first result can become part of the kernel (it stores by four). */
  fusesResult?(inputs: readonly Spec[], outputs: readonly Spec[]): boolean
  /**
   * Whether elementwise work on the only operand can become part of the kernel (it reads by four, every element once).
   */
  fusesOperand?(inputs: readonly Spec[], attrs: A): boolean
  plan(context: KernelContext<A>, adapter: AdapterTraits, epilogue?: Epilogue, prologue?: Prologue): WebGpuPlan
}

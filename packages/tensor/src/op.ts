// The contract of an op.

import type { CpuRule } from './backends/cpu/rule.ts'
import type { KernelSource } from './backends/kernel-source.ts'
import type { WebGpuRule } from './backends/webgpu/rule.ts'
import type { ComputeType, DType } from './dtype.ts'
import type { Spec } from './graph/spec.ts'
import type { Access } from './passes/access.ts'
import type { Tensor } from './tensor.ts'

/** What an op without attributes has: `{}`. */
export type NoAttributes = Readonly<Record<string, never>>

/**
 * The interface of an op. Terms: the *operation* is the public function (it checks, promotes and
 * builds the node), the *op* is this table entry (the node's rules), a *kernel* is what a backend runs for it.
 *
 * An op is either primitive (it has `evaluate`, in plain JavaScript) or composite (it has `definition`, in
 * simpler ops). Everything else is an optimisation, tested against that definition by the conformance suite.
 */
export interface Op<A = NoAttributes> {
  readonly name: string
  readonly kind: 'leaf' | 'elementwise' | 'view' | 'kernel' | 'composite'

  /** Shapes and dtypes of the outputs. @throws ShapeError, DTypeError with the message a user reads. */
  infer(inputs: readonly Spec[], attrs: A): Spec[]

  /** Gradients of the inputs, as graph; `undefined` where there is none. Missing: differentiate `definition`. */
  gradient?(context: GradientContext<A>): (Tensor | undefined)[]

  /**
   * The gradient rule reads the gradient of the first output alone (the others serve the rule itself). Where another
   * one arrives, as in second derivatives, `definition` is differentiated instead.
   */
  readonly gradientOfFirst?: true

  /** The meaning in simpler ops: the oracle of every kernel of this op. */
  definition?(inputs: readonly Tensor[], attrs: A): Tensor[]

  /** A better composition for a real backend (chunked, split); `undefined` keeps `definition`. */
  lowering?(inputs: readonly Tensor[], attrs: A): Tensor[] | undefined

  /** The definition of a primitive on logical values in doubles; the caller rounds the outputs to their dtype. */
  evaluate?(inputs: readonly Logical[], attrs: A, outputs: readonly Logical[]): void

  /** Elementwise ops: one element, in three languages. */
  readonly elementwise?: ElementwiseRule<A>

  /** View ops: how element positions map into the input; `undefined` when strides cannot express it. */
  view?(input: Access, attrs: A): Access | undefined

  /** Leaf ops: the number that every element is, where that is known while a program is built. */
  constant?(attrs: A): number

  /**
   * The result is the operand itself, for now only where it lies may differ: `simplify` drops it, kernels move its
   * codes as they are.
   */
  readonly identity?: true

  /** View ops: every element of the operand is repeated, so that a constant stays one. */
  readonly repeats?: true

  /** View ops: whether these attributes exchange the last two axes and leave all others. */
  swapsLastAxes?(attrs: A): boolean

  /**
   * The result with its last two axes exchanged is this op of these operands, each with its last two axes exchanged: (a
   * b)ᵀ = bᵀ aᵀ.
   */
  readonly transposed?: readonly number[]

  /**
   * How `vmap` applies it to many examples, whose axis comes in front: 'leading' as it is, since it treats leading axes
   * alike; 'axis' with its attribute `axis` counted one further. Elementwise ops need nothing; others have a rule in
   * transforms/vmap.ts or are mapped by their definition.
   */
  readonly batching?: 'leading' | 'axis'

  /**
   * The input whose memory the first output may take over where nobody reads it afterwards: a kernel that finds both in
   * one place only writes what changes.
   */
  readonly rewrites?: number

  /** Whether kernels of this op read inputs through strides; otherwise inputs are made contiguous first. */
  readonly strided?: boolean

  /** Kernels by hand; `lazyKernels` leaves them in a module of their own until a program has the op. */
  readonly cpu?: KernelSource<CpuRule<A>>
  readonly webgpu?: KernelSource<WebGpuRule<A>>

  /** FLOPs of one application (a multiply-add is 2). */
  flops?(inputs: readonly Spec[], outputs: readonly Spec[], attrs: A): number

  /** Cases the conformance suite runs. */
  readonly samples?: readonly Sample<A>[]
}

/** A tensor's logical values, row-major, as doubles. */
export interface Logical extends Spec {
  readonly data: Float64Array
}

export interface GradientContext<A> {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** Gradients of the outputs; `undefined` where nothing depends on that output. */
  readonly grads: readonly (Tensor | undefined)[]
  readonly attrs: A
}

export interface ElementwiseRule<A> {
  /** One element in doubles. `type` is how the inputs compute. */
  js(args: readonly number[], type: ComputeType, attrs: A): number
  /** An expression over vec4 operands of the compute type. */
  wgsl(args: readonly string[], type: ComputeType, attrs: A): string
  /** WGSL functions the expression calls; a shader contains each text once. */
  readonly wgslFunctions?: KernelSource<string | readonly string[]>
  /**
   * WebAssembly SIMD code, by the compute types of the first operand and of the result. Without it the op is not fused
   * on the processor.
   */
  readonly simd?: SimdTable | ((from: ComputeType, to: ComputeType) => readonly SimdStep[] | undefined)
  /** For each of two operands, the number that leaves the other one as it is: x * 1 is x. */
  neutral?(type: ComputeType): readonly [left: number | undefined, right: number | undefined]
}

export type SimdTable = Partial<Record<ComputeType, readonly SimdStep[]>>

/**
 * One step of SIMD code on the stack. An instruction by its name; `call f`, where f is a function (v128) -> v128 of
 * `wasm/assembly`; a number pushes that operand (code without any finds all operands on the stack, in order); `ones`
 * pushes 1 and `zeros` 0 in every lane of the compute type; `scalar k` pushes operand k as an i32: it must be a number
 * known while the program is built.
 */
export type SimdStep =
  | `${'f32x4' | 'i32x4' | 'v128'}.${string}`
  | `call ${string}`
  | `scalar ${number}`
  | 'ones'
  | 'zeros'
  | number

/** One case of the conformance suite: random inputs of these shapes. */
export interface Sample<A = unknown> {
  readonly inputs: readonly SampleInput[]
  readonly attrs?: A
  /** Relative tolerance on float32; 1e-5 unless said. */
  readonly tolerance?: number
  /** False where finite differences make no sense (ties, integers). */
  readonly differentiable?: boolean
}

export interface SampleInput {
  readonly shape: readonly number[]
  readonly dtype?: DType
  /** Uniform range; -2 to 2 unless said. Integers are drawn from [low, high). */
  readonly range?: readonly [low: number, high: number]
}

type Needs<A, Kind extends Op['kind'], Rules extends keyof Op<A>> = Op<A> & { readonly kind: Kind } & {
  readonly [Rule in Rules]-?: NonNullable<Op<A>[Rule]>
}

/** The rules an op of each kind cannot do without: one that is forgotten is a type error. */
export type OpRules<A> =
  | Needs<A, 'leaf', 'infer'>
  | Needs<A, 'elementwise', 'evaluate' | 'elementwise' | 'gradient'>
  | Needs<A, 'view', 'evaluate' | 'view' | 'gradient'>
  | Needs<A, 'kernel', 'evaluate'>
  | Needs<A, 'composite', 'definition'>

/**
 * Declares an op; the name makes stack traces and tables readable.
 * @example
 * const double = defineOp({ name: 'double', kind: 'composite', infer: ([x]) => [x], definition: ([x]) => [x.mul(2)] })
 * apply1(double, [device.tensor([1, 2])], {}) // [2, 4]
 */
export function defineOp<A = NoAttributes>(op: OpRules<A>): Op<A> {
  return op
}

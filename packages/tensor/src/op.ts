// The interface of ops.

import type { CpuRule } from './backends/cpu/rule.ts'
import type { KernelSource } from './backends/kernel-source.ts'
import type { WebGpuRule } from './backends/webgpu/rule.ts'
import type { ComputeType, DType } from './dtype.ts'
import type { Spec } from './graph/spec.ts'
import type { Access } from './passes/access.ts'
import type { Tensor } from './tensor.ts'

/** The attributes of an op that has none: `{}`. */
export type NoAttributes = Readonly<Record<string, never>>

/**
 * The interface of an op. Terms: the *operation* is the public function (it checks, promotes and
 * builds the node), the *op* is this table entry (the node's rules), a *kernel* is what a backend runs for it.
 *
 * An op is either primitive (it has `evaluate`, in plain JavaScript) or composite (it has `definition`, in
 * simpler ops). Everything else is an optimisation, which the conformance suite tests against that definition.
 */
export interface Op<A = NoAttributes> {
  readonly name: string
  readonly kind: 'leaf' | 'elementwise' | 'view' | 'kernel' | 'composite'

  /** Shapes and dtypes of the outputs. @throws ShapeError, DTypeError with the message a user reads. */
  infer(inputs: readonly Spec[], attrs: A): Spec[]

  /** Gradients of the inputs, as graph; `undefined` for inputs that have none. Default: differentiates `definition`. */
  gradient?(context: GradientContext<A>): (Tensor | undefined)[]

  /**
   * The gradient rule reads only the gradient of the first output; the other outputs exist for the rule itself. If
   * another output has a gradient, as in second derivatives, `definition` is differentiated instead.
   */
  readonly gradientOfFirst?: true

  /** The op in terms of simpler ops: the reference for every kernel of this op. */
  definition?(inputs: readonly Tensor[], attrs: A): Tensor[]

  /** A better composition for a real backend (chunked, split); `undefined` keeps `definition`. */
  lowering?(inputs: readonly Tensor[], attrs: A): Tensor[] | undefined

  /** The definition of a primitive on logical values in doubles; the caller rounds the outputs to their dtype. */
  evaluate?(inputs: readonly Logical[], attrs: A, outputs: readonly Logical[]): void

  /** Elementwise ops: the computation of one element, in three languages. */
  readonly elementwise?: ElementwiseRule<A>

  /** View ops: how element positions map into the input; `undefined` if strides cannot express it. */
  view?(input: Access, attrs: A): Access | undefined

  /** Leaf ops: the number that every element is, if that is known when a program is built. */
  constant?(attrs: A): number

  /**
   * The result equals the operand bit for bit, in other memory at most: `simplify` removes the op, kernels copy codes
   * unchanged.
   */
  readonly identity?: true

  /** View ops: elements of the operand are only repeated, so a constant stays a constant. */
  readonly repeats?: true

  /** View ops: whether these attributes swap the last two axes and keep all others. */
  swapsLastAxes?(attrs: A): boolean

  /**
   * The result with its last two axes swapped is this op of these operands, each with its last two axes swapped:
   * (a b)ᵀ = bᵀ aᵀ.
   */
  readonly transposed?: readonly number[]

  /**
   * How `vmap` applies the op to a batch, whose axis comes first: 'leading' unchanged, since it treats all leading axes
   * alike; 'axis' with its attribute `axis` plus one. Elementwise ops need no entry; others have a rule in
   * transforms/vmap.ts or are mapped by their definition.
   */
  readonly batching?: 'leading' | 'axis'

  /**
   * The input whose memory the first output may reuse if it is not read afterwards: a kernel that gets the same memory
   * for both writes only what changes.
   */
  readonly rewrites?: number

  /**
   * Whether kernels of this op read inputs through strides, but for the one whose memory is reused; default: inputs are
   * made contiguous first.
   */
  readonly strided?: boolean

  /**
   * Another op whose outputs this op computes too: `op` of the inputs at these positions, with the same attributes, as
   * the outputs at these positions. In a program with both the other is not computed, unless this one needs it.
   */
  readonly alsoComputes?: {
    readonly op: Op<A>
    readonly inputs: readonly number[]
    readonly outputs: readonly number[]
  }

  /** Hand-written kernels; `lazyKernels` keeps them in a separate module until a program uses the op. */
  readonly cpu?: KernelSource<CpuRule<A>>
  readonly webgpu?: KernelSource<WebGpuRule<A>>

  /** FLOPs of one application (a multiply-add is 2). */
  flops?(inputs: readonly Spec[], outputs: readonly Spec[], attrs: A): number

  /** Cases the conformance suite runs. */
  readonly samples?: readonly Sample<A>[]
}

/** A tensor's values, row-major, as doubles. */
export interface Logical extends Spec {
  readonly data: Float64Array
}

/** What a gradient rule gets. */
export interface GradientContext<A> {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** Gradients of the outputs; `undefined` if nothing depends on an output. */
  readonly grads: readonly (Tensor | undefined)[]
  readonly attrs: A
}

/** The computation of one element of an elementwise op. */
export interface ElementwiseRule<A> {
  /** One element in doubles. `type` is the compute type of the inputs. */
  js(args: readonly number[], type: ComputeType, attrs: A): number
  /** An expression over vec4 operands of the compute type. */
  wgsl(args: readonly string[], type: ComputeType, attrs: A): string
  /** WGSL functions that the expression calls; a shader includes each text once. */
  readonly wgslFunctions?: KernelSource<string | readonly string[]>
  /**
   * WebAssembly SIMD code, by the compute types of the first operand and of the result. Without it the op is not fused
   * on the CPU.
   */
  readonly simd?: SimdTable | ((from: ComputeType, to: ComputeType) => readonly SimdStep[] | undefined)
  /**
   * For each of two operands, the neutral element: the number for which the result is the other operand (x * 1 is x).
   */
  neutral?(type: ComputeType): readonly [left: number | undefined, right: number | undefined]
}

export type SimdTable = Partial<Record<ComputeType, readonly SimdStep[]>>

/**
 * One step of stack code. The name of an instruction; `call f`, where f is a function (v128) -> v128 of
 * `wasm/assembly`; a number pushes that operand (code without any starts with all operands on the stack, in order);
 * `ones` pushes 1 and `zeros` 0 in every lane of the compute type; `scalar k` pushes operand k as an i32, which must be
 * a number known when the program is built.
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
  /** Relative tolerance in float32. Default 1e-5. */
  readonly tolerance?: number
  /** False if finite differences are meaningless (ties, integers). */
  readonly differentiable?: boolean
}

export interface SampleInput {
  readonly shape: readonly number[]
  readonly dtype?: DType
  /** Range of uniform values. Default -2 to 2. Integers are drawn from [low, high). */
  readonly range?: readonly [low: number, high: number]
}

type Needs<A, Kind extends Op['kind'], Rules extends keyof Op<A>> = Op<A> & { readonly kind: Kind } & {
  readonly [Rule in Rules]-?: NonNullable<Op<A>[Rule]>
}

/** The rules that each kind of op requires: a missing one is a type error. */
export type OpRules<A> =
  | Needs<A, 'leaf', 'infer'>
  | Needs<A, 'elementwise', 'evaluate' | 'elementwise' | 'gradient'>
  | Needs<A, 'view', 'evaluate' | 'view' | 'gradient'>
  | Needs<A, 'kernel', 'evaluate'>
  | Needs<A, 'composite', 'definition'>

/**
 * Declares an op. The types require the rules that its kind needs.
 * @example
 * const double = defineOp({ name: 'double', kind: 'composite', infer: ([x]) => [x], definition: ([x]) => [x.mul(2)] })
 * apply1(double, [device.tensor([1, 2])], {}) // [2, 4]
 */
export function defineOp<A = NoAttributes>(op: OpRules<A>): Op<A> {
  return op
}

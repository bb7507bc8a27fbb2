import type { CpuRule } from './backends/cpu/rule.ts'
import type { KernelSource } from './backends/kernel-source.ts'
import type { WebGpuRule } from './backends/webgpu/rule.ts'
import type { ComputeType, DType } from './dtype.ts'
import type { Spec } from './graph/node.ts'
import type { Access } from './passes/access.ts'
import type { Tensor } from './tensor.ts'

/**
 * The contract of an op. Three words are kept apart: the *operation* is the public function (it checks, promotes and
 * builds the node), the *op* is this table entry (the node's rules), a *kernel* is what a backend runs for it.
 *
 * An op is either primitive (it has `evaluate`, the plainest possible meaning) or composite (it has `definition`, its
 * meaning in simpler ops). Everything else is an optimisation, held against that meaning by the conformance suite.
 */
export interface Op<A = unknown> {
  readonly name: string
  readonly kind: 'leaf' | 'elementwise' | 'view' | 'kernel' | 'composite'

  /** Shapes and dtypes of the outputs. @throws ShapeError, DTypeError with the message a user reads. */
  infer(inputs: readonly Spec[], attrs: A): Spec[]

  /** Gradients of the inputs, as graph; `undefined` where there is none. Missing: differentiate `definition`. */
  gradient?(context: GradientContext<A>): (Tensor | undefined)[]

  /**
   * The gradient rule reads the gradient of the first output alone (the others serve the rule itself). Where another one arrives, as in
   * second derivatives, `definition` is differentiated instead.
   */
  readonly gradientOfFirst?: true

  /** The meaning in simpler ops: the oracle of every kernel of this op. */
  definition?(inputs: readonly Tensor[], attrs: A): Tensor[]

  /** A better composition for a real backend (chunked, split); `undefined` keeps `definition`. */
  lowering?(inputs: readonly Tensor[], attrs: A): Tensor[] | undefined

  /** The plain meaning of a primitive on logical values in doubles; the caller rounds the outputs to their dtype. */
  evaluate?(inputs: readonly Logical[], attrs: A, outputs: readonly Logical[]): void

  /** Elementwise ops: one element, in three languages. */
  readonly elementwise?: ElementwiseRule<A>

  /** View ops: how element positions map into the input; `undefined` when strides cannot express it. */
  view?(input: Access, attrs: A): Access | undefined

  /** Whether kernels of this op read inputs through strides; otherwise inputs are made contiguous first. */
  readonly strided?: boolean

  /** Kernels by hand; `lazyKernels` leaves them in a module of their own until a program has the op. */
  readonly cpu?: KernelSource<CpuRule<A>>
  readonly webgpu?: KernelSource<WebGpuRule<A>>

  /** FLOPs of one application (a multiply-add is 2). */
  flops?(inputs: readonly Spec[], outputs: readonly Spec[], attrs: A): number

  /** Cases the conformance suite runs. */
  readonly samples?: readonly Sample[]
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
  readonly wgslFunctions?: string | readonly string[]
  /** WebAssembly SIMD instructions applied to the operands on the stack, per compute type of the inputs. */
  readonly simd?: Partial<Record<ComputeType, readonly string[]>>
}

/** One case of the conformance suite: random inputs of these shapes. */
export interface Sample {
  readonly inputs: readonly SampleInput[]
  readonly attrs?: unknown
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

/** Declares an op; the name makes stack traces and tables readable. */
export function defineOp<A>(op: Op<A>): Op<A> {
  return op
}

// The operations that an optimizer needs of an array type. For Float32Array and Float64Array they are built in
// (block-arithmetic.ts); for objects with the methods of `MethodArray`, such as lazy tensors, they are those methods
// (method-arithmetic.ts). `arithmetic-of.ts` chooses.

/**
 * Elementwise operations. A: array, S: scalar type that A's operations accept besides numbers. All arrays of one call
 * have the same shape.
 */
export interface Elementwise<A, S> {
  add(a: A, b: A | S | number): A
  sub(a: A, b: A | S | number): A
  mul(a: A, b: A | S | number): A
  div(a: A, b: A | S | number): A
  sqrt(a: A): A
  square(a: A): A
  /** -1, 0 or 1. */
  sign(a: A): A
  maximum(a: A, b: A | number): A
  minimum(a: A, b: A | number): A
  /** a * x + b * y. */
  addScaled(a: A, x: S | number, b: A, y: S | number): A
  /** a * x - b * y. */
  subScaled(a: A, x: S | number, b: A, y: S | number): A
}

/**
 * Operations on scalars, without reading them back from a device. Scalars of the state are stored in arrays of one
 * element: see load and store.
 */
export interface ScalarOperations<A, S> {
  add(a: S, b: S | number): S
  sub(a: S, b: S | number): S
  mul(a: S, b: S | number): S
  /** a / b. */
  div(a: S, b: S | number): S
  sqrt(a: S): S
  /** numerator / a. */
  divide(numerator: number, a: S): S
  minimum(a: S, b: S | number): S
  maximum(a: S, b: S | number): S
  /** An array of one element, 0, to store a scalar in; on the device of `like`. */
  zero(like: A): A
  load(a: A): S
  store(value: S): A
}

/**
 * How moments are stored. bfloat16 takes half the memory; next to typed arrays its codes are in a Uint16Array. See
 * `AdamOptions.momentDtype`.
 */
export type MomentDtype = 'float32' | 'bfloat16'

export interface Arithmetic<A, S> {
  readonly name: string
  /** Number of elements of an array, for checks. */
  size(a: A): number
  /** Number of dimensions, or undefined where the array does not know its shape. */
  rank(a: A): number | undefined
  /** Zeros of the same shape for a moment. Default: float32, or float64 for Float64Array. */
  zeros(a: A, dtype?: MomentDtype): A
  /** Sum over all elements. */
  sum(a: A): S
  /** Sum of squares over all elements. */
  sumOfSquares(a: A): S
  readonly scalar: ScalarOperations<A, S>
  /**
   * Runs `body` on arrays of one shape and returns one array for each of `targets`, of that target's type. `body` may
   * be called on pieces of the arrays, any number of times; it must be elementwise and must not keep references to its
   * arguments.
   * @param inPlace write into `targets` and return them; ignored for immutable array types
   */
  elementwise(
    inputs: readonly A[],
    targets: readonly A[],
    inPlace: boolean,
    body: (ops: Elementwise<A, S>, inputs: readonly A[]) => readonly A[],
  ): A[]
}

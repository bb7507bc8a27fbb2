// The class Tensor, and the application of ops.

import { requireTensor } from './arguments.ts'
import type { DType, HostArray } from './dtype.ts'
import { DeviceError, ShapeError } from './errors.ts'
import { makeNode, type Value } from './graph/node.ts'
import type { Spec } from './graph/spec.ts'
import { tensorBrand } from './is-tensor.ts'
import type { Op } from './op.ts'
import { elementCount, formatShape, type Shape } from './shape.ts'
import { assertPresent, type Storage, type StorageOwner } from './storage.ts'

export { isTensor } from './is-tensor.ts'

/**
 * A lazy n-dimensional array. Methods build a graph; `await data()` computes what is needed. Tensors are immutable.
 * Results that outlive a step are released by `dispose()` (or `using`); intermediates are released automatically.
 */
export class Tensor {
  readonly value: Value
  /** @internal The device (see `device`), if the tensor has one. */
  readonly owner: StorageOwner | undefined

  constructor(value: Value, owner: StorageOwner | undefined) {
    this.value = value
    this.owner = owner
    Object.defineProperty(this, tensorBrand, { value: true })
  }

  get shape(): Shape {
    return this.value.shape
  }

  get dtype(): DType {
    return this.value.dtype
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.value.shape.length
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.value.shape)
  }

  /** The elements, row-major: Int32Array or Uint32Array for integers, Float32Array for every float format. */
  async data(): Promise<Float32Array | Int32Array | Uint32Array> {
    return this.requireOwner('data()').read(await this.computed())
  }

  /** The only element of a tensor of one element. @throws ShapeError if there are more. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError(`item(): the tensor has ${this.size} elements, shape ${formatShape(this.shape)}; use data()`)
    return (await this.data())[0]
  }

  /** Raw storage codes (for the 16- and 8-bit formats) or the values themselves. */
  async codes(): Promise<HostArray> {
    return this.requireOwner('codes()').readCodes(await this.computed())
  }

  /** Computes the tensor now and keeps its value. */
  async evaluate(): Promise<this> {
    await this.requireOwner('evaluate()').evaluate([this])
    return this
  }

  /** Releases the memory. A tensor that was never computed has none. */
  dispose(): void {
    const storage = this.value.storage
    if (!storage || storage.gone) return
    storage.gone = 'disposed'
    storage.owner.releaseStorage(storage)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private async computed(): Promise<Storage> {
    await this.evaluate()
    return this.value.storage!
  }

  private requireOwner(what: string): StorageOwner {
    if (this.value.storage) assertPresent(this.value.storage, what)
    if (this.owner) return this.owner
    throw new DeviceError(
      `${what}: constants, iota and random numbers have no device until they are combined with a tensor that has one; make it with device.tensor(), or combine it with a tensor first: x.add(device.tensor(0))`,
    )
  }

  /**
   * Refuses conversion to a number: operators, Math and comparisons would silently compute with NaN. Template strings
   * print the tensor's dtype and shape.
   * @throws TypeError
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString()
    throw new TypeError(
      `${this} was used as a JavaScript number or string (by an operator, a comparison or Math). Use operations: x.mul(2), x.add(1), where(x.greater(10), a, b); print it in a template string; read its value with await x.item() or x.data(). Inside a compiled function a number argument is a tensor: a number that decides what is computed is closed over instead, with one compile() for each value`,
    )
  }

  toString(): string {
    return `Tensor(${this.dtype}${formatShape(this.shape)})`
  }
}

/**
 * Applies an op: checks shapes and dtypes, and that all operands are on the same device, and adds a node to the graph.
 * @returns one tensor for each output of the op
 * @throws ShapeError, DTypeError from the op; DeviceError for operands on two devices; DisposedError
 * @example
 * const double = defineOp({ name: 'double', kind: 'composite', infer: ([x]) => [x], definition: ([x]) => [x.mul(2)] })
 * apply(double, [device.tensor([1, 2])], {}) // [[2, 4]]
 */
export function apply<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  let owner: StorageOwner | undefined
  for (const t of inputs) {
    requireTensor(op.name, t)
    if (t.value.storage) assertPresent(t.value.storage, op.name)
    if (!t.owner) continue
    if (owner && owner !== t.owner) {
      throw new DeviceError(
        `${op.name}: operands are on two devices (${owner.name} and ${t.owner.name}); copy one with device.tensor(await t.data(), t.shape)`,
      )
    }
    owner = t.owner
  }
  const specs = op.infer(
    inputs.map((t) => t.value),
    attrs,
  )
  return makeNode(
    op,
    inputs.map((t) => t.value),
    attrs,
    specs,
  ).outputs.map((v) => new Tensor(v, owner))
}

/**
 * The first output of `apply`, for ops with one output.
 * @example
 * const double = defineOp({ name: 'double', kind: 'composite', infer: ([x]) => [x], definition: ([x]) => [x.mul(2)] })
 * apply1(double, [device.tensor([1, 2])], {}) // [2, 4]
 */
export function apply1<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return apply(op, inputs, attrs)[0]
}

/** A tensor with storage: host data or a computed result. */
export function tensorFromStorage(
  owner: StorageOwner,
  spec: Spec,
  op: Op,
  parts: Pick<Storage, 'host' | 'numbers' | 'buffer'>,
): Tensor {
  const node = makeNode(op, [], {}, [spec])
  const storage: Storage = { owner, spec, ...parts }
  node.outputs[0].storage = storage
  if (storage.buffer) owner.adopt(storage)
  return new Tensor(node.outputs[0], owner)
}

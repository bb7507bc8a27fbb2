// A device: one backend with its memory, in which tensors are stored.

import { requireDType, shown } from './arguments.ts'
import type { Backend, Counters } from './backends/backend.ts'
import { bufferBytes, bytesPerElement, type DType, type HostArray, isPacked, storageArray } from './dtype.ts'
import { DisposedError, ShapeError } from './errors.ts'
import { flatten } from './graph/tree.ts'
import { hostValues, type TensorData } from './host-data.ts'
import { sourceOp } from './ops/leaf.ts'
import { ProgramCache } from './program-cache.ts'
import { checkShape, elementCount, formatShape, type Shape } from './shape.ts'
import { assertPresent, type DeviceBuffer, encodeHost, type Storage } from './storage.ts'
import { isTensor, type Tensor, tensorFromStorage } from './tensor.ts'
import { type Evaluator, evaluateValues, type LazyProgram } from './transforms/evaluate.ts'

/** Results of `tune()`, and the adapter they were measured on. */
export interface Tuning {
  readonly adapter: string
  /** The kernel for each case, by name. */
  readonly choices: Readonly<Record<string, string>>
}

/** One backend with its memory. Several can exist at once; tensors of different devices cannot be combined. */
export class Device implements Evaluator {
  readonly backend: Backend
  /**
   * @internal Programs of lazily evaluated graphs, by structure. The capacity suffices for a training loop without
   * `compile`.
   */
  readonly programs = new ProgramCache<LazyProgram>({
    capacity: 512,
    discard: ({ executable }) => executable.dispose(),
  })

  /**
   * Releases the memory of tensors that were garbage-collected without having been disposed.
   */
  private readonly collected: FinalizationRegistry<DeviceBuffer>

  constructor(backend: Backend) {
    this.backend = backend
    let released = false
    this.collected = new FinalizationRegistry((buffer) => {
      if (!released) backend.release(buffer)
    })
    this.markReleased = () => {
      released = true
    }
  }

  private readonly markReleased: () => void
  private disposed = false

  /** Whether dispose() was called. */
  get isDisposed(): boolean {
    return this.disposed
  }

  /** @internal @throws DisposedError after dispose() */
  assertUsable(what: string): void {
    if (this.disposed)
      throw new DisposedError(`${what}: the device ${this.name} was disposed; make another one with init()`)
  }

  /** 'webgpu', 'cpu' or 'reference'. */
  get kind(): Backend['kind'] {
    return this.backend.kind
  }

  /** The kind of backend and, in parentheses, its adapter or instruction set. */
  get name(): string {
    return `${this.backend.kind} (${this.backend.description})`
  }

  /**
   * The kernels that `tune()` found fastest on this adapter, by case: a plain object to store, for `init({ tuning })`
   * in a later process. Devices on the same adapter in one process share them.
   */
  get tuning(): Tuning {
    return { adapter: this.backend.description, choices: Object.fromEntries(this.backend.choices ?? []) }
  }

  /**
   * The most bytes that the device can address, whatever the machine has: on the cpu backend 16 GiB less a page if its
   * memory has 64-bit addresses, otherwise 4 (`cpuAddressableBytes`); Infinity on others.
   */
  get addressableBytes(): number {
    return this.backend.addressableBytes ?? Number.POSITIVE_INFINITY
  }

  /** Current figures: buffers, bytes, submits, dispatches. */
  get counters(): Readonly<Counters> {
    return this.backend.counters
  }

  /**
   * A tensor from host numbers. The data is copied. `device.tensor([[1, 2], [3, 4]])` is [2, 2].
   * @param shape default: that of the nested arrays; one dimension for a typed array, none for a number
   * @param dtype default: float32, or the integer dtype of an Int32Array or Uint32Array
   * @throws ShapeError if the number of values does not fit the shape, TypeError (with the position) for an element
   *   that is not a number and for arrays of different lengths, RangeError for numbers that an integer dtype cannot
   *   represent
   */
  tensor(data: TensorData, shape?: Shape, dtype?: DType): Tensor {
    this.assertUsable('tensor')
    const { values, shape: full, dtype: type } = hostValues(data, shape, dtype)
    const spec = { shape: [...full], dtype: type }
    if (isPacked(type)) return tensorFromStorage(this, spec, sourceOp, { numbers: Float32Array.from(values) })
    const host = storageArray(type, values.length)
    host.set(values)
    return tensorFromStorage(this, spec, sourceOp, { host })
  }

  /**
   * A tensor from raw storage codes: a Uint16Array for the 16-bit formats, a Uint8Array for the 8-bit ones, values in
   * the dtype's typed array for the others. The data is copied.
   * @throws TypeError for another kind of array, ShapeError if the number of codes does not fit the shape
   */
  tensorFromCodes(codes: HostArray, shape: Shape, dtype: DType): Tensor {
    this.assertUsable('tensorFromCodes')
    checkShape('tensorFromCodes', shape)
    requireDType('tensorFromCodes', dtype)
    const expected = storageArray(dtype, 0).constructor
    if (codes?.constructor !== expected)
      throw new TypeError(
        `tensorFromCodes: ${dtype} codes come in ${expected.name}, got ${ArrayBuffer.isView(codes) ? codes.constructor.name : shown(codes)}`,
      )
    if (elementCount(shape) !== codes.length)
      throw new ShapeError(`tensorFromCodes: ${codes.length} codes do not fill shape ${formatShape(shape)}`)
    return tensorFromStorage(this, { shape: [...shape], dtype }, sourceOp, { host: codes.slice() as HostArray })
  }

  /** Computes all tensors of a tree in one program. */
  async evaluate(tree: unknown): Promise<void> {
    const tensors = flatten(tree).leaves.filter(isTensor)
    await evaluateValues(
      this,
      tensors.map((t) => t.value),
    )
  }

  /** @internal Values of a storage, decoded. */
  async read(storage: Storage): Promise<Float32Array | Int32Array | Uint32Array> {
    const codes = await this.readCodes(storage)
    const { dtype } = storage.spec
    if (!isPacked(dtype)) return codes as Float32Array
    const { decodeArray } = await import('./formats.ts')
    return decodeArray(dtype, codes as Uint16Array)
  }

  /** @internal Storage codes. */
  async readCodes(storage: Storage): Promise<HostArray> {
    this.assertUsable('data()')
    assertPresent(storage, 'data()')
    await encodeHost([storage])
    if (storage.host) return storage.host.slice() as HostArray
    const { shape, dtype } = storage.spec
    const n = elementCount(shape)
    const bytes = await this.backend.download(storage.buffer!, n * bytesPerElement[dtype])
    return storageArray(dtype, bytes, 0, n)
  }

  /** @internal The device memory of a computed value; host data, encoded before, is uploaded on first use. */
  bufferOf(storage: Storage): DeviceBuffer {
    if (!storage.buffer) {
      const { shape, dtype } = storage.spec
      const buffer = this.backend.allocate(bufferBytes(dtype, elementCount(shape)))
      this.backend.upload(buffer, storage.host!)
      storage.buffer = buffer
      storage.host = undefined
      this.adopt(storage)
    }
    return storage.buffer
  }

  /** @internal The storage owns its buffer from now on: it is released with the storage, or when that is collected. */
  adopt(storage: Storage): void {
    this.collected.register(storage, storage.buffer!, storage)
  }

  /** @internal The storage no longer owns its buffer. */
  disown(storage: Storage): void {
    this.collected.unregister(storage)
  }

  /** @internal */
  releaseStorage(storage: Storage): void {
    if (storage.readers || this.disposed) return
    this.disown(storage)
    if (storage.buffer) this.backend.release(storage.buffer)
    storage.buffer = undefined
    storage.host = undefined
    storage.numbers = undefined
  }

  /** Frees everything the device holds; its tensors can no longer be used. */
  dispose(): void {
    if (this.disposed) return
    this.markReleased()
    this.programs.clear()
    this.disposed = true
    this.backend.destroy()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

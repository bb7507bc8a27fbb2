// The memory of computed values, and its owner.

import type { HostArray, PackedDType } from './dtype.ts'
import { DisposedError } from './errors.ts'
import type { Spec } from './graph/spec.ts'

/** A buffer allocated by a backend; opaque outside the backend. */
export interface DeviceBuffer {
  readonly bytes: number
}

/** The owner of storages: the part of a device that tensors, storages and evaluation use. */
export interface StorageOwner {
  readonly name: string
  /** @throws DisposedError after dispose() */
  assertUsable(what: string): void
  /** Computes all tensors of a tree in one program. */
  evaluate(tree: unknown): Promise<void>
  /** Elements as storage codes, and decoded. */
  readCodes(storage: Storage): Promise<HostArray>
  read(storage: Storage): Promise<Float32Array | Int32Array | Uint32Array>
  /** The device memory of a computed value; host data is uploaded on first use. */
  bufferOf(storage: Storage): DeviceBuffer
  /** The storage owns its buffer from now on: it is released with the storage, or when that is garbage-collected. */
  adopt(storage: Storage): void
  releaseStorage(storage: Storage): void
}

/**
 * The memory of a computed value. Data from the host stays on the host (`host`) until a program needs it on the device.
 * `gone`, if set, is the reason why the memory can no longer be read.
 */
export interface Storage {
  readonly owner: StorageOwner
  readonly spec: Spec
  host?: HostArray
  /** Data of a packed dtype, given as numbers and not encoded yet: see `encodeHost`. */
  numbers?: Float32Array
  buffer?: DeviceBuffer
  /** The number of its upload into a program's slot, if there was one. */
  upload?: number
  gone?: 'disposed' | 'donated'
  /** Running computations that read it. Its memory is kept until they have finished. */
  readers?: Set<Promise<void>>
}

/**
 * Encodes the `numbers` of storages, with an encoder that is loaded on first use. Call it before reading `host`.
 */
export async function encodeHost(storages: Iterable<Storage>): Promise<void> {
  const waiting = [...storages].filter((s) => s.numbers)
  if (waiting.length === 0) return
  const { encodeArray } = await import('./formats.ts')
  for (const s of waiting) {
    if (!s.numbers) continue
    s.host = encodeArray(s.spec.dtype as PackedDType, s.numbers)
    s.numbers = undefined
  }
}

/** Keeps the memory of storages, even if they are disposed meanwhile, until the returned function is called. */
export function pin(storages: readonly Storage[]): () => void {
  let finish = () => {}
  const done = new Promise<void>((resolve) => {
    finish = resolve
  })
  for (const s of storages) (s.readers ??= new Set()).add(done)
  return () => {
    for (const s of storages) {
      s.readers!.delete(done)
      if (s.readers!.size > 0) continue
      s.readers = undefined
      if (s.gone === 'disposed') s.owner.releaseStorage(s)
    }
    finish()
  }
}

/** @throws DisposedError if the storage was disposed or donated */
export function assertPresent(storage: Storage, what: string): void {
  if (!storage.gone) return
  const shape = `${storage.spec.dtype}[${storage.spec.shape.join(', ')}]`
  throw new DisposedError(
    storage.gone === 'donated'
      ? `${what}: this tensor (${shape}) was donated to a compiled function, which reused its memory; use the function's result, or do not list the argument in donate`
      : `${what}: this tensor (${shape}) was disposed`,
  )
}

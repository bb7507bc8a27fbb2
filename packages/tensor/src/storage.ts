// The memory behind a computed value, and whose it is.

import type { HostArray, PackedDType } from './dtype.ts'
import { DisposedError } from './errors.ts'
import type { Spec } from './graph/spec.ts'

/** A block of memory that a backend handed out; opaque outside the backend. */
export interface DeviceBuffer {
  readonly bytes: number
}

/** Whose memory a storage is: what tensors, storages and evaluation know of a device. */
export interface StorageOwner {
  readonly name: string
  /** @throws DisposedError after dispose() */
  assertUsable(what: string): void
  /** Computes every tensor of a tree, together. */
  evaluate(tree: unknown): Promise<void>
  /** Elements as storage codes, and decoded. */
  readCodes(storage: Storage): Promise<HostArray>
  read(storage: Storage): Promise<Float32Array | Int32Array | Uint32Array>
  /** The device memory of a computed value; host data is uploaded on first use. */
  bufferOf(storage: Storage): DeviceBuffer
  /** The storage owns its buffer from now on: it goes back when the storage is released or collected. */
  adopt(storage: Storage): void
  releaseStorage(storage: Storage): void
}

/**
 * The memory behind a computed value. Data from the host stays there (`host`) until a program needs it on the device.
 * `gone` says why the memory can no longer be read.
 */
export interface Storage {
  readonly owner: StorageOwner
  readonly spec: Spec
  host?: HostArray
  /** Data of a packed dtype that came as numbers and is not encoded yet: see `encodeHost`. */
  numbers?: Float32Array
  buffer?: DeviceBuffer
  /** The number of its upload into a program's slot, where there was one. */
  upload?: number
  gone?: 'disposed' | 'donated'
  /** Computations under way that read it. Its memory stays until they have run. */
  readers?: Set<Promise<void>>
}

/**
 * Encodes what came as numbers: with an encoder that is loaded when it is first needed, before anything reads `host`.
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

/** Keeps the memory of storages until the returned function is called, whoever disposes them meanwhile. */
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

export function assertPresent(storage: Storage, what: string): void {
  if (!storage.gone) return
  const shape = `${storage.spec.dtype}[${storage.spec.shape.join(', ')}]`
  throw new DisposedError(
    storage.gone === 'donated'
      ? `${what}: this tensor (${shape}) was donated to a compiled function, which reused its memory; use the function's result, or do not list the argument in donate`
      : `${what}: this tensor (${shape}) was disposed`,
  )
}

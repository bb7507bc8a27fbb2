import type { Device } from './device.ts'
import type { HostArray } from './dtype.ts'
import { DisposedError } from './errors.ts'
import type { Spec } from './graph/node.ts'

/** A block of memory that a backend handed out; opaque outside the backend. */
export interface DeviceBuffer {
  readonly bytes: number
}

/**
 * The memory behind a computed value. Data from the host stays there (`host`) until a program needs it on the device.
 * `gone` says why the memory can no longer be read.
 */
export interface Storage {
  readonly device: Device
  readonly spec: Spec
  host?: HostArray
  buffer?: DeviceBuffer
  gone?: 'disposed' | 'donated'
  /** Computations under way that read it. Its memory stays until they have run. */
  readers?: Set<Promise<void>>
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
      if (s.gone === 'disposed') s.device.releaseStorage(s)
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

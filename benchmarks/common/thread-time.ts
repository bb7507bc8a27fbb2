/** Processor time of a thread. */
import { readFileSync } from 'node:fs'

const nothing = new Int32Array(new SharedArrayBuffer(4))

/**
 * Processor time of the calling thread in microseconds, system calls included: unlike elapsed time, other processes on
 * the machine do not add to it. `undefined` on systems without /proc (other than Linux).
 */
export function threadMicroseconds(): number | undefined {
  // Linux updates the counter when a thread is descheduled (or at the next tick, milliseconds later), so the thread
  // waits for 0.05 ms first.
  Atomics.wait(nothing, 0, 0, 0.05)
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e3
  } catch {
    return undefined
  }
}

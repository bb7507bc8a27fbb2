import { readFileSync } from 'node:fs'

const nothing = new Int32Array(new SharedArrayBuffer(4))

/**
 * Microseconds for which the calling thread has had a processor, kernel calls included: what is left of elapsed time where other work
 * shares the processors. `undefined` where the system does not tell (Linux does, in /proc).
 */
export function threadMicroseconds(): number | undefined {
  // Linux counts up when a thread leaves its processor (or at the next tick, milliseconds later): so it leaves for a moment.
  Atomics.wait(nothing, 0, 0, 0.05)
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e3
  } catch {
    return undefined
  }
}

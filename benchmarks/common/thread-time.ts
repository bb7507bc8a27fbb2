import { readFileSync } from 'node:fs'

/**
 * Microseconds for which the calling thread has had a processor, kernel calls included: what is left of elapsed time where other work
 * shares the processors. `undefined` where the system does not tell (Linux does, in /proc).
 */
export function threadMicroseconds(): number | undefined {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e3
  } catch {
    return undefined
  }
}

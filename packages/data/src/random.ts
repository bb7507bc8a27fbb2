/** Deterministic pseudo-random numbers: the same seed gives the same order on every machine. */

/** Draws integers from 0 to `below` - 1. */
export type DrawInteger = (below: number) => number

/**
 * sfc32 (Chris Doty-Humphrey's "small fast counter", PractRand), seeded by up to three 32-bit integers.
 * @param seed first key, e.g. the run's seed
 * @param stream second key, e.g. the epoch; different streams are independent
 * @param purpose third key, so that two uses of one seed and stream differ
 */
export function randomIntegers(seed: number, stream = 0, purpose = 0): DrawInteger {
  let a = seed | 0
  let b = stream | 0
  let c = purpose | 0
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 16; i++) next()
  // 53 random bits: no visible bias for any count of documents.
  return (below) => Math.floor(((next() >>> 5) * 2 ** 26 + (next() >>> 6)) * 2 ** -53 * below)
}

/** The numbers 0 to `count` - 1 in random order (inside-out Fisher-Yates shuffle). */
export function permutation(count: number, draw: DrawInteger): Uint32Array<ArrayBuffer> {
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const j = draw(i + 1)
    order[i] = order[j]
    order[j] = i
  }
  return order
}

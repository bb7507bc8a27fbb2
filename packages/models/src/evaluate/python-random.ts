/**
 * Python's `random.Random(seed).sample`, with which lm-evaluation-harness selects few-shot examples.
 * @see cpython Lib/random.py, Modules/_randommodule.c
 */

const size = 624
const half = 397

/** The Mersenne Twister, seeded as Python seeds it by an integer. @see doi:10.1145/272991.272995 */
export class PythonRandom {
  private readonly state = new Uint32Array(size)
  private at = size

  /** @param seed an integer from 0 to 2^32 - 1 */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
      throw new RangeError(`PythonRandom: the seed must be an integer from 0 to 2^32 - 1, got ${seed}`)
    const { state } = this
    // init_by_array([seed])
    state[0] = 19650218
    for (let i = 1; i < size; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i
    let i = 1
    const mix = (factor: number, more: number) => {
      state[i] = (state[i] ^ Math.imul(state[i - 1] ^ (state[i - 1] >>> 30), factor)) + more
      if (++i === size) {
        state[0] = state[size - 1]
        i = 1
      }
    }
    for (let k = 0; k < size; k++) mix(1664525, seed)
    for (let k = 0; k < size - 1; k++) mix(1566083941, -i)
    state[0] = 0x80000000
  }

  private word(): number {
    const { state } = this
    if (this.at === size) {
      for (let i = 0; i < size; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff)
        state[i] = state[(i + half) % size] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
      }
      this.at = 0
    }
    let y = state[this.at++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  /** An integer from 0 to n - 1. @param n from 1 to 2^31 */
  private below(n: number): number {
    const bits = 32 - Math.clz32(n)
    for (;;) {
      const drawn = this.word() >>> (32 - bits)
      if (drawn < n) return drawn
    }
  }

  /** `count` items without replacement. @throws RangeError where there are fewer */
  sample<T>(items: readonly T[], count: number): T[] {
    const n = items.length
    if (count < 0 || count > n)
      throw new RangeError(`cannot draw ${count} examples from ${n}; lower num_fewshot or give more examples`)
    // CPython draws from a copied list or rejects repeats by a set, whichever takes less memory, and the two draw
    // different items.
    let setSize = 21
    if (count > 5) setSize += 4 ** Math.ceil(Math.log(count * 3) / Math.log(4))
    if (n <= setSize) {
      const pool = [...items]
      return Array.from({ length: count }, (_, i) => {
        const j = this.below(n - i)
        const drawn = pool[j]
        pool[j] = pool[n - i - 1]
        return drawn
      })
    }
    const drawn = new Set<number>()
    while (drawn.size < count) drawn.add(this.below(n))
    return Array.from(drawn, (i) => items[i])
  }
}

/**
 * NumPy's legacy random generator, for shuffling: `numpy.random.RandomState(seed).shuffle(array)`, bit for bit.
 * @see M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998); NumPy's legacy generators are frozen
 * (NEP 19)
 */

const size = 624
const shift = 397

/** MT19937 seeded by one 32-bit integer. */
export class RandomState {
  private readonly state = new Uint32Array(size)
  private at = size

  /** @throws RangeError for a seed that NumPy rejects */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 2 ** 32 - 1)
      throw new RangeError(`RandomState: seed must be an integer from 0 to ${2 ** 32 - 1}, got ${String(seed)}`)
    const state = this.state
    state[0] = seed
    for (let i = 1; i < size; i++) {
      const before = state[i - 1] ^ (state[i - 1] >>> 30)
      state[i] = Math.imul(1812433253, before) + i
    }
  }

  /** The next 32 bits. */
  next(): number {
    if (this.at === size) this.refill()
    let y = this.state[this.at++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  /**
   * Shuffles in place (Fisher-Yates from the last element down); indices are drawn by rejection sampling under the
   * smallest bit mask that covers i.
   */
  shuffle(array: Int32Array | Uint32Array): void {
    if (array.length > 2 ** 32) throw new RangeError(`shuffle: at most 2^32 elements, got ${array.length}`)
    for (let i = array.length - 1; i > 0; i--) {
      const mask = (0xffffffff >>> Math.clz32(i)) | 0
      let j = (this.next() & mask) >>> 0
      while (j > i) j = (this.next() & mask) >>> 0
      const moved = array[i]
      array[i] = array[j]
      array[j] = moved
    }
  }

  private refill(): void {
    const state = this.state
    for (let i = 0; i < size; i++) {
      const next = i + 1 === size ? 0 : i + 1
      const from = i + shift < size ? i + shift : i + shift - size
      const y = (state[i] & 0x80000000) | (state[next] & 0x7fffffff)
      state[i] = state[from] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    this.at = 0
  }
}

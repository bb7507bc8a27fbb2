/**
 * A pseudo-random permutation of 0 to n - 1 by a key, evaluated at any index without memory.
 *
 * A Feistel network of eight rounds over the smallest power of two of at least n; results of n and above are encrypted
 * again until one is below (cycle walking), on average at most twice.
 * @see Black and Rogaway 2002, Ciphers with Arbitrary Finite Domains, CT-RSA
 */

const rounds = 8

/** Murmur3's finalizer: every bit of the result depends on every bit of `x`. */
function mixed(x: number): number {
  let h = x | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * Creates a permutation of 0 to `count` - 1.
 * @param count n, at most 2^48
 * @param seed first key, a 32-bit integer
 * @param stream second key, a 32-bit integer such as the epoch
 * @returns the function from an index to its value
 */
export function keyedPermutation(count: number, seed: number, stream: number): (place: number) => number {
  if (count <= 1) return () => 0
  const bits = Math.max(2, Math.ceil(Math.log2(count)))
  const right = bits >> 1
  const left = bits - right
  // Rounds alternate between the halves, whose widths may differ by one bit.
  const [leftSize, rightSize] = [2 ** left, 2 ** right]
  const keys = Array.from({ length: rounds }, (_, i) =>
    mixed(mixed(seed ^ 0x9e3779b9) + mixed(stream + 0x7f4a7c15) + Math.imul(i + 1, 0x632be5ab)),
  )
  const once = (value: number): number => {
    let a = Math.floor(value / rightSize)
    let b = value % rightSize
    for (let i = 0; i < rounds; i++) {
      // Even rounds change the left half by the right one, odd rounds the right half by the left one.
      if (i % 2 === 0) a = (a ^ (mixed(b + keys[i]) % leftSize)) >>> 0
      else b = (b ^ (mixed(a + keys[i]) % rightSize)) >>> 0
    }
    return a * rightSize + b
  }
  return (place) => {
    let value = once(place)
    while (value >= count) value = once(value)
    return value
  }
}

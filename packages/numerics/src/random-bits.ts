// Counter-based random bits, for stochastic rounding.

/**
 * 32 uniform random bits for the element `index` of the stream `seed`: a hash of the two, so the same on every machine
 * and in WGSL (`wgslRandomBits`), in any order, without state. Both are taken modulo 2^32.
 *
 *     mix(mix(seed ^ 0x9e3779b9) ^ mix(index)),   mix = two rounds of xor-shift and multiply ("lowbias32")
 *
 * Good for rounding; not for cryptography.
 * @see https://github.com/skeeto/hash-prospector for `mix` and its bias
 * @example randomBits(42, 0) === randomBits(42, 0) // true
 */
export function randomBits(seed: number, index: number): number {
  return mix(mix(seed ^ 0x9e3779b9) ^ mix(index))
}

function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

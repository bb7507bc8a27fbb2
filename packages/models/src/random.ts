/** Seeded normal random numbers, the same on every machine and backend. */

/** FNV-1a over UTF-8: hashes a tensor's name to the number of its random stream. */
export function hashName(name: string): number {
  let h = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 0x01000193) >>> 0
  return h
}

/** Uniform 32-bit words (sfc32: 128 bits of state, passes PractRand). */
export function words(seed: number, stream: number): () => number {
  let a = seed | 0
  let b = stream | 0
  let c = 0x9e3779b9 | 0
  let counter = 1
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 15; i++) next()
  return next
}

/** Fills an array with normal random numbers of mean 0 (Box-Muller transform). @param deviation standard deviation */
export function fillNormal(out: Float32Array, deviation: number, seed: number, stream: number): void {
  const next = words(seed, stream)
  for (let i = 0; i < out.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log((next() + 1) / 4294967297))
    const angle = (next() / 4294967296) * 2 * Math.PI
    out[i] = radius * Math.cos(angle)
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle)
  }
}

/**
 * MinHash with locality-sensitive hashing over 5-grams of words. 20 bands of 10 hashes find pairs with a Jaccard
 * similarity of 0.8 with probability 0.9, of 0.5 with probability 0.02.
 * @see A. Broder, "On the resemblance and containment of documents" (1997); LLM-jp's scripts for its corpus v4
 * use these parameters with datatrove
 */
import { wordsOf } from './words.ts'

export const minhashBands = 20
const rows = 10
const ngram = 5

/** Mixes 32 bits (the finaliser of MurmurHash3). Signed throughout: V8 keeps unsigned numbers past 2^31 as doubles. */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const keys = Int32Array.from({ length: minhashBands * rows }, (_, i) => mix(i + 0x9e3779b9))
/** XOR with this maps unsigned order to signed order. */
const sign = -0x80000000

function hashText(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix(h)
}

let shingles = new Int32Array(256)

/**
 * Two 32-bit words for each band; texts with an equal band are near duplicates. Ignores case, width and punctuation.
 */
export function minhash(text: string): Uint32Array<ArrayBuffer> {
  const words = wordsOf(
    text
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s]/gu, ' '),
  )
  const hashes = words.map(hashText)
  const count = Math.max(1, hashes.length - ngram + 1)
  if (shingles.length < count) shingles = new Int32Array(2 * count)
  for (let i = 0; i < count; i++) {
    let shingle = 0
    for (let k = i; k < Math.min(i + ngram, hashes.length); k++) shingle = mix((Math.imul(shingle, 31) + hashes[k]) | 0)
    shingles[i] = shingle
  }
  leastHashes(shingles, count)
  const bands = new Uint32Array(2 * minhashBands)
  for (let band = 0; band < minhashBands; band++) {
    let a = band + 1
    let b = band + 0x51ed270b
    for (let row = 0; row < rows; row++) {
      a = mix(a ^ least[band * rows + row])
      b = mix((Math.imul(b, 31) + least[band * rows + row]) | 0)
    }
    bands[2 * band] = a
    bands[2 * band + 1] = b
  }
  return bands
}

const least = new Int32Array(minhashBands * rows)

/**
 * The minimum hash of the first `count` shingles under each key, in unsigned order. Four keys at a time, to hide the
 * latency of the multiplications; `mix` is inlined by hand, since V8 does not inline it here.
 */
function leastHashes(shingles: Int32Array, count: number): void {
  for (let k = 0; k < keys.length; k += 4) {
    const key0 = keys[k]
    const key1 = keys[k + 1]
    const key2 = keys[k + 2]
    const key3 = keys[k + 3]
    let least0 = 0x7fffffff
    let least1 = least0
    let least2 = least0
    let least3 = least0
    for (let i = 0; i < count; i++) {
      const shingle = shingles[i]
      let h0 = shingle ^ key0
      let h1 = shingle ^ key1
      let h2 = shingle ^ key2
      let h3 = shingle ^ key3
      h0 = Math.imul(h0 ^ (h0 >>> 16), 0x85ebca6b)
      h1 = Math.imul(h1 ^ (h1 >>> 16), 0x85ebca6b)
      h2 = Math.imul(h2 ^ (h2 >>> 16), 0x85ebca6b)
      h3 = Math.imul(h3 ^ (h3 >>> 16), 0x85ebca6b)
      h0 = Math.imul(h0 ^ (h0 >>> 13), 0xc2b2ae35)
      h1 = Math.imul(h1 ^ (h1 >>> 13), 0xc2b2ae35)
      h2 = Math.imul(h2 ^ (h2 >>> 13), 0xc2b2ae35)
      h3 = Math.imul(h3 ^ (h3 >>> 13), 0xc2b2ae35)
      h0 = h0 ^ (h0 >>> 16) ^ sign
      h1 = h1 ^ (h1 >>> 16) ^ sign
      h2 = h2 ^ (h2 >>> 16) ^ sign
      h3 = h3 ^ (h3 >>> 16) ^ sign
      if (h0 < least0) least0 = h0
      if (h1 < least1) least1 = h1
      if (h2 < least2) least2 = h2
      if (h3 < least3) least3 = h3
    }
    least[k] = least0 ^ sign
    least[k + 1] = least1 ^ sign
    least[k + 2] = least2 ^ sign
    least[k + 3] = least3 ^ sign
  }
}

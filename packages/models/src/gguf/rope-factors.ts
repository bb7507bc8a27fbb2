/** `llama3` positions in GGUF: a tensor of what each frequency is divided by, rope_freqs.weight. @see llama.cpp convert_hf_to_gguf.py */
import type { RopeScaling } from '../architecture.ts'
import { ropeFrequencies } from '../decoder/rope.ts'

type Llama3 = Extract<RopeScaling, { type: 'llama3' }>

export const ropeFactorsName = 'rope_freqs.weight'

/** headDim / 2 divisors. */
export function ropeFactors(headDim: number, theta: number, scaling: Llama3): Float32Array {
  const scaled = ropeFrequencies(headDim, theta, scaling)
  return Float32Array.from(ropeFrequencies(headDim, theta), (plain, i) => plain / scaled[i])
}

/**
 * The scaling that gives the divisors, which is all that a file holds of it: Llama 3's choices where they fit, else what two divisors between
 * the ends tell.
 * @throws RangeError where none does
 */
export function scalingOfFactors(factors: ArrayLike<number>, theta: number): Llama3 {
  const headDim = 2 * factors.length
  const factor = Number(Math.max(...Array.from(factors)).toPrecision(6))
  const fits = (scaling: Llama3) => {
    const made = ropeFactors(headDim, theta, scaling)
    return made.every((x, i) => Math.abs(x - factors[i]) <= 1e-5 * x)
  }
  const lengths = [8192, 4096, 16_384, 32_768, 2048, 1024, 512, 256, 128, 64, 32]
  const published = lengths.map((length) => scalingOf(factor, 1, 4, length)).find(fits)
  if (published) return published
  // Between the ends 1 / divisor is a line over the turns a wave makes in one token.
  const plain = ropeFrequencies(headDim, theta)
  const between = Array.from(factors, (divisor, i) => [
    plain[i] / (2 * Math.PI),
    (1 / divisor - 1 / factor) / (1 - 1 / factor),
  ]).filter(([, smooth]) => smooth > 1e-4 && smooth < 1 - 1e-4)
  const [[x0, y0], [x1, y1]] = [between.at(0) ?? [0, 0], between.at(-1) ?? [0, 0]]
  const slope = (y1 - y0) / (x1 - x0)
  const low = x0 - y0 / slope
  // Turns in 8192 tokens: the original length is not told apart from the two bounds.
  const found = scalingOf(
    factor,
    Number((8192 * low).toPrecision(5)),
    Number((8192 * (low + 1 / slope)).toPrecision(5)),
    8192,
  )
  if (between.length >= 2 && fits(found)) return found
  throw new RangeError(`${ropeFactorsName}: frequencies are divided in a way that llama3 scaling does not give`)
}

const scalingOf = (factor: number, lowFreqFactor: number, highFreqFactor: number, length: number): Llama3 => ({
  type: 'llama3',
  factor,
  lowFreqFactor,
  highFreqFactor,
  originalMaxPositionEmbeddings: length,
})

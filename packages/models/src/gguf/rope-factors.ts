/**
 * `llama3` RoPE scaling in GGUF: rope_freqs.weight, the divisor of each frequency.
 * @see llama.cpp convert_hf_to_gguf.py
 */
import type { RopeScaling } from '../architecture.ts'
import { ropeFrequencies } from '../decoder/rope.ts'

type Llama3 = Extract<RopeScaling, { type: 'llama3' }>

export const ropeFactorsName = 'rope_freqs.weight'

/** The divisors, [headDim / 2]. */
export function ropeFactors(headDim: number, theta: number, scaling: Llama3): Float32Array {
  const scaled = ropeFrequencies(headDim, theta, scaling)
  return Float32Array.from(ropeFrequencies(headDim, theta), (plain, i) => plain / scaled[i])
}

/**
 * Recovers the scaling from its divisors, all that a file has of it: Llama 3's published factors if they fit, else
 * factors computed from two divisors in the interpolated range.
 * @throws RangeError if no llama3 scaling has these divisors
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
  // In the interpolated range 1 / divisor is linear in the frequency (turns per token).
  const plain = ropeFrequencies(headDim, theta)
  const between = Array.from(factors, (divisor, i) => [
    plain[i] / (2 * Math.PI),
    (1 / divisor - 1 / factor) / (1 - 1 / factor),
  ]).filter(([, smooth]) => smooth > 1e-4 && smooth < 1 - 1e-4)
  const [[x0, y0], [x1, y1]] = [between.at(0) ?? [0, 0], between.at(-1) ?? [0, 0]]
  const slope = (y1 - y0) / (x1 - x0)
  const low = x0 - y0 / slope
  // Assumes 8192 original positions: divisors determine only the ratios of the two bounds to the length.
  const found = scalingOf(
    factor,
    Number((8192 * low).toPrecision(5)),
    Number((8192 * (low + 1 / slope)).toPrecision(5)),
    8192,
  )
  if (between.length >= 2 && fits(found)) return found
  throw new RangeError(`${ropeFactorsName}: the divisors do not belong to llama3 scaling`)
}

const scalingOf = (factor: number, lowFreqFactor: number, highFreqFactor: number, length: number): Llama3 => ({
  type: 'llama3',
  factor,
  lowFreqFactor,
  highFreqFactor,
  originalMaxPositionEmbeddings: length,
})

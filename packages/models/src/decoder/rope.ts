/** Rotary position embeddings (RoPE) of a decoder: frequencies scaled as in Transformers, and the tables of a pass. */
import { add, cast, cos, iota, maximum, mul, pow, sin, type Tensor } from '@kumiki/tensor'
import type { ModelArchitecture, RopeScaling } from '../architecture.ts'

/**
 * cos and sin of a pass's positions, [T, D / 2]; [B T, D / 2] if the rows of a batch have different positions.
 */
export interface Rotation {
  readonly cos: Tensor
  readonly sin: Tensor
}

/**
 * Angular frequency of each pair of a head in radians per position, [D / 2]. `dynamic` scaling does not change them
 * within the original context.
 * @see transformers 5.24 modeling_rope_utils.py
 */
export function ropeFrequencies(headDim: number, theta: number, scaling?: RopeScaling): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const plain = theta ** ((-2 * i) / headDim)
    if (scaling?.type === 'linear') return plain / scaling.factor
    return scaling?.type === 'llama3' ? llama3Frequency(plain, scaling) : plain
  })
}

/** High frequencies are kept, low ones divided by the factor, and those between interpolated. */
function llama3Frequency(plain: number, scaling: Extract<RopeScaling, { type: 'llama3' }>): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = scaling
  const turns = (originalMaxPositionEmbeddings * plain) / (2 * Math.PI)
  if (turns > highFreqFactor) return plain
  if (turns < lowFreqFactor) return plain / factor
  const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
  return ((1 - smooth) * plain) / factor + smooth * plain
}

/** Host tables of cos and sin for positions 0 to `positions` - 1. */
export function rotationTables(frequencies: Float64Array, positions: number) {
  const half = frequencies.length
  const cos = new Float32Array(positions * half)
  const sin = new Float32Array(positions * half)
  for (let p = 0; p < positions; p++)
    for (let i = 0; i < half; i++) {
      cos[p * half + i] = Math.cos(p * frequencies[i])
      sin[p * half + i] = Math.sin(p * frequencies[i])
    }
  return { cos, sin, shape: [positions, half] as const }
}

/**
 * Dynamic scaling beyond the original context: theta grows with the length. Cached keys keep their rotation, as in
 * Transformers, so decoding in several passes differs from a single pass.
 * @param positions float32 [rows, 1] @param length float32 [] or [rows, 1], tokens at the end of the pass
 */
export function dynamicRotation(
  { headDim, maxPositionEmbeddings, ropeTheta }: ModelArchitecture,
  factor: number,
  { positions, length }: { readonly positions: Tensor; readonly length: Tensor },
): Rotation {
  const times = maximum(mul(length, 1 / maxPositionEmbeddings), 1)
  const raised = pow(add(mul(times, factor), 1 - factor), headDim / (headDim - 2)) // []
  const exponents = mul(cast(iota([1, headDim / 2], 1), 'float32'), -2 / headDim)
  const angles = mul(positions, mul(pow(raised, exponents), pow(ropeTheta, exponents)))
  return { cos: cos(angles), sin: sin(angles) }
}

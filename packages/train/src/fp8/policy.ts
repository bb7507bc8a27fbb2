/** The 8-bit part of a precision policy: formats, scaling, and the layers it applies to. */
import type { LinearLayer } from '@kumiki/models'
import type { Float8 } from './quantize.ts'

/** How tensors are scaled to the range of an 8-bit format. */
export type Fp8Scaling =
  /** Per tensor, from its own largest magnitude. */
  | { readonly kind: 'current'; readonly margin?: number; readonly powerOfTwo?: boolean }
  /** Per tensor, from the largest magnitudes of earlier steps (Transformer Engine's DelayedScaling). */
  | {
      readonly kind: 'delayed'
      readonly margin?: number
      /** Steps in the amax history. Default 1024. */
      readonly historyLength?: number
      readonly amaxCompute?: 'max' | 'most-recent'
    }
  /** Blocks of 1 x 128 (activations and gradients) and 128 x 128 (weights), as DeepSeek-V3. */
  | { readonly kind: 'block'; readonly powerOfTwo?: boolean }
  /** Blocks of 32 with E8M0 scales (OCP MX). */
  | { readonly kind: 'mx' }

/** The 8-bit part of a precision policy. */
export interface Fp8Policy {
  readonly scaling: Fp8Scaling
  /** Format of activations and weights. Default E4M3. */
  readonly forward?: Float8
  /** Format of gradients. Default E5M2, Transformer Engine's HYBRID. */
  readonly backward?: Float8
  /**
   * Stochastic rounding of gradients: up or down at random, unbiased. Default false: to nearest.
   */
  readonly stochasticGradients?: boolean
  /**
   * Whether a linear layer uses 8 bits. Default: all of the model's `linearLayers` and `groupedLayers` (which do not
   * include a decoder's embedding, norms and head).
   */
  readonly includes?: (layer: Fp8Layer) => boolean
}

/** A linear layer of the model. */
export interface Fp8Layer extends LinearLayer {
  /** Number of blocks in the model. */
  readonly blocks: number
}

/**
 * A filter for `Fp8Policy.includes` that leaves out the first and the last `count` blocks, as Megatron-LM's
 * `--first-last-layers-bf16`.
 * @throws RangeError for a count that is not a non-negative integer
 * @example
 * const inner = exceptFirstAndLastBlocks(1)
 * console.log(typeof inner) // function
 */
export function exceptFirstAndLastBlocks(count = 1): (layer: Fp8Layer) => boolean {
  if (!Number.isInteger(count) || count < 0)
    throw new RangeError(`exceptFirstAndLastBlocks: count must be an integer of at least 0, got ${count}`)
  return ({ block, blocks }) => block >= count && block < blocks - count
}

/** @throws RangeError naming the invalid field */
export function checkFp8Policy({ scaling, forward, backward }: Fp8Policy): void {
  for (const [what, format] of [
    ['forward', forward],
    ['backward', backward],
  ] as const)
    if (format !== undefined && format !== 'float8_e4m3fn' && format !== 'float8_e5m2')
      throw new RangeError(`fp8: ${what} must be float8_e4m3fn or float8_e5m2, got ${format}`)
  const kinds = ['current', 'delayed', 'block', 'mx']
  if (!kinds.includes(scaling?.kind))
    throw new RangeError(`fp8: scaling.kind must be one of ${kinds.join(', ')}, got ${scaling?.kind}`)
  if ('margin' in scaling && scaling.margin !== undefined && !(Number.isInteger(scaling.margin) && scaling.margin >= 0))
    throw new RangeError(`fp8: scaling.margin must be an integer of at least 0, got ${scaling.margin}`)
  if (scaling.kind === 'delayed') {
    const { historyLength = 1, amaxCompute = 'max' } = scaling
    if (!Number.isInteger(historyLength) || historyLength < 1 || historyLength > 65536)
      throw new RangeError(`fp8: scaling.historyLength must be an integer from 1 to 65536, got ${historyLength}`)
    if (amaxCompute !== 'max' && amaxCompute !== 'most-recent')
      throw new RangeError(`fp8: scaling.amaxCompute must be 'max' or 'most-recent', got ${amaxCompute}`)
  }
}

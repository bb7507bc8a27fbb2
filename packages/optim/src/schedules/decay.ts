// The shapes of decay that `wsd` and `cooldown` share.

import { checkNumber, describeValue, unknownName } from '../check.ts'

/**
 * Shapes that interpolate: with r from 0 to 1 over the decay, the fraction of (from - to) that is left. The first four
 * have the names of Megatron-LM's `--lr-wsd-decay-style`.
 */
export const decayShapes = {
  /** 1 - r */
  linear: (r: number) => 1 - r,
  /** (1 + cos(pi r)) / 2 */
  cosine: (r: number) => 0.5 * (Math.cos(Math.PI * r) + 1),
  /**
   * 2 * 0.5^r - 1: an exponential, scaled so that it ends at 0, as in Megatron-LM. MiniCPM's exponential is `halving`.
   */
  exponential: (r: number) => 2 * 0.5 ** r - 1,
  /** 1 - sqrt(r) */
  minus_sqrt: (r: number) => 1 - Math.sqrt(r),
  /**
   * 1 - sqrt(r), the same curve as `minus_sqrt` under its name in arXiv:2405.18392 and in Transformers. In the paper it
   * ends at 0, in Megatron-LM at --min-lr (0 in LLM-jp-4's decay branches).
   */
  '1-sqrt': (r: number) => 1 - Math.sqrt(r),
} as const

/**
 * Besides the names of `decayShapes`: `halving` is MiniCPM's exponential (arXiv:2404.06395, section 4),
 * from * 0.5^(steps / halfLife), bounded below by `to`, which it need not reach. `inverse` is the decay of WSD-S
 * (arXiv:2410.05192), in which 1 / rate rises linearly: 1 / (r / to + (1 - r) / from); `to` must be above 0.
 */
export type DecayShape = keyof typeof decayShapes | 'halving' | 'inverse'

export interface DecayOptions {
  /** Default `minus_sqrt`. */
  shape?: DecayShape
  /** Steps in which shape `halving` halves the rate; only for that shape. Default: an eighth of the decay. */
  halfLife?: number
}

/** Names of all shapes. */
export const decayShapeNames: readonly DecayShape[] = [
  ...(Object.keys(decayShapes) as (keyof typeof decayShapes)[]),
  'halving',
  'inverse',
]

/**
 * The decay from `from` to `to` in `steps` steps, as a function of the steps since its start.
 * @throws RangeError for an unknown shape, a halfLife without `halving`, or a `to` of 0 with `inverse`
 */
export function makeDecay(
  what: string,
  { shape = 'minus_sqrt', halfLife }: DecayOptions,
  from: number,
  to: number,
  steps: number,
): (done: number) => number {
  if (!decayShapeNames.includes(shape))
    throw unknownName(
      `${what}: shape must be one of ${decayShapeNames.join(', ')}, got ${describeValue(shape)}`,
      shape,
      decayShapeNames,
    )
  if (halfLife !== undefined && shape !== 'halving')
    throw new RangeError(`${what}: halfLife is for shape halving, got shape ${shape}; leave it out`)
  if (shape === 'halving') {
    const half = halfLife ?? Math.max(1, steps / 8)
    checkNumber(`${what}: halfLife`, half, Number.MIN_VALUE)
    return (done) => Math.max(to, from * 0.5 ** (done / half))
  }
  if (shape === 'inverse') {
    if (to <= 0) throw new RangeError(`${what}: final must be above 0 for shape inverse, got ${to}`)
    return (done) => 1 / (done / steps / to + (1 - done / steps) / from)
  }
  const share = decayShapes[shape]
  return (done) => to + (from - to) * share(done / steps)
}

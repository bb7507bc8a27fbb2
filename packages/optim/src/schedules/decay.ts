// How a schedule falls: shared by `wsd` and `cooldown`.

import { checkNumber, describeValue } from '../check.ts'

/**
 * Shapes that interpolate: with r from 0 to 1 over the decay, the share of (from - to) that is left. The first four carry the names of
 * Megatron-LM's `--lr-wsd-decay-style`.
 */
export const decayShapes = {
  /** 1 - r */
  linear: (r: number) => 1 - r,
  /** (1 + cos(pi r)) / 2 */
  cosine: (r: number) => 0.5 * (Math.cos(Math.PI * r) + 1),
  /** 2 * 0.5^r - 1: one halving, stretched so that it ends at 0. Megatron-LM's; MiniCPM's is `halving`. */
  exponential: (r: number) => 2 * 0.5 ** r - 1,
  /** 1 - sqrt(r) */
  minus_sqrt: (r: number) => 1 - Math.sqrt(r),
  /**
   * 1 - sqrt(r), under the name it has in arXiv:2405.18392 and in Transformers. The curve is Megatron-LM's `minus_sqrt`; the paper lets it end
   * at 0, Megatron-LM at --min-lr (LLM-jp-4's decay branches: 0).
   */
  '1-sqrt': (r: number) => 1 - Math.sqrt(r),
} as const

/**
 * `halving` is MiniCPM's exponential (arXiv:2404.06395, section 4): from * 0.5^(steps / halfLife), not below `to`, which it need not reach.
 * `inverse` is that of WSD-S (arXiv:2410.05192): 1 / rate rises linearly, 1 / (r / to + (1 - r) / from); `to` must be above 0.
 */
export type DecayShape = keyof typeof decayShapes | 'halving' | 'inverse'

export interface DecayOptions {
  /** Default `minus_sqrt`. */
  shape?: DecayShape
  /** Steps in which shape `halving` halves the rate; for that shape alone. Default: an eighth of the decay. */
  halfLife?: number
}

/** Names of all shapes. */
export const decayShapeNames: readonly DecayShape[] = [
  ...(Object.keys(decayShapes) as (keyof typeof decayShapes)[]),
  'halving',
  'inverse',
]

/**
 * The value after `done` of `steps` steps between `from` and `to`, as a function.
 * @throws RangeError for an unknown shape, or a shape that does not go with the numbers
 */
export function makeDecay(
  what: string,
  { shape = 'minus_sqrt', halfLife }: DecayOptions,
  from: number,
  to: number,
  steps: number,
): (done: number) => number {
  if (!decayShapeNames.includes(shape))
    throw new RangeError(`${what}: shape must be one of ${decayShapeNames.join(', ')}, got ${describeValue(shape)}`)
  if (halfLife !== undefined && shape !== 'halving')
    throw new RangeError(`${what}: halfLife goes with shape halving, got shape ${shape}; leave it out`)
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

import { checkInteger, checkNumber, describeValue } from '../check.ts'
import { defineSchedule, type Schedule } from '../schedule.ts'

/** How the last phase falls. With r from 0 to 1 over the decay, the share of (peak - final) that is left. */
export const decayShapes = {
  /** 1 - r */
  linear: (r: number) => 1 - r,
  /** (1 + cos(pi r)) / 2 */
  cosine: (r: number) => 0.5 * (Math.cos(Math.PI * r) + 1),
  /** 2 * 0.5^r - 1 */
  exponential: (r: number) => 2 * 0.5 ** r - 1,
  /** 1 - sqrt(r) */
  minus_sqrt: (r: number) => 1 - Math.sqrt(r),
} as const

export type DecayShape = keyof typeof decayShapes

export interface WsdOptions {
  /** Value of the stable phase. */
  peak: number
  /** Value at the end and after. Default 0. */
  final?: number
  /** Linear rise from 0. Default 0. */
  warmupSteps?: number
  /** All steps, warmup and decay included. */
  steps: number
  /** Steps of the decay, at the end. */
  decaySteps: number
  /** Default `minus_sqrt`. */
  shape?: DecayShape
}

/**
 * Warmup, stable, decay: a linear rise from 0 to `peak`, `peak` until `steps - decaySteps`, then down to `final`.
 * Shapes and their names are Megatron-LM's (`--lr-wsd-decay-style`).
 * @throws RangeError where an argument is out of range, or warmup and decay do not fit into steps
 * @see arXiv:2404.06395, section 4
 */
export function wsd(options: WsdOptions): Schedule {
  const { peak, final = 0, warmupSteps = 0, steps, decaySteps, shape = 'minus_sqrt' } = options
  checkNumber('wsd: peak', peak, 0)
  checkNumber('wsd: final', final, 0, peak)
  checkInteger('wsd: steps', steps, 1)
  checkInteger('wsd: warmupSteps', warmupSteps, 0, steps)
  checkInteger('wsd: decaySteps', decaySteps, 0, steps - warmupSteps)
  if (!Object.hasOwn(decayShapes, shape))
    throw new RangeError(
      `wsd: shape must be one of ${Object.keys(decayShapes).join(', ')}, got ${describeValue(shape)}`,
    )
  const share = decayShapes[shape]
  const start = steps - decaySteps
  return defineSchedule({ kind: 'wsd', peak, final, warmupSteps, steps, decaySteps, shape }, (step) => {
    if (step < warmupSteps) return (peak * step) / warmupSteps
    if (step <= start) return peak
    if (step >= steps) return final
    return final + (peak - final) * share((step - start) / decaySteps)
  })
}

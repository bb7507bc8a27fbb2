// Cosine decay.

import { checkRamp, type RampOptions } from './linear.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

/**
 * Cosine decay: to + (from - to) * (1 + cos(pi * step / steps)) / 2, then `to`.
 * @throws RangeError if an argument is out of range
 * @see arXiv:1608.03983, equation 5
 * @example
 * ```ts
 * import { cosine } from '@kumiki/optim'
 *
 * console.log([0, 100, 200].map(cosine({ from: 3e-4, to: 3e-5, steps: 100 }))) // [0.0003, 0.00003, 0.00003]
 * ```
 */
export function cosine(options: RampOptions): Schedule {
  const { from, to, steps } = checkRamp('cosine', options)
  return defineSchedule({ kind: 'cosine', from, to, steps }, (step) =>
    step >= steps ? to : to + (from - to) * 0.5 * (1 + Math.cos((Math.PI * step) / steps)),
  )
}

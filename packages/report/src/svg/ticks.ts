/** Tick values of axes. */
import { ticks } from 'd3-array'

export type ScaleKind = 'linear' | 'log'

/**
 * About `count` round values from low to high; only the ends of a range so small that a step between ticks underflows.
 */
export function linearTicks(low: number, high: number, count: number): number[] {
  return high - low < 1e-290 ? [low, high] : ticks(low, high, count)
}

/** About `count` round values within the domain. On a log axis multiples such as 1, 2 and 5 of each decade. */
export function ticksOf(kind: ScaleKind, [low, high]: readonly [number, number], count: number): number[] {
  if (kind === 'linear') return linearTicks(low, high, count)
  const decades = Math.log10(high / low)
  // Within 0.4 decades, multiples of powers of ten give too few ticks: linear ones are used.
  if (decades < 0.4) return ticks(low, high, count).filter((tick) => tick > 0)
  const steps =
    decades > count ? [1] : decades > count / 2 ? [1, 3] : decades > 0.8 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7]
  const every = Math.max(1, Math.ceil(decades / (count + 2)))
  const found: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every !== 0) continue
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(3))
      if (tick >= low * 0.999 && tick <= high * 1.001) found.push(tick)
    }
  }
  return found
}

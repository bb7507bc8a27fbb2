/** The values of a line chart: gaps, means over seeds, thinning, domains. */
import { thin } from '../svg/thin.ts'
import type { ScaleKind } from '../svg/ticks.ts'

/** Pairs of x and y. A y that is not finite leaves a gap. */
export type Points = readonly (readonly [x: number, y: number])[]

/** A point as drawn. Of several runs `y` is their mean, `low` and `high` their range. */
export interface Summary {
  readonly x: number
  readonly y: number
  readonly low: number
  readonly high: number
}

/** The points to draw for one line, at most about two per pixel. */
export function lineValues(
  points: Points | readonly Points[],
  width: number,
  xScale: ScaleKind,
  yScale: ScaleKind,
): { values: readonly Summary[]; ranged: boolean } {
  const within = (run: Points) => (run.every(([x]) => usable(x, xScale)) ? run : run.filter(([x]) => usable(x, xScale)))
  const runs = (isMany(points) ? points : [points as Points]).map(within)
  if (runs.length > 1) return { values: summarize(runs, yScale), ranged: true }
  const [run] = runs
  const valueAt = (i: number) => (usable(run[i][1], yScale) ? run[i][1] : Number.NaN)
  const values = thin(run.length, valueAt, Math.round(width)).map((i): Summary => {
    const y = valueAt(i)
    return { x: run[i][0], y, low: y, high: y }
  })
  return { values, ranged: false }
}

const isMany = (points: Points | readonly Points[]): points is readonly Points[] =>
  points.length > 0 && Array.isArray((points[0] as readonly unknown[])[0])

export const usable = (value: number, kind: ScaleKind) => Number.isFinite(value) && (kind !== 'log' || value > 0)

/** For each x that all runs have: the mean (geometric on a log axis) and the range. */
function summarize(runs: readonly Points[], yScale: ScaleKind): Summary[] {
  const byX = new Map<number, number[]>()
  for (const run of runs)
    for (const [x, y] of run) {
      if (!usable(y, yScale)) continue
      const ys = byX.get(x)
      if (ys) ys.push(y)
      else byX.set(x, [y])
    }
  const mean = (ys: readonly number[]) => ys.reduce((s, y) => s + y, 0) / ys.length
  const all = [...byX]
    .filter(([, ys]) => ys.length === runs.length)
    .map(([x, ys]) => ({
      x,
      y: yScale === 'log' ? Math.exp(mean(ys.map(Math.log))) : mean(ys),
      low: Math.min(...ys),
      high: Math.max(...ys),
    }))
    .sort((a, b) => a.x - b.x)
  // Subsampling keeps the means and ranges of smooth curves; lowest and highest per pixel would distort the mean.
  const every = Math.ceil(all.length / 1200)
  return every === 1 ? all : all.filter((_, i) => i % every === 0 || i === all.length - 1)
}

export function padX([low, high]: [number, number], kind: ScaleKind): [number, number] {
  if (high > low) return [low, high]
  return kind === 'log' ? [low / 2, low * 2] : [low - 1, low + 1]
}

export function padY([low, high]: [number, number], kind: ScaleKind, fromZero: boolean): [number, number] {
  if (kind === 'log') {
    const room = Math.max((high / low) ** 0.05, 1.05)
    return [low / room, high * room]
  }
  const bottom = fromZero ? Math.min(0, low) : low
  const ceiling = fromZero ? Math.max(0, high) : high
  if (!(ceiling > bottom)) return [bottom - Math.abs(bottom || 1) / 2, ceiling + Math.abs(ceiling || 1) / 2]
  const room = 0.04 * (ceiling - bottom)
  const [from, to] = [fromZero && bottom === 0 ? 0 : bottom - room, ceiling + room]
  // Numbers near the largest have no room above them.
  return Number.isFinite(to) ? [from, to] : [low, high]
}

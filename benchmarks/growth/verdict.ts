/** Whether a curve bends upward: whether a unit of work costs more at a larger size than at the best smaller one. */

export interface Point {
  readonly size: number
  /** FLOPs, or another quantity that the cost should be proportional to. */
  readonly work: number
  /** Seconds, or bytes. */
  readonly cost: number
}

export interface PointVerdict extends Point {
  /** d log(cost) / d log(work) from the size before; 1 where cost grows as work does. */
  readonly exponent?: number
  /** Cost of a unit of work over the least of the smaller sizes; 1 where cost grows as work does. */
  readonly bend?: number
}

export interface CurveVerdict {
  readonly points: readonly PointVerdict[]
  readonly worst: PointVerdict
  readonly bends: boolean
}

/** @param allowed most that a unit of work may cost, relative to its cost at the best smaller size */
export function judge(points: readonly Point[], allowed: number): CurveVerdict {
  if (points.length < 2) throw new RangeError(`judge: a curve needs two points or more, got ${points.length}`)
  let least = Number.POSITIVE_INFINITY
  const judged = points.map((point, i): PointVerdict => {
    const before = points[i - 1]
    const unit = point.cost / point.work
    const bend = unit / least
    least = Math.min(least, unit)
    if (!before) return point
    return { ...point, exponent: Math.log(point.cost / before.cost) / Math.log(point.work / before.work), bend }
  })
  const worst = judged.slice(1).reduce((a, b) => (b.bend! > a.bend! ? b : a))
  return { points: judged, worst, bends: worst.bend! > allowed }
}

/** Slope of the line through log(cost) over log(work), by least squares. */
export function slopeOf({ points }: CurveVerdict): number {
  const x = points.map(({ work }) => Math.log(work))
  const y = points.map(({ cost }) => Math.log(cost))
  const mean = (list: number[]) => list.reduce((sum, v) => sum + v, 0) / list.length
  const [mx, my] = [mean(x), mean(y)]
  const sum = (f: (i: number) => number) => x.reduce((total, _, i) => total + f(i), 0)
  return sum((i) => (x[i] - mx) * (y[i] - my)) / sum((i) => (x[i] - mx) ** 2)
}

/** Time and peak memory over problem size, with the ideal growth as dashed lines. */
import type { DrawOptions } from '../svg/frame.ts'
import { type Line, type LineChart, lineCharts } from './line-chart.ts'

const words = {
  en: {
    time: 'time',
    seconds: 'seconds',
    memory: 'peak memory',
    rate: (rate: string) => `FLOPs at ${rate} GFLOP/s`,
    linear: 'linear',
  },
  ja: {
    time: '時間',
    seconds: '秒',
    memory: 'ピークメモリ',
    rate: (rate: string) => `FLOPs、${rate} GFLOP/s`,
    linear: '比例',
  },
} as const

/** The cost of one problem size (seconds or bytes), and the work (FLOPs or size) that it should be proportional to. */
export interface GrowthPoint {
  readonly size: number
  readonly cost: number
  readonly work: number
}

/** One curve, measured on one backend. */
export interface MeasuredGrowth {
  readonly curve: { readonly name: string; readonly axis: string }
  readonly backend: string
  /** Seconds; work in FLOPs. */
  readonly time: { readonly points: readonly GrowthPoint[] }
  /** Bytes. */
  readonly memory: { readonly points: readonly GrowthPoint[] }
}

/**
 * One column per curve: time above, peak memory below, both on log-log axes. The dashed lines are proportional to the
 * FLOPs (time) and to the size (memory), scaled to touch the measured curve where the cost per unit of work is lowest.
 * @returns the text of one self-contained SVG element
 * @throws RangeError without a curve, or for a size out of range
 * @example
 * const time = { points: [{ size: 1, cost: 0.1, work: 1 }, { size: 2, cost: 0.2, work: 2 }] }
 * const curve = { name: 'matmul', axis: 'rows' }
 * growthCharts([{ curve, backend: 'cpu', time, memory: time }]).startsWith('<svg') // true
 */
export function growthCharts(measured: readonly MeasuredGrowth[], options: DrawOptions = {}): string {
  const say = words[options.language ?? 'en']
  const names = [...new Set(measured.map(({ curve }) => curve.name))]
  const least = (points: readonly GrowthPoint[]) => Math.min(...points.map(({ cost, work }) => cost / work))
  const chart = (name: string, what: string, yLabel: string, lines: (m: MeasuredGrowth, color: number) => Line[]) => {
    const own = measured.filter(({ curve }) => curve.name === name)
    return {
      title: `${name}: ${what}`,
      xLabel: own[0].curve.axis,
      yLabel,
      xScale: 'log',
      yScale: 'log',
      lines: own.flatMap(lines),
    } satisfies LineChart
  }
  const pair = (points: readonly GrowthPoint[], label: string, ideal: string, color: number, unit: number): Line[] => [
    { label, color, dots: true, points: points.map(({ size, cost }) => [size, cost / unit] as const) },
    {
      label: ideal,
      color,
      dashed: true,
      points: points.map(({ size, work }) => [size, (work * least(points)) / unit] as const),
    },
  ]
  const time = names.map((name) =>
    chart(name, say.time, say.seconds, ({ backend, time: { points } }, color) =>
      pair(points, backend, say.rate((1e-9 / least(points)).toPrecision(2)), color, 1),
    ),
  )
  const memory = names.map((name) =>
    chart(name, say.memory, 'MB', ({ backend, memory: { points } }, color) =>
      pair(points, backend, say.linear, color, 1e6),
    ),
  )
  return lineCharts([...time, ...memory], { columns: Math.max(1, names.length), ...options })
}

/** The curves as one SVG: above, time beside the line of the FLOPs; below, peak memory beside a line through the origin. */
import { type Chart, charts, type Line } from 'example-study-tools'
import type { Measured } from './measure.ts'

export function picture(all: readonly Measured[]): string {
  const names = [...new Set(all.map((m) => m.curve.name))]
  const chart = (
    name: string,
    what: string,
    yLabel: string,
    linesOf: (m: Measured, color: number) => Line[],
  ): Chart => {
    const measured = all.filter((m) => m.curve.name === name)
    return {
      title: `${name}: ${what}`,
      xLabel: measured[0].curve.axis,
      yLabel,
      xScale: 'log',
      yScale: 'log',
      lines: measured.flatMap((m, color) => linesOf(m, color)),
    }
  }
  const time = names.map((name) =>
    chart(name, 'time', 'seconds', (m, color) => {
      // The line of the FLOPs lies under the curve and touches it where a FLOP costs least.
      const least = Math.min(...m.time.points.map((p) => p.cost / p.work))
      return [
        { label: m.backend, color, dots: true, points: m.time.points.map((p) => [p.size, p.cost] as const) },
        {
          label: `FLOPs at ${(1e-9 / least).toPrecision(2)} GFLOP/s`,
          color,
          dashed: true,
          points: m.time.points.map((p) => [p.size, p.work * least] as const),
        },
      ]
    }),
  )
  const memory = names.map((name) =>
    chart(name, 'peak memory', 'MB', (m, color) => {
      const { points } = m.memory
      const least = Math.min(...points.map((p) => p.cost / p.work))
      return [
        { label: m.backend, color, dots: true, points: points.map((p) => [p.size, p.cost / 1e6] as const) },
        {
          label: 'linear',
          color,
          dashed: true,
          points: points.map((p) => [p.size, (p.work * least) / 1e6] as const),
        },
      ]
    }),
  )
  return charts([...time, ...memory], names.length)
}

/** Training curves of runs under different precision policies. */
import { median } from 'd3-array'
import { type LineChart, lineChart } from '../charts/line-chart.ts'
import { figureRow } from '../page/parts.ts'
import { smooth } from '../run/smooth.ts'
import type { Markup } from '../text/markup.ts'
import { matrixOf, type PrecisionProbe, type PrecisionRun, policiesOf } from './precision-run.ts'

/** Charts in two columns, each captioned with its title. */
export const chartRow = (charts: readonly LineChart[]): Markup =>
  figureRow(
    charts.map((chart) => ({
      caption: chart.title,
      draw: (width) => lineChart(chart, { width, height: 320, heading: false }),
    })),
    2,
  )

/** Smoothed over a hundredth of the run, and at least five steps, because short runs are noisy. */
const smoothedLosses = (losses: readonly number[]) => smooth(losses, Math.max(5, losses.length / 100))

/**
 * Losses, their paired differences from the baseline's, and the signal-to-noise ratio of the gradients.
 * @param runs runs of one setting
 * @param baseline name of the policy to compare with
 */
export function trainingCharts(runs: readonly PrecisionRun[], baseline: string): LineChart[] {
  const policies = policiesOf(runs)
  const of = (policy: string) => runs.filter((r) => r.policy === policy && !r.failure)
  const points = (values: readonly number[]) => values.map((y, i) => [i + 1, y] as const)
  const paired = policies
    .filter((p) => p !== baseline)
    .map((policy) => ({
      label: policy,
      color: policies.indexOf(policy),
      points: of(policy).flatMap((r) => {
        const base = runs.find((b) => b.policy === baseline && b.seed === r.seed)
        if (!base) return []
        const [a, b] = [smoothedLosses(r.losses), smoothedLosses(base.losses)]
        return [points(a.map((x, i) => x - b[i]))]
      }),
    }))
  const linear = ({ gradients }: PrecisionRun, probe: PrecisionProbe | undefined, block?: number) =>
    (probe?.sqnr ?? []).filter((decibels, i): decibels is number => {
      const of = matrixOf(gradients[i])
      return decibels !== null && of !== undefined && (block === undefined || of.block === block)
    })
  const medianOf = (decibels: readonly number[]) => median(decibels) ?? Number.NaN
  return [
    {
      title: 'Training loss (smoothed)',
      xLabel: 'step',
      yLabel: 'nats per token',
      lines: policies.map((policy, color) => ({
        label: policy,
        color,
        points: of(policy).map((r) => points(smoothedLosses(r.losses))),
      })),
    },
    {
      title: `Training loss minus that of ${baseline}, same seed (smoothed)`,
      xLabel: 'step',
      yLabel: 'nats per token',
      lines: paired,
    },
    {
      title: 'Gradients of the linear layers against float32: median',
      xLabel: 'step',
      yLabel: 'signal-to-noise ratio, dB',
      lines: policies.map((policy, color) => ({
        label: policy,
        color,
        dots: true,
        points: of(policy).map((r) => r.probes.map((p) => [p.step, medianOf(linear(r, p))] as const)),
      })),
    },
    {
      title: 'The same by block, at the last probe',
      xLabel: 'block',
      yLabel: 'signal-to-noise ratio, dB',
      lines: policies.map((policy, color) => ({
        label: policy,
        color,
        dots: true,
        points: of(policy).map((r) =>
          Array.from({ length: r.blocks }, (_, block) => {
            return [block, medianOf(linear(r, r.probes.at(-1), block))] as const
          }),
        ),
      })),
    },
  ]
}

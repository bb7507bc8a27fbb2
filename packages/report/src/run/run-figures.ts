/** The figures of one run, or of several overlaid: loss, learning rate, gradient norm, throughput and so on. */
import { type Line, type LineChart, lineChart } from '../charts/line-chart.ts'
import { figure, figureRow } from '../page/parts.ts'
import type { PictureDocument } from '../svg/frame.ts'
import { type Content, html } from '../text/markup.ts'
import { axisCount, decimals, gigabytes, percent, plain, shortCount } from '../text/numbers.ts'
import { baselineNames, type ReportRun, type RunMetric, sameTokens, sharedBaselines } from './run.ts'
import { smoothed, smoothedByShare } from './smooth.ts'

type Field = Exclude<keyof RunMetric, 'step' | 'tokens' | 'seconds'>

/** The horizontal axis: steps, or tokens where the runs have different numbers of tokens per step. */
interface Axis {
  readonly label: string
  of(metric: RunMetric): number
  ofStep(run: ReportRun, step: number): number
}

/** The loss across the page, the other figures in rows below it; optional metrics that no run has are left out. */
export function runFigures(runs: readonly ReportRun[], document?: PictureDocument): Content {
  const axis = chooseAxis(runs)
  const small = (title: string, field: Field, rough: boolean, chart: Partial<LineChart>) => ({
    caption: title,
    draw: (width: number) =>
      lineChart(
        {
          title,
          xLabel: axis.label,
          yLabel: '',
          lines: runs.flatMap((run, color) =>
            curve(run, color, axis, field, rough, runs.length).map((line) => ({ ...line, unnamed: true })),
          ),
          ...chart,
        },
        { width, height: 230, heading: false, document },
      ),
  })
  const has = (field: Field) => runs.some(({ metrics }) => metrics.some((m) => Number.isFinite(m[field])))
  const optional = (title: string, field: Field, chart: Partial<LineChart>) =>
    has(field) ? [small(title, field, true, chart)] : []
  const loss = lossChart(runs, axis)
  const large = (chart: LineChart) =>
    figure(chart.title, (width) =>
      lineChart(chart, { width, height: width > 600 ? 420 : 330, heading: false, document }),
    )
  return html`${large(loss)}${large(lossOverTokens(runs))}${figureRow([
    small('Learning rate', 'learningRate', false, { fromZero: true }),
    small('Gradient norm, before clipping', 'gradNorm', true, { yScale: 'log' }),
    small('Tokens per second', 'tokensPerSecond', true, { fromZero: true, yTick: axisCount }),
    ...optional('MFU: model FLOP/s over the measured peak', 'mfu', {
      fromZero: true,
      yTick: (y) => percent(y, y < 0.1 ? 1 : 0),
    }),
    ...optional('Memory of the process', 'processBytes', { fromZero: true, yTick: memoryTick }),
    ...optional('Load of the most loaded expert over the mean', 'expertLoad', { yTick: plain }),
    ...optional('Load-balancing loss of the routers (1: balanced)', 'expertBalance', { yTick: plain }),
  ])}`
}

/** A tick label of bytes: 250 MB, 1.5 GB. */
const memoryTick = (bytes: number) => (bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : gigabytes(bytes))

function lossChart(runs: readonly ReportRun[], axis: Axis): LineChart {
  const several = runs.length > 1
  const lines = runs.flatMap((run, color) => curve(run, color, axis, 'loss', true, runs.length))
  runs.forEach((run, i) => {
    const name = several ? `${run.name}, ` : ''
    const spikes = spikePoints(run, axis)
    if (spikes.length > 0)
      lines.push({ label: `${name}spike`, color: several ? i : 3, dots: 'only', shape: 'triangle', points: spikes })
    const heldOut = heldOutPoints(run, axis)
    if (heldOut.length > 0)
      lines.push({ label: `${name}held-out`, color: several ? i : 1, dots: 'only', unnamed: several, points: heldOut })
  })
  const shared = sharedBaselines(runs)
  return {
    title: sameTokens(runs)
      ? 'Loss, nats per token'
      : 'Loss, nats per token (tokenizers or texts differ: these curves are not comparable, see bits per byte)',
    xLabel: axis.label,
    yLabel: several && lines.some((line) => line.dots) ? 'dots: held-out' : '',
    lines,
    rules: shared
      ? baselineNames.map((name) => ({
          label: `${name} ${decimals(shared[name].natsPerToken)}`,
          y: shared[name].natsPerToken,
        }))
      : [],
    yTick: plain,
  }
}

/** The loss over a logarithmic axis of tokens, on which the power laws of scaling are nearly straight. */
function lossOverTokens(runs: readonly ReportRun[]): LineChart {
  const chart = lossChart(runs, tokenAxis)
  return { ...chart, title: 'Loss over tokens, logarithmic', rules: [], xScale: 'log', xTick: shortCount }
}

function curve(run: ReportRun, color: number, axis: Axis, field: Field, rough: boolean, runs: number): Line[] {
  const several = runs > 1
  const values = run.metrics.map((m) => m[field] ?? Number.NaN)
  if (!values.some(Number.isFinite)) return []
  const points = (ys: readonly number[]) => run.metrics.map((m, i) => [axis.of(m), ys[i]] as const)
  const line: Line = {
    label: several ? run.name : 'smoothed',
    color,
    points: points(!rough ? values : axis === tokenAxis ? smoothedByShare(values) : smoothed(values)),
  }
  // With more than three runs the unsmoothed curves would hide each other.
  if (!rough || runs > 3) return [line]
  return [{ label: 'each step', color, faint: true, unnamed: several, points: points(values) }, line]
}

function spikePoints(run: ReportRun, axis: Axis): [number, number][] {
  const at = new Set(run.spikes ?? [])
  return run.metrics.filter((m) => at.has(m.step)).map((m) => [axis.of(m), m.loss])
}

function heldOutPoints(run: ReportRun, axis: Axis): [number, number][] {
  const points = (run.evaluations ?? []).map(({ step, natsPerToken }): [number, number] => [
    axis.ofStep(run, step),
    natsPerToken,
  ])
  const { summary } = run
  if (summary && !run.evaluations?.some(({ step }) => step === summary.steps))
    points.push([axis.ofStep(run, summary.steps), summary.heldOut.natsPerToken])
  return points.filter(([x]) => Number.isFinite(x))
}

function chooseAxis(runs: readonly ReportRun[]): Axis {
  const perStep = runs.flatMap(({ metrics }) => (metrics.length > 0 ? [tokensPerStep(metrics)] : []))
  const even = perStep.every((t) => Math.abs(t - perStep[0]) <= 0.01 * perStep[0])
  if (even) return { label: 'step', of: (m) => m.step, ofStep: (_, step) => step }
  // A copy: `curve` smooths in proportion to the step only on `tokenAxis` itself, the axis of the logarithmic figure.
  return { ...tokenAxis }
}

const tokenAxis: Axis = {
  label: 'tokens',
  of: (m) => m.tokens,
  ofStep: (run, step) => (run.metrics.length > 0 ? step * tokensPerStep(run.metrics) : Number.NaN),
}

function tokensPerStep(metrics: readonly RunMetric[]): number {
  const last = metrics[metrics.length - 1]
  return last.tokens / Math.max(1, last.step)
}

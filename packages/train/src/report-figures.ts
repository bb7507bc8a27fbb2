/** The pictures of a report: loss, learning rate, gradient norm and throughput of one run or of several laid over each other. */
import { median } from 'd3-array'
import { lineChart, type Point, paletteSize, type Rule, type Series, smooth } from './report-chart.ts'
import { escapeHtml, loss, shortCount } from './report-html.ts'
import type { Metric } from './report-metrics.ts'
import { baselineNames, type ReportRun, type RunSummary } from './report-run.ts'

/** Where a point lies on the horizontal axis: its step, or its tokens where runs take steps of different sizes. */
interface Axis {
  readonly label: string
  of(metric: Metric): number
  ofStep(run: ReportRun, step: number): number
}

/** All figures of a report, as HTML. */
export function figures(runs: readonly ReportRun[]): string {
  const axis = chooseAxis(runs)
  const small = (
    title: string,
    field: 'learningRate' | 'gradNorm' | 'tokensPerSecond',
    options: { log?: boolean; faint?: boolean; tick: (v: number) => string },
  ) =>
    figure(
      title,
      '',
      lineChart({
        title,
        xLabel: axis.label,
        width: 400,
        height: 250,
        yScale: options.log ? 'log' : 'linear',
        fromZero: !options.log,
        tick: options.tick,
        series: runs.flatMap((run, color) => curve(run, color, axis, field, options.faint === true, runs.length)),
      }),
    )
  return `${lossFigure(runs, axis)}
<div class="small">
${small('Learning rate', 'learningRate', { tick: (v) => (v === 0 ? '0' : v.toExponential()) })}
${small('Gradient norm, before clipping', 'gradNorm', { log: true, faint: true, tick: plain })}
${small('Tokens per second', 'tokensPerSecond', { faint: true, tick: shortCount })}
</div>`
}

function lossFigure(runs: readonly ReportRun[], axis: Axis): string {
  const series: Series[] = runs.flatMap((run, color) => curve(run, color, axis, 'loss', true, runs.length))
  let heldOut = false
  runs.forEach((run, color) => {
    const points = heldOutPoints(run, axis)
    if (points.length === 0) return
    heldOut = true
    series.push({
      label: runs.length > 1 ? `${run.name}, held-out` : 'held-out',
      color: runs.length > 1 ? color : 1,
      mark: 'dots',
      points,
    })
  })
  const shared = sharedBaselines(runs)
  const rules: Rule[] = shared
    ? baselineNames.map((name) => ({
        label: `${name} ${loss(shared[name].natsPerToken)}`,
        y: shared[name].natsPerToken,
      }))
    : []
  const keys =
    runs.length > 1
      ? [...runs.map((run, color) => key('line', color, run.name)), ...(heldOut ? [key('dots', 7, 'held-out')] : [])]
      : [key('faint', 0, 'each step'), key('line', 0, 'smoothed'), ...(heldOut ? [key('dots', 1, 'held-out')] : [])]
  const chart = lineChart({
    title: 'Loss over training',
    xLabel: axis.label,
    width: 1000,
    height: 400,
    series,
    rules,
    tick: plain,
  })
  const title = sameTokens(runs)
    ? 'Loss, nats per token'
    : 'Loss, nats per token of each run’s own tokenizer (these curves do not compare: see bits per byte)'
  return figure(title, `<ul class="legend">${keys.join('')}</ul>`, `<div class="large">${chart}</div>`)
}

/** The baselines, where every run that has any has the same: then one line each says it all. */
export function sharedBaselines(runs: readonly ReportRun[]): RunSummary['baselines'] | undefined {
  const all = runs.flatMap(({ summary }) => (summary ? [summary.baselines] : []))
  const same = all.every((b) =>
    baselineNames.every((name) => Math.abs(b[name].natsPerToken - all[0][name].natsPerToken) < 1e-9),
  )
  return same ? all[0] : undefined
}

/**
 * Whether nats per token of the runs can be laid beside each other: the same tokenizer on the same text gives as many bytes a token. Where no
 * run has ended, what their records say of tokenizer and text.
 */
export function sameTokens(runs: readonly ReportRun[]): boolean {
  const bytesPerToken = runs.flatMap(({ summary }) =>
    summary ? [summary.heldOut.natsPerToken / summary.heldOut.bitsPerByte] : [],
  )
  if (bytesPerToken.some((b) => Math.abs(b - bytesPerToken[0]) > 1e-6 * Math.abs(bytesPerToken[0]))) return false
  const marks = runs.map(({ config }) => {
    const part = (name: string) => config[name] as Record<string, unknown> | undefined
    return JSON.stringify([
      part('architecture')?.vocabSize ?? config.vocab_size,
      part('recipe')?.vocabSize,
      config.data,
    ])
  })
  return bytesPerToken.length === runs.length || marks.every((mark) => mark === marks[0])
}

/** Steps from the first to the last that have no metrics. */
export function missingSteps({ metrics }: ReportRun): number {
  const last = metrics[metrics.length - 1]
  return last ? last.step - metrics.length : 0
}

/** Training loss at the end, smoothed as in the figure; NaN without metrics. */
export function finalTrainingLoss(run: ReportRun): number {
  const points = smoothed(run.metrics.map((m) => ({ x: m.step, y: m.loss })))
  return points.length === 0 ? Number.NaN : points[points.length - 1].y
}

/** Tokens per second in the middle of the run's steps. */
export function medianThroughput(run: ReportRun): number {
  return median(run.metrics.map((m) => m.tokensPerSecond).filter(Number.isFinite)) ?? Number.NaN
}

function curve(
  run: ReportRun,
  color: number,
  axis: Axis,
  field: 'loss' | 'gradNorm' | 'learningRate' | 'tokensPerSecond',
  rough: boolean,
  runs: number,
): Series[] {
  const several = runs > 1
  const points = run.metrics.map((m) => ({ x: axis.of(m), y: m[field] }))
  const line: Series = {
    label: several ? run.name : 'smoothed',
    color,
    mark: 'line',
    points: rough ? smoothed(points) : points,
  }
  // Single steps of many runs would only be fog.
  return rough && runs <= 3
    ? [{ label: several ? `${run.name}, each step` : 'each step', color, mark: 'faint', points }, line]
    : [line]
}

function smoothed(points: readonly Point[]): Point[] {
  return smooth(points, Math.max(2, points.length / 100))
}

function heldOutPoints(run: ReportRun, axis: Axis): Point[] {
  const points = (run.evaluations ?? []).map(({ step, natsPerToken }) => ({
    x: axis.ofStep(run, step),
    y: natsPerToken,
  }))
  const { summary } = run
  if (summary && !run.evaluations?.some(({ step }) => step === summary.steps)) {
    points.push({ x: axis.ofStep(run, summary.steps), y: summary.heldOut.natsPerToken })
  }
  return points.filter(({ x }) => Number.isFinite(x))
}

function chooseAxis(runs: readonly ReportRun[]): Axis {
  const perStep = runs.flatMap(({ metrics }) => (metrics.length > 0 ? [tokensPerStep(metrics)] : []))
  const even = perStep.every((t) => Math.abs(t - perStep[0]) <= 0.01 * perStep[0])
  if (even) return { label: 'step', of: (m) => m.step, ofStep: (_, step) => step }
  return {
    label: 'tokens',
    of: (m) => m.tokens,
    ofStep: (run, step) => (run.metrics.length > 0 ? step * tokensPerStep(run.metrics) : Number.NaN),
  }
}

function tokensPerStep(metrics: readonly Metric[]): number {
  const last = metrics[metrics.length - 1]
  return last.tokens / Math.max(1, last.step)
}

function figure(title: string, legend: string, chart: string): string {
  return `<figure><figcaption><h3>${escapeHtml(title)}</h3>${legend}</figcaption>${chart}</figure>`
}

function key(mark: Series['mark'], color: number, label: string): string {
  const paint = `var(--s${color % paletteSize})`
  const shape =
    mark === 'dots'
      ? `<circle cx="11" cy="5" r="4" fill="${paint}"/>`
      : `<path class="${mark}" d="M1,5H21" stroke="${paint}"/>`
  return `<li><svg viewBox="0 0 22 10" aria-hidden="true">${shape}</svg>${escapeHtml(label)}</li>`
}

function plain(value: number): string {
  if (value === 0) return '0'
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5
    ? value.toExponential().replace('e+', 'e')
    : String(Number(value.toPrecision(6)))
}

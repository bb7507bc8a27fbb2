/** The training log of another program as one HTML page: progress, curves and the comparison with the plan. */
import { type Line, type LineChart, lineChart } from '../charts/line-chart.ts'
import { page } from '../page/page.ts'
import { facts, figure, figureRow, table } from '../page/parts.ts'
import { smoothed } from '../run/smooth.ts'
import type { PictureDocument } from '../svg/frame.ts'
import { html, type Markup } from '../text/markup.ts'
import { axisCount, count, decimals, duration, gigabytes, plain, seconds } from '../text/numbers.ts'

/** The figures that a log reports for one step. */
export interface LoggedStep {
  readonly step: number
  /** Nats per token. */
  readonly loss?: number
  readonly gradNorm?: number
  readonly learningRate?: number
  /** Wall time of the step. */
  readonly seconds?: number
  readonly teraflopsPerGpu?: number
  readonly tokensPerSecondPerGpu?: number
}

/** The results of `TrainingLog`, `summarizeLog` and `compareLog` of @kumiki/planner, as plain data. */
export interface LogSummary {
  /** Title of the page. */
  readonly title: string
  readonly readings: readonly LoggedStep[]
  readonly summary: {
    readonly step: number
    readonly steps?: number
    readonly loss?: number
    readonly secondsPerStep?: number
    readonly teraflopsPerGpu?: number
    readonly tokensPerSecondPerGpu?: number
    readonly secondsLeft?: number
    readonly skipped: number
  }
  /** Steps at which the loss spiked. */
  readonly spikes: readonly number[]
  readonly validations: readonly { readonly step: number; readonly loss: number }[]
  /** Comparison with the plan of the run, where the plan is known. */
  readonly plan?: {
    readonly comparisons: readonly {
      readonly what: string
      readonly unit: 's' | 'bytes' | 'sequences'
      readonly predicted: number
      readonly measured: number
    }[]
    /** Which assumptions of the plan did not hold, in sentences. */
    readonly verdict: readonly string[]
  }
}

export interface LogReportOptions {
  /** The DOM document to create elements with. Default: the page's; on Node an empty document of linkedom. */
  readonly document?: PictureDocument
}

/**
 * A report of a training log: key figures, comparison with the plan, curves.
 * @returns a self-contained HTML document without scripts
 * @throws RangeError for a log without steps
 * @example
 * const summary = { step: 2, steps: 100, loss: 10.5, secondsPerStep: 5, skipped: 0 }
 * const readings = [{ step: 1, loss: 11 }, { step: 2, loss: 10.5 }]
 * logReport({ title: 'A run', readings, summary, spikes: [], validations: [] }).startsWith('<!doctype html>') // true
 */
export function logReport(log: LogSummary, options: LogReportOptions = {}): string {
  if (log.readings.length === 0)
    throw new RangeError(
      'logReport: readings must hold at least one step, got none; add lines to the TrainingLog first',
    )
  return page({
    title: log.title,
    headline: headline(log),
    body: html`${facts(factsOf(log))}
${beside(log)}
<h2>Training</h2>
${curves(log, options.document)}`,
  })
}

function headline({ summary, plan }: LogSummary): string {
  const { step, steps, loss, secondsLeft } = summary
  const where = `Step ${count(step)}${steps === undefined ? '' : ` of ${count(steps)}`}`
  return [
    where,
    loss !== undefined && `loss ${decimals(loss)}`,
    secondsLeft !== undefined && secondsLeft > 0 && `${duration(secondsLeft)} left`,
    plan?.verdict[0],
  ]
    .filter(Boolean)
    .join(', ')
    .concat('.')
}

function factsOf({ summary, spikes, validations }: LogSummary): [string, string][] {
  const { secondsPerStep, teraflopsPerGpu, tokensPerSecondPerGpu, secondsLeft, skipped } = summary
  const validation = validations.at(-1)
  const entries: [string, string | undefined][] = [
    ['Time per step', secondsPerStep === undefined ? undefined : seconds(secondsPerStep)],
    ['TFLOP/s per GPU', teraflopsPerGpu === undefined ? undefined : decimals(teraflopsPerGpu, 1)],
    ['Tokens/s per GPU', tokensPerSecondPerGpu === undefined ? undefined : count(tokensPerSecondPerGpu)],
    ['Time left', secondsLeft === undefined ? undefined : duration(secondsLeft)],
    ['Validation loss', validation && `${decimals(validation.loss)} at step ${count(validation.step)}`],
    ['Loss spikes', count(spikes.length)],
    ['Steps skipped', skipped > 0 ? count(skipped) : undefined],
  ]
  return entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, string]]))
}

const value = (unit: 's' | 'bytes' | 'sequences', x: number) =>
  unit === 's' ? seconds(x) : unit === 'bytes' ? gigabytes(x) : count(x)

/** The figures of the plan against those of the log. */
function beside({ plan }: LogSummary): Markup | undefined {
  if (!plan) return undefined
  const rows = plan.comparisons.map(({ what, unit, predicted, measured }) => {
    const off = measured / predicted - 1
    const share = `${off < 0 ? '−' : '+'}${(100 * Math.abs(off)).toFixed(1)} %`
    return [
      what,
      value(unit, predicted),
      value(unit, measured),
      html`<span class="${Math.abs(off) <= 0.06 ? 'better' : 'worse'}">${share}</span>`,
    ]
  })
  return html`<h2>Comparison with the plan</h2>
<ul>${plan.verdict.map((line) => html`<li>${line}</li>`)}</ul>
${table(['', 'plan', 'log', 'difference'], rows, { caption: 'Plan against log' })}`
}

type Field = Exclude<keyof LoggedStep, 'step'>

/** The loss across the page, the other curves in rows; fields that the log does not report are left out. */
function curves({ readings, spikes, validations, plan }: LogSummary, document: PictureDocument | undefined): Markup {
  const spiked = new Set(spikes)
  const has = (field: Field) => readings.some((r) => Number.isFinite(r[field]))
  const lines = (field: Field): Line[] => {
    const there = readings.filter((r) => r[field] !== undefined)
    const values = there.map((r) => r[field]!)
    const points = (ys: readonly number[]) => there.map((r, i) => [r.step, ys[i]] as const)
    return [
      { label: 'each step', color: 0, faint: true, points: points(values) },
      { label: 'smoothed', color: 0, points: points(smoothed(values)) },
    ]
  }
  const loss: LineChart = {
    title: 'Loss, nats per token',
    xLabel: 'step',
    yLabel: '',
    lines: [
      ...lines('loss'),
      ...marks(
        'spike',
        3,
        'triangle',
        readings.filter(({ step }) => spiked.has(step)).map((r) => [r.step, r.loss!]),
      ),
      ...marks(
        'validation',
        1,
        undefined,
        validations.map((v) => [v.step, v.loss]),
      ),
    ],
    yTick: plain,
  }
  const step = plan?.comparisons.find(({ what, unit }) => what === 'step' && unit === 's')
  const small = (title: string, field: Field, chart: Partial<LineChart> = {}) =>
    has(field)
      ? [
          {
            caption: title,
            draw: (width: number) =>
              lineChart(
                {
                  title,
                  xLabel: 'step',
                  yLabel: '',
                  lines: lines(field).map((line) => ({ ...line, unnamed: true })),
                  fromZero: true,
                  ...chart,
                },
                { width, height: 230, heading: false, document },
              ),
          },
        ]
      : []
  const draw = (width: number) => lineChart(loss, { width, height: width > 600 ? 420 : 330, heading: false, document })
  return html`${has('loss') ? figure(loss.title, draw) : undefined}${figureRow([
    ...small('Seconds per step', 'seconds', {
      rules: step ? [{ label: `plan ${seconds(step.predicted)}`, y: step.predicted }] : [],
      yTick: plain,
    }),
    ...small('TFLOP/s per GPU', 'teraflopsPerGpu', { yTick: plain }),
    ...small('Tokens per second per GPU', 'tokensPerSecondPerGpu', { yTick: axisCount }),
    ...small('Gradient norm', 'gradNorm', { fromZero: false, yScale: 'log' }),
    ...small('Learning rate', 'learningRate'),
  ])}`
}

function marks(label: string, color: number, shape: 'triangle' | undefined, points: [number, number][]): Line[] {
  return points.length === 0 ? [] : [{ label, color, dots: 'only', ...(shape && { shape }), points }]
}

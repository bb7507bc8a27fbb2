/** Charts of effects: bars with confidence intervals, and the half-normal plot of Daniel (1959). */
import { axisX, axisY, barX, dot, gridX, gridY, line, ruleX, ruleY, scale, tickX } from '@observablehq/plot'
import { median } from 'd3-array'
import { colors } from '../svg/colors.ts'
import { at, boxShape, checkSize, type DrawOptions, fontSize, frame, headingOf, legend } from '../svg/frame.ts'
import { drawPlot } from '../svg/plot.ts'
import { spread } from '../svg/spread.ts'
import { textElement } from '../svg/text-element.ts'
import { linearTicks } from '../svg/ticks.ts'
import { plain } from '../text/numbers.ts'
import { fitted, textWidth } from '../text/width.ts'

/** One term, as `analyze` of @kumiki/ablation returns it. */
export interface ChartedEffect {
  readonly term: string
  /** The effect: mean response where the term is on minus mean where it is off. */
  readonly difference: number
  readonly confidenceInterval: readonly [number, number] | null
  readonly pValue: number | null
}

export interface ChartedAnalysis {
  readonly effects: readonly ChartedEffect[]
  /** Confidence level of the intervals, such as 0.95. */
  readonly confidence: number
}

export interface EffectsChartOptions extends Omit<DrawOptions, 'height'> {
  /** Default: "Effects on" the response. */
  readonly title?: string
  /** Name of the response, such as 'accuracy'. Default 'response'. */
  readonly response?: string
}

const words = {
  en: {
    title: (response: string) => `Effects on ${response}`,
    clear: 'interval excludes 0',
    unclear: 'it does not',
    caption: (response: string, level: number) => `${response}: mean on - mean off, with ${level}% intervals`,
    halfNormalTitle: 'Half-normal plot of effects',
    quantile: 'half-normal quantile',
    size: (response: string) => `size of the effect on ${response}`,
    standardError: 'Pseudo standard error',
    response: 'response',
  },
  ja: {
    title: (response: string) => `${response}に対する効果`,
    clear: '区間が 0 を含まない',
    unclear: '区間が 0 を含む',
    caption: (response: string, level: number) => `${response}: オンの平均 - オフの平均、${level}% 信頼区間`,
    halfNormalTitle: '効果の半正規プロット',
    quantile: '半正規分布の分位点',
    size: (response: string) => `${response}に対する効果の大きさ`,
    standardError: '擬似標準誤差',
    response: '応答',
  },
} as const

const row = 28
const paint = colors[0]
const short = (value: number) => String(Number(value.toPrecision(3)))

/**
 * One bar per term with its confidence interval. Bars whose interval excludes zero are opaque; the others are pale.
 * @returns the text of one self-contained SVG element
 * @throws RangeError where the width is out of range
 * @example effectsChart(analyze(design, accuracy), { response: 'accuracy' })
 */
export function effectsChart(analysis: ChartedAnalysis, options: EffectsChartOptions = {}): string {
  const { width = 640, heading = options.title !== undefined, document } = options
  checkSize('effectsChart', width)
  const say = words[options.language ?? 'en']
  const response = options.response ?? say.response
  const title = options.title ?? say.title(response)
  const { effects, confidence } = analysis
  const left = Math.min(0.4 * width, 18 + Math.max(0, ...effects.map((e) => textWidth(e.term, fontSize))))
  const right = 14 + Math.max(0, ...effects.map((e) => textWidth(short(e.difference), fontSize)))
  const head = headingOf(title, width, heading)
  const headed = head.height || 4
  const keys = effects.some((e) => e.confidenceInterval)
    ? [
        { shape: boxShape(paint), label: say.clear },
        { shape: boxShape(paint, 0.3), label: say.unclear },
      ]
    : []
  const legended = legend(keys, 4, width, options.language ?? 'en')
  const top = headed + legended.height
  const bottom = top + Math.max(1, effects.length) * row
  const most =
    Math.max(
      ...effects.flatMap((e) => [e.difference, ...(e.confidenceInterval ?? [])].map(Math.abs)).filter(Number.isFinite),
      0,
    ) || 1
  const rows = effects.map((e, i) => ({
    ...e,
    row: String(i),
    low: e.confidenceInterval?.[0],
    high: e.confidenceInterval?.[1],
  }))
  const intervals = rows.filter((r) => r.low !== undefined)
  const domain = [-1.02 * most, 1.02 * most]
  const marks = linearTicks(domain[0], domain[1], Math.max(2, Math.min(7, (width - left - right) / 80)))
  const whisker = { insetTop: 9, insetBottom: 9 }
  const body = drawPlot(
    {
      width,
      height: bottom + 24,
      marginLeft: left,
      marginRight: right,
      marginTop: top,
      marginBottom: 24,
      x: { domain },
      y: { type: 'band', domain: rows.map((r) => r.row), padding: 0, axis: null },
      marks: [
        gridX({ ticks: marks, strokeOpacity: 0.15 }),
        axisX({ ticks: marks, tickFormat: plain, tickSize: 0, label: null, fontSize }),
        barX(rows, {
          y: 'row',
          x1: 0,
          x2: 'difference',
          fill: paint,
          fillOpacity: (r) => (isClear(r) ? 1 : 0.3),
          insetTop: 6,
          insetBottom: 6,
          title: (r) => `${r.term}: ${short(r.difference)}${r.pValue === null ? '' : `, p = ${short(r.pValue)}`}`,
        }),
        ruleX([0], { strokeOpacity: 0.6 }),
        barX(intervals, { y: 'row', x1: 'low', x2: 'high', fill: 'currentColor', insetTop: 13.3, insetBottom: 13.3 }),
        tickX(intervals, { y: 'row', x: 'low', ...whisker }),
        tickX(intervals, { y: 'row', x: 'high', ...whisker }),
      ],
    },
    document,
  )
  const texts = effects.flatMap((e, i) => {
    const y = top + i * row + row / 2 + 4
    return [
      textElement(left - 8, y, fitted(e.term, fontSize, left - 12), 'end'),
      textElement(width - 4, y, short(e.difference), 'end'),
    ]
  })
  const caption = say.caption(response, Number((100 * confidence).toPrecision(6)))
  return frame({
    title,
    description: `${caption}. ${effects.map((e) => `${e.term} ${short(e.difference)}`).join('; ')}.`,
    width,
    height: bottom + 44,
    body: [
      head.body,
      at(0, headed, legended.body),
      body,
      ...texts,
      textElement((left + width - right) / 2, bottom + 38, fitted(caption, fontSize, width), 'middle', { soft: true }),
    ].join(''),
  })
}

const isClear = ({ confidenceInterval: c }: ChartedEffect) => c !== null && c[0] * c[1] > 0

/**
 * Absolute effects over half-normal quantiles (Daniel's half-normal plot). Inactive effects lie near the line, active
 * ones above it; effects above twice the line's slope are labelled (all, where there are eight or fewer). The line's
 * slope is Lenth's pseudo standard error. Works without replicates.
 * @returns the text of one self-contained SVG element
 * @throws RangeError where width or height is out of range
 * @see Daniel, Technometrics 1 (1959); Lenth, Technometrics 31 (1989)
 * @example halfNormalChart(analyze(design, accuracy).effects)
 */
export function halfNormalChart(
  effects: readonly Pick<ChartedEffect, 'term' | 'difference'>[],
  options: DrawOptions & { readonly title?: string; readonly response?: string } = {},
): string {
  const { width = 560, height = 380, heading = true, document } = options
  checkSize('halfNormalChart', width, height)
  const say = words[options.language ?? 'en']
  const response = options.response ?? say.response
  const title = options.title ?? say.halfNormalTitle
  const sizes = effects
    .map(({ term, difference }) => ({ term, size: Math.abs(difference) }))
    .filter(({ size }) => Number.isFinite(size))
    .sort((a, b) => a.size - b.size)
  const points = sizes.map((s, i) => ({ ...s, quantile: halfNormalQuantile((i + 0.5) / sizes.length) }))
  const error = pseudoStandardError(sizes.map(({ size }) => size))
  const far = (points.at(-1)?.quantile ?? 1) * 1.12
  const most = (Math.max(points.at(-1)?.size ?? 0, error * far) || 1) * 1.06
  const head = headingOf(title, width, heading)
  const top = head.height + 30
  const bottom = height - 40
  const yTicks = linearTicks(0, most, 5)
  const marginLeft = Math.max(28, 12 + Math.max(...yTicks.map((t) => textWidth(plain(t), fontSize))))
  const marginRight = 16
  const toX = scale({ x: { domain: [0, far], range: [marginLeft, width - marginRight] } })!
  const toY = scale({ y: { domain: [0, most], range: [bottom, top] } })!
  const body = drawPlot(
    {
      width,
      height,
      marginLeft,
      marginRight,
      marginTop: top,
      marginBottom: 40,
      x: { domain: [0, far] },
      y: { domain: [0, most] },
      marks: [
        gridY({ ticks: yTicks, strokeOpacity: 0.15 }),
        axisY({ ticks: yTicks, tickFormat: plain, tickSize: 0, tickPadding: 6, label: null, fontSize }),
        axisX({ ticks: linearTicks(0, far, 5), tickFormat: plain, tickSize: 5, label: null, fontSize }),
        ruleY([0], { strokeOpacity: 0.4 }),
        line(
          [
            [0, 0],
            [far, error * far],
          ],
          { strokeOpacity: 0.6, strokeDasharray: '4 3' },
        ),
        dot(points, { x: 'quantile', y: 'size', fill: paint, r: 4, title: (p) => `${p.term}: ${short(p.size)}` }),
      ],
    },
    document,
  )
  const named = points.filter(({ size }) => points.length <= 8 || size > 2 * error)
  const placed = spread(
    named.map((p) => ({ ...p, at: toY.apply(p.size) as number })),
    top + 4,
    bottom - 4,
  )
  const labels = placed.map(({ term, quantile, place }) => {
    const x = (toX.apply(quantile) as number) - 4
    return textElement(x, place - 5, fitted(term, fontSize, x - marginLeft), 'end')
  })
  const yLabel = say.size(response)
  return frame({
    title,
    description: `${yLabel}: ${[...points]
      .reverse()
      .map(({ term, size }) => `${term} ${short(size)}`)
      .join('; ')}. ${say.standardError} ${short(error)}.`,
    width,
    height,
    body: [
      head.body,
      textElement(4, top - 15, fitted(yLabel, fontSize, width - 8), 'start', { soft: true }),
      textElement((marginLeft + width - marginRight) / 2, height - 6, say.quantile, 'middle', { soft: true }),
      body,
      ...labels,
    ].join(''),
  })
}

/** Lenth (1989): 1.5 times the median of the absolute effects below 2.5 s0, where s0 is 1.5 times the median of all. */
function pseudoStandardError(sizes: readonly number[]): number {
  const first = 1.5 * (median(sizes) ?? 0)
  return 1.5 * (median(sizes.filter((size) => size < 2.5 * first)) ?? 0)
}

/** Quantile of |z| for a standard normal z, with an error below 4.5e-4: Abramowitz and Stegun, 26.2.23. */
function halfNormalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log((1 - p) / 2))
  const above = 2.515517 + t * (0.802853 + t * 0.010328)
  return t - above / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
}

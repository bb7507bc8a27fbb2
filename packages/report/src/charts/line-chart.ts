/** Line charts: losses, sweeps, growth. */
import { areaY, axisX, axisY, dot, gridY, line, rect, ruleY, scale } from '@observablehq/plot'
import { extent } from 'd3-array'
import { colorOf, dashOf } from '../svg/colors.ts'
import {
  at,
  checkSize,
  type DrawOptions,
  dotShape,
  fontSize,
  frame,
  headingOf,
  type Key,
  legend,
  strokeShape,
  triangleShape,
} from '../svg/frame.ts'
import { drawPlot } from '../svg/plot.ts'
import { round } from '../svg/serialize.ts'
import { spread } from '../svg/spread.ts'
import { textElement } from '../svg/text-element.ts'
import { type ScaleKind, ticksOf } from '../svg/ticks.ts'
import { axisCount, plain } from '../text/numbers.ts'
import { fitted, textWidth } from '../text/width.ts'
import { lineValues, type Points, padX, padY, type Summary, usable } from './line-values.ts'

/** One line. Several `points` (one per seed) are drawn as their mean, with the range from lowest to highest shaded. */
export interface Line {
  readonly label: string
  readonly points: Points | readonly Points[]
  /** Index of the colour. Default: the index of the line in the chart. */
  readonly color?: number
  readonly dashed?: boolean
  /** A mark at each point: in addition to the line, or instead of it ('only'). */
  readonly dots?: boolean | 'only'
  /** Shape of the marks; default a dot. */
  readonly shape?: 'triangle'
  /** Thin and pale, for the unsmoothed values behind a smoothed line. */
  readonly faint?: boolean
  /** Leaves the line out of the legend. */
  readonly unnamed?: boolean
}

/** A shaded range of x. */
export interface Band {
  readonly from: number
  readonly to: number
  readonly label: string
}

/** A horizontal line with its label, such as a baseline. */
export interface Rule {
  readonly label: string
  readonly y: number
}

export interface LineChart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly lines: readonly Line[]
  /** Default linear. On a log axis values that are not above 0 are left out. */
  readonly xScale?: ScaleKind
  readonly yScale?: ScaleKind
  /** Default: the range of the values. */
  readonly yDomain?: readonly [number, number]
  /** Includes 0 on a linear vertical axis. */
  readonly fromZero?: boolean
  readonly bands?: readonly Band[]
  readonly rules?: readonly Rule[]
  /** Formats the tick labels. */
  readonly xTick?: (value: number) => string
  readonly yTick?: (value: number) => string
}

/**
 * A line chart. Long lines are thinned to the lowest and highest value of each pixel column.
 * @returns the text of one self-contained SVG element; text and axes take the colour of the surrounding page
 * @throws RangeError for a width or height out of range
 * @example
 * const lines = [{ label: 'a', points: [[1, 7], [2, 5]] }]
 * lineChart({ title: 'Loss', xLabel: 'step', yLabel: 'nats', lines }).startsWith('<svg') // true
 */
export function lineChart(chart: LineChart, options: DrawOptions = {}): string {
  return lineCharts([chart], options)
}

/**
 * Several line charts as one picture.
 * @param options.columns charts per row; default: all, up to 2
 * @param options.width pixels of each chart, 560 by default; `height` likewise, 380
 * @returns the text of one self-contained SVG element
 * @throws RangeError without a chart, or for a width, height or number of columns out of range
 * @example
 * const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats', lines: [{ label: 'a', points: [[1, 7], [2, 5]] }] }
 * lineCharts([chart, { ...chart, title: 'Gradient' }], { columns: 2 }).includes('Gradient') // true
 */
export function lineCharts(charts: readonly LineChart[], options: DrawOptions & { columns?: number } = {}): string {
  const { width = 560, height = 380, columns = Math.min(2, charts.length) } = options
  checkSize('lineChart', width, height)
  if (charts.length === 0) throw new RangeError('lineCharts: at least one chart is needed, got none')
  if (!(Number.isInteger(columns) && columns >= 1))
    throw new RangeError(`lineCharts: columns must be an integer of at least 1, got ${columns}`)
  const drawn = charts.map((chart) => drawLines(chart, { ...options, width, height }))
  return frame({
    title: charts.map(({ title }) => title).join('; '),
    description: drawn.map(({ description }) => description).join(' '),
    width: width * columns,
    height: (height + rowGap) * Math.ceil(charts.length / columns) - rowGap,
    body: drawn
      .map(({ body }, i) => at(width * (i % columns), (height + rowGap) * Math.floor(i / columns), body))
      .join('\n'),
  })
}

const words = {
  en: {
    empty: 'Nothing to draw: there is no finite value.',
    none: 'there is no finite value',
    values: 'values',
    range: (name: string, from: string, to: string) => `${name} from ${from} to ${to}`,
    at: (y: string, x: string) => `${y} at ${x}`,
  },
  ja: {
    empty: '有限な値がないため、描くものがありません。',
    none: '有限な値がありません',
    values: '値',
    range: (name: string, from: string, to: string) => `${name}は ${from} から ${to}`,
    at: (y: string, x: string) => `${y} (${x})`,
  },
} as const

/** Pixels between rows of charts. */
const rowGap = 12

interface Prepared extends Line {
  readonly paint: string
  readonly dash: string
  readonly values: readonly Summary[]
  readonly ranged: boolean
}

function drawLines(
  chart: LineChart,
  { width, height, heading = true, document, language = 'en' }: DrawOptions & { width: number; height: number },
): { body: string; description: string } {
  const { title, xLabel, yLabel, xScale = 'linear', yScale = 'linear', bands = [], xTick = axisCount } = chart
  const yTick = chart.yTick ?? plain
  const say = words[language]
  const lines = chart.lines.map((line, i) => prepare(line, i, width, xScale, yScale))
  const rules = (chart.rules ?? []).filter(({ y }) => usable(y, yScale))
  const head = headingOf(title, width, heading)
  const headed = head.height
  const all = lines.flatMap(({ values }) => values)
  const finite = all.filter(({ y }) => Number.isFinite(y))
  if (finite.length === 0) {
    const empty = `<text x="${width / 2}" y="${(height + headed) / 2}" text-anchor="middle" fill-opacity="0.7">${say.empty}</text>`
    return { body: head.body + empty, description: `${title}: ${say.none}.` }
  }
  const x = padX(extent(all, (s) => s.x) as [number, number], xScale)
  const yExtent = extent([...finite.flatMap(({ low, high }) => [low, high]), ...rules.map((rule) => rule.y)])
  const y = chart.yDomain ?? padY(yExtent as [number, number], yScale, chart.fromZero === true)
  const keys = lines.filter((l) => !l.unnamed).map(keyOf)
  // A single line without a label is described by the axis and has no legend.
  const mostRows = Math.max(1, Math.floor((0.35 * height) / 18))
  const legended = legend(keys.length > 1 || (keys[0]?.label ?? '') !== '' ? keys : [], 4, width, language, mostRows)
  const narrow = width < 480
  const labelled = !narrow && rules.length > 0
  const ruleLabelWidth = Math.max(0, ...rules.map(({ label }) => textWidth(label, fontSize))) + 16
  const top = headed + legended.height + (yLabel ? 30 : 10)
  const bottom = height - 40
  const yTicks = ticksOf(yScale, y, Math.max(3, Math.min(6, (bottom - top) / 44)))
  const marginLeft = Math.max(28, 12 + Math.max(...yTicks.map((t) => textWidth(yTick(t), fontSize))))
  const marginRight = labelled ? Math.min(width * 0.3, ruleLabelWidth + 4) : 6 + textWidth(xTick(x[1]), fontSize) / 2
  const counted = all.every((s) => Number.isInteger(s.x))
  const xTicks = ticksOf(xScale, x, Math.max(2, Math.min(8, (width - marginLeft - marginRight) / 80))).filter(
    (t) => !counted || Number.isInteger(t),
  )
  const toY = scale({ y: { type: yScale, domain: y as [number, number], range: [bottom, top] } })!
  const labels = spread(
    rules.map((rule) => ({ ...rule, at: toY.apply(rule.y) as number })),
    top + 4,
    bottom - 4,
  )
  const right = width - marginRight
  const toX = scale({ x: { type: xScale, domain: x, range: [marginLeft, right] } })!
  /** How many values a label that begins at `from` would cover. */
  const under = (from: number, place: number, label: string) =>
    finite.filter(({ x, y }) => {
      const [px, py] = [toX.apply(x) as number, toY.apply(y) as number]
      return px >= from && px <= from + textWidth(label, fontSize) && py >= place - 16 && py <= place
    }).length
  const before = right - Math.max(0, ...labels.map(({ label }) => textWidth(label, fontSize)))
  const covered = (from: number) => labels.reduce((sum, { label, place }) => sum + under(from, place, label), 0)
  // On narrow charts the labels are on the rules, at the end where they cover fewer values.
  const atStart = !labelled && covered(marginLeft + 4) < covered(before)
  const ruleText = labels.map(({ label, at: line, place }) =>
    labelled
      ? `<path d="M${right},${round(line)}L${right + 8},${round(place)}" stroke="currentColor" stroke-opacity="0.5" fill="none"/>${textElement(right + 11, place + 4, fitted(label, fontSize, marginRight - 12), 'start')}`
      : textElement(atStart ? marginLeft + 4 : right, place - 4, label, atStart ? 'start' : 'end', { halo: true }),
  )
  const body = drawPlot(
    {
      width,
      height,
      marginLeft,
      marginRight,
      marginTop: top,
      marginBottom: 40,
      x: { type: xScale, domain: x },
      y: { type: yScale, domain: y as [number, number], clamp: true },
      marks: [
        gridY({ ticks: yTicks, strokeOpacity: 0.15 }),
        // As `text`, because Plot drops labels of `tickFormat` on logarithmic axes.
        axisY(yTicks, { text: yTick, tickSize: 0, tickPadding: 6, label: null, fontSize }),
        axisX(xTicks, { text: xTick, tickSize: 5, label: null, fontSize }),
        bands.length > 0
          ? rect(bands, { x1: 'from', x2: 'to', fill: 'currentColor', fillOpacity: 0.1, title: 'label' })
          : null,
        ...lines
          .filter((l) => l.ranged)
          .map((l) => areaY(l.values, { x: 'x', y1: 'low', y2: 'high', fill: l.paint, fillOpacity: 0.18 })),
        rules.length > 0 ? ruleY(rules, { y: 'y', strokeOpacity: 0.6, strokeDasharray: '4 3' }) : null,
        ...lines.flatMap((l) => marksOf(l, yTick, xTick, say)),
      ],
    },
    document,
  )
  const ends = (name: string, domain: readonly number[], write: (value: number) => string) =>
    say.range(name, write(domain[0]), write(domain[1]))
  const named = keys.slice(0, 20).flatMap(({ label }) => label || [])
  return {
    body: [
      head.body,
      at(0, headed, legended.body),
      yLabel ? textElement(4, top - 15, fitted(yLabel, fontSize, width - 8), 'start', { soft: true }) : '',
      textElement((marginLeft + right) / 2, height - 6, xLabel, 'middle', { soft: true }),
      body,
      ...bandLabels(bands, (value) => toX.apply(value) as number, top),
      ...ruleText,
    ].join(''),
    description: `${title}: ${ends(xLabel, extent(all, (s) => s.x) as [number, number], xTick)}, ${ends(yLabel || say.values, yExtent as [number, number], yTick)}${named.length > 0 ? `; ${named.join(', ')}` : ''}.`,
  }
}

function marksOf(
  l: Prepared,
  yTick: (v: number) => string,
  xTick: (v: number) => string,
  say: (typeof words)[keyof typeof words],
) {
  const single = l.values.length === 1
  const marks = []
  if (l.dots !== 'only' && !single)
    marks.push(
      line(l.values, {
        x: 'x',
        y: 'y',
        stroke: l.paint,
        strokeWidth: l.faint ? 1 : 2,
        strokeOpacity: l.faint ? 0.4 : undefined,
        strokeDasharray: l.dash || undefined,
        strokeLinejoin: 'round',
        strokeLinecap: 'round',
      }),
    )
  if (l.dots || single)
    marks.push(
      dot(
        l.values.filter(({ y }) => Number.isFinite(y)),
        {
          x: 'x',
          y: 'y',
          fill: l.paint,
          r: l.shape ? 4.5 : 3.5,
          symbol: l.shape ?? 'circle',
          title: (s: Summary) => `${l.label ? `${l.label}: ` : ''}${say.at(yTick(s.y), xTick(s.x))}`,
        },
      ),
    )
  return marks
}

/** Labels at the tops of the bands that are wide enough for them. */
function bandLabels(bands: readonly Band[], toX: (x: number) => number, y: number): string[] {
  return bands
    .map(({ from, to, label }) => ({ label, left: toX(from), right: toX(to) }))
    .filter(({ label, left, right }) => textWidth(label, 11) <= right - left)
    .map(({ label, left, right }) => textElement((left + right) / 2, y + 12, label, 'middle', { halo: true, size: 11 }))
}

function keyOf(l: Prepared): Key {
  const shape =
    l.shape === 'triangle'
      ? triangleShape(l.paint)
      : l.dots === 'only'
        ? dotShape(l.paint)
        : strokeShape(l.paint, { dash: l.dash, faint: l.faint })
  return { shape, label: l.label }
}

function prepare(l: Line, index: number, width: number, xScale: ScaleKind, yScale: ScaleKind): Prepared {
  const color = l.color ?? index
  const { values, ranged } = lineValues(l.points, width, xScale, yScale)
  return { ...l, paint: colorOf(color), dash: l.dashed ? '6 4' : dashOf(color), values, ranged }
}

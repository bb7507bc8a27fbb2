/** Stacked horizontal bars: the parts of a total, for several totals. */
import { axisX, barX, gridX, ruleX } from '@observablehq/plot'
import { colorOf } from '../svg/colors.ts'
import { at, boxShape, checkSize, type DrawOptions, fontSize, frame, headingOf, legend } from '../svg/frame.ts'
import { drawPlot } from '../svg/plot.ts'
import { textElement } from '../svg/text-element.ts'
import { linearTicks } from '../svg/ticks.ts'
import { plain } from '../text/numbers.ts'
import { fitted, textWidth } from '../text/width.ts'

export interface Bar {
  readonly label: string
  /** One value per part, in the order of the parts. Values that are not finite and above 0 are not drawn. */
  readonly values: readonly number[]
  /** Text at the end of the bar, such as the total. */
  readonly note?: string
}

export interface BarsChart {
  readonly title: string
  /** Names of the parts. */
  readonly parts: readonly string[]
  readonly bars: readonly Bar[]
  /** Vertical lines with a label above. */
  readonly limits?: readonly { readonly value: number; readonly label: string }[]
  /** Formats a value, for the axis and the descriptions. */
  readonly tick?: (value: number) => string
}

const row = 22
const limitPaint = '#d2453c'

/**
 * Stacked bars. Labels are left of the bars, or above them where they would take more than 42 % of the width.
 * @returns the text of one self-contained SVG element
 * @throws RangeError for a width out of range, or where a bar does not have one value per part
 * @example
 * const bars = [{ label: 'stage 0', values: [30, 20] }, { label: 'stage 1', values: [28, 20] }]
 * const parts = ['weights', 'activations']
 * barsChart({ title: 'Memory', parts, bars, limits: [{ value: 80, label: 'GPU' }] }).startsWith('<svg') // true
 */
export function barsChart(chart: BarsChart, options: DrawOptions = {}): string {
  const { title, parts, bars, limits = [], tick = plain } = chart
  const { width = 1016, heading = true, document, language = 'en' } = options
  checkSize('barsChart', width)
  for (const { label, values } of bars)
    if (values.length !== parts.length)
      throw new RangeError(
        `barsChart: the bar '${label}' has ${values.length} values for ${parts.length} parts; give one value per part`,
      )
  const labelWidth = Math.max(0, ...bars.map(({ label }) => textWidth(label, fontSize))) + 12
  const above = labelWidth > 0.42 * width
  const noteWidth = Math.max(0, ...bars.map(({ note = '' }) => textWidth(note, fontSize))) + 14
  const left = above ? Math.max(4, textWidth(tick(0), fontSize) / 2 + 2) : labelWidth
  const right = width - noteWidth
  const pitch = above ? row + 22 : row + 8
  const shown = parts.map((_, i) => i).filter((i) => bars.some(({ values }) => values[i] > 0))
  const keys = shown.map((part, i) => ({ shape: boxShape(colorOf(i), opacityOf(i)), label: parts[part] }))
  const head = headingOf(title, width, heading)
  const headed = head.height
  const legended = legend(keys, 4, width, language)
  const top = headed + legended.height + (limits.length > 0 ? 22 : 6)
  const bottom = top + bars.length * pitch
  const segments = bars.flatMap(({ label, values }, index) => {
    let sum = 0
    return shown.flatMap((part, color) => {
      const value = values[part]
      if (!(value > 0) || !Number.isFinite(value)) return []
      sum += value
      const name = `${label}: ${parts[part]} ${tick(value)}`
      return [{ row: String(index), color, from: sum - value, to: sum, name }]
    })
  })
  const totals = bars.map((_, index) =>
    segments.reduce((most, s) => (s.row === String(index) ? Math.max(most, s.to) : most), 0),
  )
  const most = Math.max(...totals, ...limits.map(({ value }) => value).filter(Number.isFinite)) * 1.01 || 1
  const x = (value: number) => left + (value / most) * (right - left)
  const marks = linearTicks(0, most, Math.max(2, Math.min(7, (right - left) / 90)))
  const body = drawPlot(
    {
      width,
      height: bottom + 24,
      marginLeft: left,
      marginRight: width - right,
      marginTop: top,
      marginBottom: 24,
      x: { domain: [0, most] },
      y: { type: 'band', domain: bars.map((_, i) => String(i)), padding: 0, axis: null },
      marks: [
        gridX({ ticks: marks, strokeOpacity: 0.15 }),
        axisX({ ticks: marks, tickFormat: tick, tickSize: 0, label: null, fontSize }),
        barX(segments, {
          y: 'row',
          x1: 'from',
          x2: 'to',
          fill: ({ color }) => colorOf(color),
          fillOpacity: ({ color }) => opacityOf(color),
          insetTop: above ? 18 : 4,
          insetBottom: 4,
          insetRight: 0.5,
          title: 'name',
        }),
        ruleX(limits, { x: 'value', stroke: limitPaint, strokeWidth: 1.5, strokeDasharray: '5 3' }),
      ],
    },
    document,
  )
  const texts = bars.map(({ label, note = '' }, index) => {
    const y = top + index * pitch
    const middle = (above ? y + 18 : y + 4) + row / 2 + (above ? 2 : 4)
    return (
      (above
        ? textElement(left, y + 14, fitted(label, fontSize, width - left), 'start')
        : textElement(left - 8, middle, label, 'end')) +
      textElement(
        noteStart(
          x(totals[index]),
          note,
          limits.map(({ value }) => x(value)),
        ),
        middle,
        note,
        'start',
        { halo: true },
      )
    )
  })
  return frame({
    title,
    description: `${language === 'ja' ? '棒の内訳: ' : 'Bars of '}${shown.map((i) => parts[i]).join(', ')}. ${bars
      .map(({ label, note }, i) => `${label}: ${note ?? tick(totals[i])}`)
      .join('; ')}.`,
    width,
    height: bottom + 24,
    body: [head.body, at(0, headed, legended.body), body, ...texts, ...limitLabels(limits, x, top - 8, width)].join(''),
  })
}

/** Where a note after a bar begins: behind the lines of limits that would cross it. */
function noteStart(barEnd: number, note: string, lines: readonly number[]): number {
  const gap = 7
  const width = textWidth(note, fontSize)
  const sorted = [...lines].sort((a, b) => a - b)
  return sorted.reduce((start, line) => (line > start - gap && line < start + width ? line + gap : start), barEnd + gap)
}

/** From the ninth part on the colours repeat, paler. */
const opacityOf = (color: number) => (color < 8 ? 1 : 0.5)

/** Labels above their lines, each moved to the left where it would overlap the next. */
function limitLabels(
  limits: readonly { value: number; label: string }[],
  x: (value: number) => number,
  y: number,
  width: number,
): string[] {
  let next = width
  return [...limits]
    .sort((a, b) => b.value - a.value)
    .map(({ value, label }) => {
      const half = textWidth(label, fontSize) / 2
      const at = Math.min(x(value), next - half)
      next = at - half - 8
      return textElement(at, y, label, 'middle', { fill: limitPaint })
    })
}

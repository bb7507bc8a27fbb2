/** A line chart as a string of SVG. Colours come from the page's style sheet, so that dark pages and paper work. */
import { max, min } from 'd3-array'
import { scaleLinear, scaleLog } from 'd3-scale'
import { line } from 'd3-shape'
import { escapeHtml } from './report-html.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

/** Points drawn as one line or as dots. A y that is not finite leaves a gap. */
export interface Series {
  readonly label: string
  readonly points: readonly Point[]
  /** Index into the palette. */
  readonly color: number
  readonly mark: 'line' | 'faint' | 'dots'
}

/** A horizontal line with a label at its right end. */
export interface Rule {
  readonly label: string
  readonly y: number
}

export interface ChartOptions {
  /** What a screen reader says. */
  readonly title: string
  readonly xLabel: string
  readonly width: number
  readonly height: number
  readonly series: readonly Series[]
  readonly rules?: readonly Rule[]
  /** Default linear. On a log axis values that are not above 0 are left out. */
  readonly yScale?: 'linear' | 'log'
  /** Keep 0 in a linear axis; default false. */
  readonly fromZero?: boolean
  /** How a tick of the y axis is written. */
  readonly tick: (value: number) => string
}

/** Colours of the palette; a ninth series starts over. */
export const paletteSize = 8

const mostColumns = 640
const round = (value: number) => Math.round(value * 10) / 10

/** @returns one `<svg>` element, or a paragraph where there is nothing to draw */
export function lineChart(options: ChartOptions): string {
  const { width, height, rules = [], yScale = 'linear' } = options
  const drawable = (y: number) => Number.isFinite(y) && (yScale === 'linear' || y > 0)
  const series = options.series.map((s) => ({ ...s, points: thin(s.points) }))
  const points = series.flatMap((s) => s.points).filter((p) => drawable(p.y))
  if (points.length === 0) return '<p class="empty">Nothing was recorded.</p>'
  const margin = { top: 12, right: rules.length > 0 ? 112 : 16, bottom: 40, left: 56 }
  const [right, bottom] = [width - margin.right, height - margin.bottom]
  const [x0, x1] = [min(points, (p) => p.x)!, max(points, (p) => p.x)!]
  const x = scaleLinear([x0, x1 > x0 ? x1 : x0 + 1], [margin.left, right])
  const domain = yDomain(points.map((p) => p.y).concat(rules.map((r) => r.y)), yScale, options.fromZero === true)
  const y = (yScale === 'log' ? scaleLog() : scaleLinear()).domain(domain).range([bottom, margin.top])
  if (yScale === 'linear') y.nice(5)
  const yTicks = yScale === 'log' ? logTicks(domain) : y.ticks(5)
  const path = line<Point>()
    .defined((p) => drawable(p.y))
    .x((p) => round(x(p.x)))
    .y((p) => round(y(p.y)))
  const grid = yTicks.map(
    (t) =>
      `<line class="grid" x1="${margin.left}" x2="${right}" y1="${round(y(t))}" y2="${round(y(t))}"/><text x="${margin.left - 8}" y="${round(y(t))}" dy="0.32em" text-anchor="end">${escapeHtml(options.tick(t))}</text>`,
  )
  const xTicks = x.ticks(Math.max(2, Math.floor(width / 130))).filter((t) => Number.isInteger(t))
  const axis = xTicks.map(
    (t) => `<text x="${round(x(t))}" y="${bottom + 17}" text-anchor="middle">${escapeHtml(axisCount(t))}</text>`,
  )
  const marks = series.map((s) => {
    const color = `var(--s${s.color % paletteSize})`
    const title = `<title>${escapeHtml(s.label)}</title>`
    if (s.mark === 'dots')
      return s.points
        .filter((p) => drawable(p.y))
        .map(
          (p) =>
            `<circle class="dot" cx="${round(x(p.x))}" cy="${round(y(p.y))}" r="4" fill="${color}"><title>${escapeHtml(`${s.label}: ${options.tick(p.y)} at ${axisCount(p.x)}`)}</title></circle>`,
        )
        .join('')
    return `<path class="${s.mark}" stroke="${color}" d="${path(s.points) ?? ''}">${title}</path>`
  })
  const lines = placeLabels(
    rules.map((r) => ({ ...r, at: y(r.y) })),
    margin.top + 4,
    bottom,
  ).map(
    (r) =>
      `<line class="rule" x1="${margin.left}" x2="${right}" y1="${round(r.at)}" y2="${round(r.at)}"/><path class="lead" d="M${right},${round(r.at)}L${right + 8},${round(r.label.at)}"/><text class="rule-label" x="${right + 12}" y="${round(r.label.at)}" dy="0.32em">${escapeHtml(r.label.text)}</text>`,
  )
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(options.title)}" preserveAspectRatio="xMidYMid meet">
<g class="axis">${grid.join('')}${axis.join('')}<line class="base" x1="${margin.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/><text x="${(margin.left + right) / 2}" y="${height - 5}" text-anchor="middle">${escapeHtml(options.xLabel)}</text></g>
<g>${lines.join('')}</g>
<g fill="none">${marks.join('\n')}</g>
</svg>`
}

/** At most two points (lowest and highest) for each column of pixels, so that a long run makes no long file. */
function thin(points: readonly Point[]): Point[] {
  if (points.length <= 2 * mostColumns) return [...points]
  const kept: Point[] = []
  const per = points.length / mostColumns
  for (let column = 0; column < mostColumns; column++) {
    const part = points.slice(Math.floor(column * per), Math.floor((column + 1) * per))
    const finite = part.filter((p) => Number.isFinite(p.y))
    if (finite.length < part.length && finite.length === 0) kept.push(part[0])
    else {
      const low = finite.reduce((a, b) => (b.y < a.y ? b : a))
      const high = finite.reduce((a, b) => (b.y > a.y ? b : a))
      kept.push(...(low === high ? [low] : low.x < high.x ? [low, high] : [high, low]))
    }
  }
  return kept
}

function yDomain(values: readonly number[], scale: 'linear' | 'log', fromZero: boolean): [number, number] {
  const usable = values.filter((v) => Number.isFinite(v) && (scale === 'linear' || v > 0))
  const [low, high] = [min(usable)!, max(usable)!]
  if (scale === 'log') return [low / 1.15, high * 1.15]
  const bottom = fromZero ? Math.min(0, low) : low
  return high > bottom ? [bottom, high] : [bottom - Math.abs(bottom || 1) / 2, high + Math.abs(high || 1) / 2]
}

/** 1, 2 and 5 of each decade (1 alone where there are many). */
function logTicks([low, high]: readonly [number, number]): number[] {
  const decades = Math.log10(high / low)
  const steps =
    decades > 4 ? [1] : decades > 2 ? [1, 3] : decades > 0.7 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(3))
      if (tick >= low && tick <= high) ticks.push(tick)
    }
  }
  return ticks
}

/** Labels pushed apart until none covers another, in order from the top. */
function placeLabels(rules: readonly (Rule & { at: number })[], top: number, bottom: number) {
  const gap = 16
  const sorted = [...rules].sort((a, b) => a.at - b.at)
  const places = sorted.map((r) => Math.max(top, r.at))
  for (let i = 1; i < places.length; i++) places[i] = Math.max(places[i], places[i - 1] + gap)
  for (let i = places.length - 1, limit = bottom; i >= 0; i--, limit -= gap) places[i] = Math.min(places[i], limit)
  return sorted.map((r, i) => ({ at: r.at, label: { text: r.label, at: places[i] } }))
}

function axisCount(value: number): string {
  return value >= 10_000
    ? value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 2 })
    : value.toLocaleString('en-US')
}

/**
 * A mean of neighbours on both sides, with weights that fall by 1/e over `span` points: it does not lag behind a falling loss.
 * NaN is passed over.
 */
export function smooth(points: readonly Point[], span: number): Point[] {
  const keep = Math.exp(-1 / Math.max(1, span))
  const sums = new Float64Array(points.length)
  const weights = new Float64Array(points.length)
  const pass = (from: number, to: number, by: number) => {
    let [sum, weight] = [0, 0]
    for (let i = from; i !== to; i += by) {
      const { y } = points[i]
      const here = Number.isFinite(y) ? 1 : 0
      // What lies before on this side; the point itself is counted once, on the way forward.
      sums[i] += sum * keep + (by > 0 && here ? y : 0)
      weights[i] += weight * keep + (by > 0 ? here : 0)
      sum = keep * sum + (here ? y : 0)
      weight = keep * weight + here
    }
  }
  pass(0, points.length, 1)
  pass(points.length - 1, -1, -1)
  return points.map(({ x, y }, i) => ({ x, y: Number.isFinite(y) ? sums[i] / weights[i] : Number.NaN }))
}

/** Line charts side by side, as one SVG for pages in light and in dark. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { area, line } from 'd3-shape'

export type Points = readonly (readonly [x: number, y: number])[]

/** One line; several `points` (one for each seed) become their mean, with the range between the lowest and the highest shaded. */
export interface Line {
  readonly label: string
  readonly points: Points | readonly Points[]
  /** Index into the colours. Default: its place in the chart. */
  readonly color?: number
  readonly dashed?: boolean
  /** Also a mark at each point. */
  readonly dots?: boolean
}

/** A shaded range of x. */
export interface Band {
  readonly from: number
  readonly to: number
  readonly label: string
}

export interface Chart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly lines: readonly Line[]
  /** Default linear. */
  readonly xScale?: 'linear' | 'log'
  readonly yScale?: 'linear' | 'log'
  /** Default: what the lines need. */
  readonly yDomain?: readonly [number, number]
  readonly bands?: readonly Band[]
}

const colors = ['#3b78d8', '#e0662b', '#1f9e6e', '#c0438f', '#8a6fd1', '#a07d00', '#1b9ec2', '#8c8c8c', '#d04040']

/** In a page it has the page's colours; as a file or an image, those that its reader prefers. */
const style =
  'svg:root{color-scheme:light dark;color:CanvasText}.ks text{font:12px system-ui,sans-serif;fill:currentColor}' +
  '.ks .t{font-size:14px;font-weight:600}.ks .g{stroke:currentColor;stroke-opacity:.15}.ks .band{fill:#999;opacity:.15}'

const [width, height] = [560, 380]
const round = (value: number) => Math.round(value * 10) / 10
const escapeXml = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

/** @param columns charts in a row. Default: all, up to 2 */
export function charts(all: readonly Chart[], columns = Math.min(2, all.length)): string {
  const [w, h] = [width * columns, height * Math.ceil(all.length / columns)]
  const parts = all.map(
    (chart, i) =>
      `<g transform="translate(${width * (i % columns)},${height * Math.floor(i / columns)})">${draw(chart)}</g>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" class="ks" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" aria-label="${escapeXml(all.map((c) => c.title).join('; '))}"><style>${style}</style>\n${parts.join('\n')}</svg>\n`
}

const isMany = (points: Line['points']): points is readonly Points[] =>
  points.length > 0 && Array.isArray((points[0] as any)[0])

function draw(chart: Chart): string {
  const { title, xLabel, yLabel, bands = [] } = chart
  const lines = chart.lines.map((l, i) => {
    const runs = (isMany(l.points) ? l.points : [l.points as Points]).map((run) =>
      run.filter(([x, y]) => usable(x, chart.xScale) && usable(y, chart.yScale)),
    )
    return { ...l, color: colors[(l.color ?? i) % colors.length], runs, summary: summarize(runs, chart.yScale) }
  })
  const rows = legend(lines)
  const [left, right, top, bottom] = [64, width - 18, 36 + rows.length * 18, height - 46]
  const xs = lines.flatMap((l) => l.summary.map((s) => s.x))
  const ys = lines.flatMap((l) => l.summary.flatMap((s) => [s.low, s.high]))
  const x = makeScale(chart.xScale, extent(xs), [left, right])
  const y = makeScale(chart.yScale, chart.yDomain ?? padded(extent(ys), chart.yScale), [bottom, top])
  const [low, high] = y.domain() as [number, number]
  const clamp = (value: number) => Math.min(Math.max(value, low), high)
  const px = (value: number) => round(x(value))
  const py = (value: number) => round(y(clamp(value)))
  const yTicks = ticksOf(y, chart.yScale, 6)
  // Steps and layers are counted: between two of them is nothing to mark.
  const counted = xs.every(Number.isInteger)
  const xTicks = ticksOf(x, chart.xScale, 6).filter((t) => !counted || Number.isInteger(t))
  const parts = [
    `<text class="t" x="${left}" y="20">${escapeXml(title)}</text>`,
    ...bands.map(
      (b) =>
        `<rect class="band" x="${px(b.from)}" y="${top}" width="${round(px(b.to) - px(b.from))}" height="${bottom - top}"><title>${escapeXml(b.label)}</title></rect>`,
    ),
    ...yTicks.map(
      (t) =>
        `<line class="g" x1="${left}" x2="${right}" y1="${py(t)}" y2="${py(t)}"/><text x="${left - 7}" y="${py(t)}" dy=".32em" text-anchor="end">${tickText(t)}</text>`,
    ),
    ...xTicks.map(
      (t) =>
        `<line class="g" x1="${px(t)}" x2="${px(t)}" y1="${bottom}" y2="${bottom + 5}"/><text x="${px(t)}" y="${bottom + 19}" text-anchor="middle">${tickText(t)}</text>`,
    ),
    `<text x="${(left + right) / 2}" y="${height - 8}" text-anchor="middle">${escapeXml(xLabel)}</text>`,
    `<text transform="translate(14,${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(yLabel)}</text>`,
  ]
  for (const l of lines) {
    const dash = l.dashed ? ' stroke-dasharray="6 4"' : ''
    if (l.runs.length > 1)
      parts.push(
        `<path fill="${l.color}" opacity=".16" d="${
          area<Summary>()
            .x((s) => px(s.x))
            .y0((s) => py(s.low))
            .y1((s) => py(s.high))(l.summary) ?? ''
        }"/>`,
      )
    parts.push(
      `<path fill="none" stroke="${l.color}" stroke-width="1.8"${dash} stroke-linejoin="round" d="${
        line<Summary>()
          .x((s) => px(s.x))
          .y((s) => py(s.middle))(l.summary) ?? ''
      }"><title>${escapeXml(l.label)}</title></path>`,
    )
    if (l.dots)
      for (const s of l.summary) parts.push(`<circle cx="${px(s.x)}" cy="${py(s.middle)}" r="3.5" fill="${l.color}"/>`)
  }
  rows.forEach((row, r) => {
    for (const { label, color, dashed, at } of row)
      parts.push(
        `<line x1="${left + at}" x2="${left + at + 18}" y1="${38 + r * 18}" y2="${38 + r * 18}" stroke="${color}" stroke-width="3"${dashed ? ' stroke-dasharray="6 4"' : ''}/><text x="${left + at + 23}" y="${38 + r * 18}" dy=".32em">${escapeXml(label)}</text>`,
      )
  })
  return parts.join('\n')
}

interface Summary {
  readonly x: number
  readonly low: number
  readonly middle: number
  readonly high: number
}

const usable = (value: number, scale: Chart['xScale']) => Number.isFinite(value) && (scale !== 'log' || value > 0)

/** For each x that all runs have: the mean (of logarithms on a log axis) and the range. */
function summarize(runs: readonly Points[], scale: Chart['yScale']): Summary[] {
  const byX = new Map<number, number[]>()
  for (const run of runs) for (const [x, y] of run) byX.set(x, [...(byX.get(x) ?? []), y])
  return [...byX]
    .filter(([, ys]) => ys.length === runs.length)
    .map(([x, ys]) => ({
      x,
      low: Math.min(...ys),
      high: Math.max(...ys),
      middle:
        scale === 'log'
          ? Math.exp(ys.reduce((s, y) => s + Math.log(y), 0) / ys.length)
          : ys.reduce((s, y) => s + y, 0) / ys.length,
    }))
    .sort((a, b) => a.x - b.x)
}

function legend<L extends { label: string; color: string; dashed?: boolean }>(lines: readonly L[]) {
  const rows: (L & { at: number })[][] = []
  let used = Number.POSITIVE_INFINITY
  for (const l of lines) {
    const need = 23 + l.label.length * 7.1 + 18
    if (used + need > width - 70) {
      rows.push([])
      used = 0
    }
    rows[rows.length - 1].push({ ...l, at: round(used) })
    used += need
  }
  return rows
}

function makeScale(kind: Chart['xScale'], domain: readonly [number, number], range: readonly [number, number]) {
  return (kind === 'log' ? scaleLog() : scaleLinear()).domain(domain).range(range)
}

const extent = (values: readonly number[]): [number, number] => {
  if (values.length === 0) return [1, 2]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return high > low ? [low, high] : [low * 0.9 || -1, high * 1.1 || 1]
}

function padded([low, high]: [number, number], scale: Chart['yScale']): [number, number] {
  if (scale === 'log') return [low / (high / low) ** 0.04, high * (high / low) ** 0.04]
  return [low - (high - low) * 0.04, high + (high - low) * 0.04]
}

function ticksOf(scale: ReturnType<typeof makeScale>, kind: Chart['xScale'], count: number): number[] {
  if (kind !== 'log') return scale.ticks(count)
  const [low, high] = scale.domain()
  const decades = Math.log10(high / low)
  const steps = decades > 3.5 ? [1] : decades > 1.2 ? [1, 3] : [1, 1.5, 2, 3, 4, 5, 7]
  const every = Math.max(1, Math.ceil(decades / 8))
  const found: number[] = []
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++)
    for (const s of steps) {
      const t = Number((s * 10 ** p).toPrecision(3))
      if (t >= low * 0.999 && t <= high * 1.001 && (s > 1 || p % every === 0)) found.push(t)
    }
  return found
}

function tickText(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 10_000 || size < 0.001) return Number(value.toPrecision(3)).toExponential().replace('e+', 'e')
  return String(Number(value.toPrecision(4)))
}

// A histogram of exponents as a picture: bars over binades, and under them what each format covers there.

import { type ExponentHistogram, exponentHistogram } from './exponent-histogram.ts'
import { finfo } from './finfo.ts'
import type { Format, FormatName } from './format.ts'

export interface HistogramSvgOptions {
  /** Formats whose range is drawn below the bars. Default float8_e4m3fn, float8_e5m2, float16, bfloat16. */
  formats?: readonly (FormatName | Format)[]
  /** The values are multiplied by this before a format sees them: its range is drawn divided by it. Finite and positive; default 1. */
  scale?: number
  /** Default 'Exponents'. */
  title?: string
  /** Width in pixels, at least 320. Default 760. */
  width?: number
}

const defaults: readonly FormatName[] = ['float8_e4m3fn', 'float8_e5m2', 'float16', 'bfloat16']
const left = 132
const right = 20
const top = 64
const plotHeight = 200
const rowHeight = 24
const ink = 'currentColor'
const quiet = '#7d858e'

/**
 * An SVG document: how many values (in percent) have each power of two, on a linear scale, and for each format the binades where it has its full
 * precision (dark) and where it is subnormal and loses bits (light). What lies left of a format's bar becomes zero in it, what lies right of it saturates.
 * @param values an array, or its histogram
 * @throws RangeError for an unknown format, or where scale or width is out of range; TypeError where values is neither
 */
export function histogramSvg(values: Float32Array | ExponentHistogram, options: HistogramSvgOptions = {}): string {
  const { formats = defaults, scale = 1, title = 'Exponents', width = 760 } = options
  if (!(scale > 0 && scale < Number.POSITIVE_INFINITY))
    throw new RangeError(`histogramSvg: scale must be finite and greater than 0, got ${scale}`)
  if (!(width >= 320 && width <= 10_000))
    throw new RangeError(`histogramSvg: width must be 320 to 10000 pixels, got ${width}`)
  const h = values instanceof Float32Array || !('counts' in values) ? exponentHistogram(values) : values
  const rows = formats.map((format) => rangeOf(format, scale))
  const [low, high] = extent(h, rows)
  const x = (exponent: number) => left + ((exponent - low) / (high - low)) * (width - left - right)
  const bottom = top + plotHeight
  const height = bottom + 44 + rows.length * rowHeight + 34
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    // In a page it has the page's colours; as a file or an image, those that its reader prefers.
    '<style>svg:root{color-scheme:light dark;color:CanvasText}</style>',
    text(left, 24, escapeText(title), ink, 'start', 16),
    text(left, 44, summary(h, scale), quiet, 'start'),
    ...bars(h, x, bottom),
    ...axis(low, high, x, bottom),
    ...rows.flatMap((row, i) => formatRow(row, bottom + 44 + i * rowHeight, x, low, high)),
    ...legend(left, height - 14),
    '</svg>',
    '',
  ].join('\n')
}

interface Range {
  name: string
  /** Exponents: smallest subnormal, smallest normal, and the end of the greatest binade (all divided by the scale). */
  subnormal: number
  normal: number
  end: number
}

function rangeOf(format: FormatName | Format, scale: number): Range {
  const { name, smallestSubnormal, smallestNormal, max } = finfo(format)
  const log = (v: number) => Math.log2(v) - Math.log2(scale)
  return { name, subnormal: log(smallestSubnormal), normal: log(smallestNormal), end: log(max) }
}

/** The values' binades, and as much of the formats' ranges as lies within 12 binades of them. */
function extent(h: ExponentHistogram, rows: readonly Range[]): [number, number] {
  const first = h.firstExponent
  const end = first + Math.max(h.counts.length, 1)
  const near = rows.flatMap((r) => [r.subnormal, r.end]).map((e) => Math.min(Math.max(e, first - 12), end + 12))
  return [Math.floor(Math.min(first - 1, ...near)), Math.ceil(Math.max(end + 1, ...near))]
}

function bars(h: ExponentHistogram, x: (e: number) => number, bottom: number): string[] {
  const most = Math.max(1, ...h.counts)
  const tallest = text(left - 8, bottom - plotHeight + 4, percent(most / Math.max(1, h.count)), quiet, 'end')
  const shapes = Array.from(h.counts, (count, i) => {
    const from = x(h.firstExponent + i) + 0.5
    const to = x(h.firstExponent + i + 1) - 0.5
    const tall = count === 0 ? 0 : Math.max(1, (count / most) * plotHeight)
    const share = `2^${h.firstExponent + i}: ${count} (${percent(count / h.count)})`
    return `<rect x="${from.toFixed(1)}" y="${(bottom - tall).toFixed(1)}" width="${Math.max(0.5, to - from).toFixed(1)}" height="${tall.toFixed(1)}" fill="#0969da"><title>${share}</title></rect>`
  })
  return [
    tallest,
    text(left - 8, bottom, '0', quiet, 'end'),
    text(left - 8, bottom - plotHeight / 2, 'share of values', quiet, 'end'),
    ...shapes,
  ]
}

function axis(low: number, high: number, x: (e: number) => number, bottom: number): string[] {
  const step = [1, 2, 4, 8, 16, 32, 64].find((s) => (high - low) / s <= 14) ?? 64
  const ticks: string[] = [line(x(low), bottom, x(high), bottom, ink)]
  for (let e = Math.ceil(low / step) * step; e <= high; e += step) {
    ticks.push(line(x(e), bottom, x(e), bottom + 4, ink))
    ticks.push(
      `<text x="${x(e).toFixed(1)}" y="${bottom + 20}" fill="${ink}" text-anchor="middle">2<tspan dy="-4" font-size="9">${e}</tspan></text>`,
    )
  }
  return ticks
}

function formatRow(row: Range, y: number, x: (e: number) => number, low: number, high: number): string[] {
  const inside = (e: number) => x(Math.min(Math.max(e, low), high))
  const band = (from: number, to: number, fill: string) => {
    const start = inside(from)
    const width = inside(to) - start
    return width > 0
      ? [`<rect x="${start.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="12" fill="${fill}"/>`]
      : []
  }
  return [
    text(left - 8, y + 10, escapeText(row.name), ink, 'end'),
    ...band(row.subnormal, row.normal, '#a7dba9'),
    ...band(row.normal, row.end, '#1a7f37'),
  ]
}

function legend(x: number, y: number): string[] {
  return [
    `<rect x="${x}" y="${y - 10}" width="12" height="12" fill="#1a7f37"/>`,
    text(x + 18, y, 'full precision', quiet, 'start'),
    `<rect x="${x + 112}" y="${y - 10}" width="12" height="12" fill="#a7dba9"/>`,
    text(x + 130, y, 'subnormal; left of it: zero, right of the green: saturated', quiet, 'start'),
  ]
}

function summary(h: ExponentHistogram, scale: number): string {
  const parts = [`${h.count.toLocaleString('en-US')} values`]
  for (const [n, name] of [
    [h.zeros, 'zero'],
    [h.infinities, 'infinite'],
    [h.nans, 'NaN'],
  ] as const)
    if (n > 0) parts.push(`${percent(n / h.count)} ${name}`)
  if (scale !== 1) parts.push(`formats at scale ${Number(scale.toPrecision(4))}`)
  return parts.join(', ')
}

function percent(fraction: number): string {
  return `${Number((100 * fraction).toPrecision(3))}%`
}

function text(x: number, y: number, content: string, fill: string, anchor: string, size = 12): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${fill}" text-anchor="${anchor}" font-size="${size}">${content}</text>`
}

function line(x1: number, y1: number, x2: number, y2: number, stroke: string): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${stroke}"/>`
}

function escapeText(s: string): string {
  return s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}

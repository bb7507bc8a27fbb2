// A schedule as a picture.

import { checkInteger, checkNumber } from './check.ts'
import { checkSchedule, type Schedule } from './schedules/schedule.ts'

export interface PlotScheduleOptions {
  /** Last step drawn. */
  steps: number
  /** First step drawn. Default 0. */
  from?: number
  /** Pixels. Default 720. */
  width?: number
  /** Pixels. Default 360. */
  height?: number
  /** Default: none. */
  title?: string
}

/** Dark enough on white, light enough on black, told apart by those who see few colours (Paul Tol's bright scheme, adapted). */
const colors = ['#3b78d8', '#e0662b', '#1f9e6e', '#c0438f', '#8a6fd1', '#a07d00', '#1b9ec2', '#8c8c8c']

/** In a page it has the page's colours; as a file or an image, those that its reader prefers. */
const style =
  'svg:root{color-scheme:light dark;color:CanvasText}.ks text{font:12px system-ui,sans-serif;fill:currentColor}' +
  '.ks .t{font-size:14px;font-weight:600}.ks .g{stroke:currentColor;stroke-opacity:.2}'

/**
 * Learning-rate schedules as a line chart: one SVG element, self-contained, for pages in light and in dark.
 * @param schedules one schedule, or several by name
 * @returns the text of the SVG
 * @throws RangeError where the steps or sizes are out of range or there is no schedule; TypeError where a schedule is no function
 */
export function plotSchedule(
  schedules: Schedule | Readonly<Record<string, Schedule>>,
  options: PlotScheduleOptions,
): string {
  const { steps, from = 0, width = 720, height = 360, title } = options
  checkInteger('plotSchedule: from', from, 0)
  checkInteger('plotSchedule: steps', steps, from + 1)
  checkNumber('plotSchedule: width', width, 200, 10_000)
  checkNumber('plotSchedule: height', height, 120, 10_000)
  const named = typeof schedules === 'function' ? [['', schedules] as const] : Object.entries(schedules)
  if (named.length === 0) throw new RangeError('plotSchedule: at least one schedule is needed, got none')
  const rows = legendRows(named.map(([name]) => name).filter(Boolean), width - 80)
  const left = 64
  const right = width - 20
  const top = 16 + (title ? 24 : 0) + rows.length * 20
  const bottom = height - 44
  const columns = Math.max(2, Math.floor(right - left))
  const lines = named.map(([name, schedule]) => {
    checkSchedule(`plotSchedule: ${name || 'schedule'}`, schedule)
    // Every pixel, and every step where steps are fewer: a corner of the schedule is never cut by more than a pixel.
    const count = Math.min(columns, steps - from)
    return Array.from({ length: count + 1 }, (_, i) => {
      const step = Math.round(from + ((steps - from) * i) / count)
      const value = schedule(step)
      if (!Number.isFinite(value))
        throw new RangeError(`plotSchedule: ${name || 'schedule'} is ${value} at step ${step}`)
      return [step, value] as const
    })
  })
  const largest = Math.max(...lines.flat().map(([, value]) => value))
  const yTicks = ticks(0, largest > 0 ? largest : 1, 5)
  const ceiling = Math.max(largest > 0 ? largest * 1.04 : 1, yTicks[yTicks.length - 1])
  const x = (step: number) => round(left + ((right - left) * (step - from)) / (steps - from))
  const y = (value: number) => round(bottom - ((bottom - top) * value) / ceiling)
  const parts = [
    title ? `<text class="t" x="${left}" y="22">${escapeXml(title)}</text>` : '',
    ...yTicks.map(
      (t) =>
        `<line class="g" x1="${left}" x2="${right}" y1="${y(t)}" y2="${y(t)}"/><text x="${left - 8}" y="${y(t)}" dy=".32em" text-anchor="end">${rateText(t)}</text>`,
    ),
    ...ticks(from, steps, Math.max(2, Math.floor((right - left) / 110))).map(
      (t) =>
        `<line class="g" x1="${x(t)}" x2="${x(t)}" y1="${bottom}" y2="${bottom + 5}"/><text x="${x(t)}" y="${bottom + 19}" text-anchor="middle">${countText(t)}</text>`,
    ),
    `<text x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">step</text>`,
    ...lines.map(
      (points, i) =>
        `<path fill="none" stroke="${colors[i % colors.length]}" stroke-width="2"${i >= colors.length ? ' stroke-dasharray="5 4"' : ''} stroke-linejoin="round" d="M${points.map(([s, v]) => `${x(s)},${y(v)}`).join('L')}"/>`,
    ),
  ]
  let index = 0
  rows.forEach((row, r) => {
    const at = 16 + (title ? 24 : 0) + r * 20
    for (const { name, offset } of row) {
      const color = colors[index % colors.length]
      const dash = index++ >= colors.length ? ' stroke-dasharray="5 4"' : ''
      parts.push(
        `<line x1="${left + offset}" x2="${left + offset + 18}" y1="${at}" y2="${at}" stroke="${color}" stroke-width="3"${dash}/><text x="${left + offset + 24}" y="${at}" dy=".32em">${escapeXml(name)}</text>`,
      )
    }
  })
  const label = escapeXml(title ?? (named.map(([name]) => name).join(', ') || 'learning-rate schedule'))
  return `<svg xmlns="http://www.w3.org/2000/svg" class="ks" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}"><style>${style}</style>${parts.join('\n')}</svg>\n`
}

/** Names in rows as wide as the chart; a character is taken for 7.2 pixels. */
function legendRows(names: readonly string[], width: number): { name: string; offset: number }[][] {
  const rows: { name: string; offset: number }[][] = []
  let used = Number.POSITIVE_INFINITY
  for (const name of names) {
    const need = 24 + [...name].reduce((w, c) => w + (c > '\u2fff' ? 12.5 : 7.2), 0) + 18
    if (used + need > width) {
      rows.push([])
      used = 0
    }
    rows[rows.length - 1].push({ name, offset: used })
    used += need
  }
  return rows
}

/** Round numbers (1, 2 or 5 times a power of ten) from `low` to `high`, about `count` of them. */
function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= rough * (1 - 1e-9)) ?? 10)
  const found: number[] = []
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9); i++) found.push(i * step)
  return found
}

function rateText(value: number): string {
  if (value === 0) return '0'
  const digits = Number(value.toPrecision(6))
  return digits >= 0.01 && digits < 10_000 ? String(digits) : digits.toExponential().replace('e+', 'e')
}

function countText(value: number): string {
  const units = [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const
  for (const [size, unit] of units)
    if (value >= size) return `${Number((value / (unit === 'k' ? 1e3 : size)).toPrecision(6))}${unit}`
  return String(Math.round(value))
}

const round = (value: number) => Math.round(value * 10) / 10

/** Characters with a meaning in XML escaped, those that XML does not know left out. */
const escapeXml = (text: string) =>
  [...text]
    .filter((c) => c >= ' ')
    .map((c) => ('&<>"\''.includes(c) ? `&#${c.charCodeAt(0)};` : c))
    .join('')

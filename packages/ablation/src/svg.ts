// A picture of the effects: one bar a term with its confidence interval, around zero.

import type { Analysis } from './analyze.ts'

export interface SvgOptions {
  /** Pixels. Default 640. */
  width?: number
  /** Above the picture. Default none. */
  title?: string
  /** What the differences are differences of, such as 'accuracy'. Default 'response'. */
  response?: string
}

const rowHeight = 28

/**
 * An SVG document. Terms whose interval excludes zero are filled; the others are outlined. Text and lines take the current color.
 * @throws RangeError where width is below 200
 */
export function effectsSvg(a: Analysis, { width = 640, title, response = 'response' }: SvgOptions = {}): string {
  if (!(width >= 200 && width <= 10_000))
    throw new RangeError(`effectsSvg: width must be from 200 to 10000, got ${width}`)
  const left = Math.min(width * 0.4, 24 + 8 * Math.max(...a.effects.map((e) => e.term.length)))
  const right = width - 70
  const top = title === undefined ? 12 : 40
  const height = top + a.effects.length * rowHeight + 48
  const extent = Math.max(
    ...a.effects.flatMap((e) => [e.difference, ...(e.confidenceInterval ?? [])].map(Math.abs)),
    Number.MIN_VALUE,
  )
  const x = (value: number) => round((left + right) / 2 + (value / extent) * ((right - left) / 2))
  const zero = x(0)
  const bottom = top + a.effects.length * rowHeight
  const rows = a.effects.map((e, i) => {
    const y = top + i * rowHeight + rowHeight / 2
    const end = x(e.difference)
    const interval = e.confidenceInterval
    const clear = interval !== null && interval[0] * interval[1] > 0
    const whisker =
      interval === null
        ? ''
        : `<path d="M${x(interval[0])} ${y}H${x(interval[1])}M${x(interval[0])} ${y - 4}v8M${x(interval[1])} ${y - 4}v8" stroke="currentColor" fill="none"/>`
    return `<g><title>${escapeXml(`${e.term}: ${short(e.difference)}${e.pValue === null ? '' : `, p = ${short(e.pValue)}`}`)}</title>
<text x="${round(left - 8)}" y="${y + 4}" text-anchor="end">${escapeXml(e.term)}</text>
<rect x="${Math.min(zero, end)}" y="${y - 7}" width="${round(Math.abs(end - zero))}" height="14" fill="#2a78b5" fill-opacity="${clear ? 1 : 0.25}" stroke="#2a78b5"/>
${whisker}<text x="${width - 8}" y="${y + 4}" text-anchor="end">${short(e.difference)}</text></g>`
  })
  const ticks = [-extent, 0, extent].map(
    (t) => `<text x="${x(t)}" y="${bottom + 18}" text-anchor="middle">${short(t)}</text>`,
  )
  const label = title ?? `Effects on ${response}`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" fill="currentColor" role="img" aria-label="${escapeXml(label)}"><style>svg:root{color-scheme:light dark;color:CanvasText}</style>
${title === undefined ? '' : `<text x="${width / 2}" y="22" text-anchor="middle" font-size="15" font-weight="bold">${escapeXml(title)}</text>\n`}<path d="M${zero} ${top}V${bottom}" stroke="currentColor" stroke-dasharray="3 3"/>
${rows.join('\n')}
${ticks.join('')}
<text x="${round((left + right) / 2)}" y="${bottom + 38}" text-anchor="middle">${escapeXml(`${response}: mean on - mean off, with ${+(a.confidence * 100).toPrecision(6)}% intervals`)}</text>
</svg>
`
}

function round(x: number): number {
  return Math.round(x * 100) / 100
}

function short(x: number): string {
  return String(+x.toPrecision(3))
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

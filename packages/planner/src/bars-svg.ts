/** Stacked horizontal bars: what a total is made of, for several things beside each other. */
import { escapeHtml, round, textWidth, ticks } from './svg-parts.ts'

export interface Bar {
  readonly label: string
  /** One value a part, in the order of the parts. */
  readonly values: readonly number[]
  /** At the end of the bar. */
  readonly note: string
}

export interface BarsOptions {
  /** What a screen reader says. */
  readonly title: string
  readonly parts: readonly string[]
  readonly bars: readonly Bar[]
  /** Vertical lines with a label above. */
  readonly limits?: readonly { readonly value: number; readonly label: string }[]
  readonly tick: (value: number) => string
  readonly width?: number
}

/** Colours that a page's style sheet gives: `p0` to `p8`. Returns one `<svg>` and a legend. */
export function stackedBars({ title, parts, bars, limits = [], tick, width = 1016 }: BarsOptions): string {
  const row = 20
  const gap = 9
  const left = Math.min(470, 16 + Math.max(...bars.map(({ label }) => textWidth(label, 12))))
  const right = width - 16 - Math.max(...bars.map(({ note }) => textWidth(note, 12)))
  const top = limits.length > 0 ? 24 : 6
  const bottom = top + bars.length * (row + gap)
  const totals = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0))
  const most = Math.max(...totals, ...limits.map(({ value }) => value)) * 1.01
  const x = (value: number) => left + (value / most) * (right - left)
  const drawn: string[] = []
  const notes: string[] = []
  for (const value of ticks(most, 6)) {
    const at = round(x(value))
    drawn.push(
      `<path class="grid" d="M${at} ${top}V${bottom}"/><text class="axis" x="${at}" y="${bottom + 16}" text-anchor="middle">${escapeHtml(tick(value))}</text>`,
    )
  }
  bars.forEach(({ label, values, note }, index) => {
    const y = top + index * (row + gap) + gap / 2
    drawn.push(`<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escapeHtml(label)}</text>`)
    let sum = 0
    values.forEach((value, part) => {
      if (value <= 0) return
      const [a, b] = [x(sum), x(sum + value)]
      sum += value
      drawn.push(
        `<rect class="p${part}" x="${round(a)}" y="${y}" width="${round(Math.max(0.4, b - a))}" height="${row}"><title>${escapeHtml(`${label}: ${parts[part]} ${tick(value)}`)}</title></rect>`,
      )
    })
    notes.push(`<text class="value" x="${round(x(sum)) + 7}" y="${y + 14}">${escapeHtml(note)}</text>`)
  })
  for (const { value, label } of limits) {
    const at = round(x(value))
    drawn.push(
      `<path class="limit" d="M${at} ${top - 4}V${bottom}"/><text class="limit-label" x="${at}" y="${top - 9}" text-anchor="middle">${escapeHtml(label)}</text>`,
    )
  }
  const used = parts.map((_, part) => bars.some(({ values }) => values[part] > 0))
  const legend = parts
    .map((part, index) => (used[index] ? `<li><i class="p${index}"></i>${escapeHtml(part)}</li>` : ''))
    .join('')
  return `<ul class="legend">${legend}</ul><svg role="img" aria-label="${escapeHtml(title)}" viewBox="0 0 ${width} ${bottom + 24}">${drawn.join('')}${notes.join('')}</svg>`
}

/** Elements of pages: figures, tables, lists of key figures. */
import { type Content, html, type Markup, raw } from '../text/markup.ts'

/** Widths of a large figure in pixels: for wide screens and for phones. */
const wideWidth = 1016
const narrowWidth = 360
/** Width in pixels of a figure of a row, by the number of columns: one drawing serves wide screens and phones. */
const smallWidths = { 2: 420, 3: 340 } as const

/**
 * A figure across the page, drawn twice: for wide screens and for phones, on which a wide chart scaled down would be
 * too small to read.
 * @param draw returns a chart of this package (SVG) of the given width in pixels, without its heading
 * @example
 * const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats', lines: [{ label: 'a', points: [[1, 7], [2, 5]] }] }
 * const loss = figure('Loss', (width) => lineChart(chart, { width, heading: false }))
 * page({ title: 'A run', body: html`${loss}` }).includes('<figure') // true
 */
export function figure(caption: string, draw: (width: number) => string): Markup {
  return html`<figure><figcaption><h3>${caption}</h3></figcaption><div class="wide">${raw(draw(wideWidth))}</div><div class="narrow">${raw(draw(narrowWidth))}</div></figure>
`
}

/**
 * Small figures side by side; on narrow screens one below the other.
 * @param columns figures per row
 * @example
 * const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats', lines: [{ label: 'a', points: [[1, 7], [2, 5]] }] }
 * const draw = (width) => lineChart(chart, { width, heading: false })
 * const row = figureRow([{ caption: 'One', draw }, { caption: 'Other', draw }], 2)
 * page({ title: 'Two', body: html`${row}` }).includes('Other') // true
 */
export function figureRow(
  figures: readonly { readonly caption: string; readonly draw: (width: number) => string }[],
  columns: 2 | 3 = 3,
): Markup {
  const all = figures.map(
    ({ caption, draw }) =>
      html`<figure><figcaption><h3>${caption}</h3></figcaption>${raw(draw(smallWidths[columns]))}</figure>`,
  )
  return html`<div class="${columns === 2 ? 'row two' : 'row'}">${all}</div>
`
}

export interface TableOptions {
  /** What the table shows: its accessible name for screen readers, and visible where `showCaption` is true. */
  readonly caption?: string
  readonly showCaption?: boolean
  readonly className?: string
  /** CSS class of each row. */
  readonly rowClasses?: readonly (string | undefined)[]
  /** Indices of columns of text: aligned to the left, with line breaks. */
  readonly textColumns?: readonly number[]
  /** Whether the first column holds the row headers; default true. */
  readonly rowHeads?: boolean
}

/**
 * A table that scrolls horizontally where it is too wide; the first column is aligned to the left, the others to the
 * right.
 * @param head the column headers
 * @param rows the cells, a row each; text is escaped
 * @example
 * const losses = table(['run', 'loss'], [['a', 2.44], ['b', 2.51]])
 * page({ title: 'Runs', body: html`${losses}` }).includes('2.51') // true
 */
export function table(
  head: readonly Content[],
  rows: readonly (readonly Content[])[],
  options: TableOptions = {},
): Markup {
  const { caption, className, rowClasses = [], textColumns = [], rowHeads = true } = options
  const classOf = (i: number) => (textColumns.includes(i) ? html` class="text"` : undefined)
  const cell = (content: Content, i: number) =>
    i === 0 && rowHeads ? html`<th scope="row">${content}</th>` : html`<td${classOf(i)}>${content}</td>`
  const body = rows.map(
    (row, i) => html`<tr${rowClasses[i] ? html` class="${rowClasses[i]}"` : undefined}>${row.map(cell)}</tr>
`,
  )
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption ?? 'Table'}"><table${
    className ? html` class="${className}"` : undefined
  }>${options.showCaption && caption ? html`<caption>${caption}</caption>` : undefined}<thead><tr>${head.map(
    (content, i) => html`<th scope="col"${classOf(i)}>${content}</th>`,
  )}</tr></thead>
<tbody>${body}</tbody></table></div>
`
}

/**
 * A list of names and values (`dl`) laid out as a row of boxes.
 * @returns undefined without entries
 * @example page({ title: 'A run', body: html`${facts([['steps', '800'], ['loss', '2.44']])}` }).includes('800') // true
 */
export function facts(entries: readonly (readonly [name: string, value: string])[]): Markup | undefined {
  if (entries.length === 0) return undefined
  return html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
`
}

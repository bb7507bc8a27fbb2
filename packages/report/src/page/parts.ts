/** What pages are made of: figures, tables, facts. */
import { type Content, html, type Markup, raw } from '../text/markup.ts'

/** Widths that a large figure is drawn at: for a desktop and for a phone. */
const wideWidth = 1016
const narrowWidth = 360
/** Width of a figure of a row, by the number of its columns: wide enough for a desktop, and readable on a phone. */
const smallWidths = { 2: 420, 3: 340 } as const

/**
 * A figure across the page, drawn twice: for wide screens and for phones, where the other would be too small to read.
 * @param draw gives a chart of this package at a width, without its heading
 * @example
 * const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats', lines: [{ label: 'a', points: [[1, 7], [2, 5]] }] }
 * page({ title: 'A run', body: html`${figure('Loss', (width) => lineChart(chart, { width, heading: false }))}` }).includes('<figure') // true
 */
export function figure(caption: string, draw: (width: number) => string): Markup {
  return html`<figure><figcaption><h3>${caption}</h3></figcaption><div class="wide">${raw(draw(wideWidth))}</div><div class="narrow">${raw(draw(narrowWidth))}</div></figure>
`
}

/**
 * Small figures side by side, which stand below each other on a phone.
 * @param columns in a row
 * @example
 * const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats', lines: [{ label: 'a', points: [[1, 7], [2, 5]] }] }
 * const draw = (width) => lineChart(chart, { width, heading: false })
 * page({ title: 'Two', body: html`${figureRow([{ caption: 'One', draw }, { caption: 'Other', draw }], 2)}` }).includes('Other') // true
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
  /** What the table shows; said to those who do not see it, and shown where `showCaption` is true. */
  readonly caption?: string
  readonly showCaption?: boolean
  readonly className?: string
  /** A class for each row. */
  readonly rowClasses?: readonly (string | undefined)[]
  /** Columns of words, to the left and wrapped. */
  readonly textColumns?: readonly number[]
  /** The first column names its row; default true. */
  readonly rowHeads?: boolean
}

/**
 * A table that scrolls by itself where it is too wide; the first column to the left, the others to the right.
 * @example page({ title: 'Runs', body: html`${table(['run', 'loss'], [['a', 2.44], ['b', 2.51]])}` }).includes('2.51') // true
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
 * Names and values in a row of boxes.
 * @example page({ title: 'A run', body: html`${facts([['steps', '800'], ['loss', '2.44']])}` }).includes('800') // true
 */
export function facts(entries: readonly (readonly [name: string, value: string])[]): Markup | undefined {
  if (entries.length === 0) return undefined
  return html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
`
}

/** A heat map: a table of numbers whose cells are coloured by value. */
import { html, type Markup } from '../text/markup.ts'
import { shades } from './style.ts'

export interface HeatTable {
  readonly caption: string
  /** Header of the corner cell, which says what the columns are, such as "step". */
  readonly corner: string
  readonly columns: readonly string[]
  /** A value for each column; undefined leaves its cell empty. */
  readonly rows: readonly { readonly label: string; readonly values: readonly (number | undefined)[] }[]
  /** Smallest range of values that the colours span, so that noise does not look like structure. Default 0. */
  readonly leastSpan?: number
  /** Formats a value. Default: one decimal. */
  readonly write?: (value: number) => string
}

/**
 * A table as a heat map: the darker a cell, the higher its value. The colours span the range of the table's values.
 * @returns undefined where there is no finite value
 * @example
 * const rows = [{ label: 'code', values: [30, 41] }, { label: 'math', values: [22, undefined] }]
 * const scores = heatTable({ caption: 'Scores', corner: 'step', columns: ['100', '200'], rows })
 * page({ title: 'Scores', body: html`${scores}` }).includes('41.0') // true
 */
export function heatTable(table: HeatTable): Markup | undefined {
  const { caption, corner, columns, rows, leastSpan = 0, write = (value) => value.toFixed(1) } = table
  const values = rows.flatMap((row) => row.values).filter((v): v is number => v !== undefined && Number.isFinite(v))
  if (values.length === 0) return undefined
  const low = values.reduce((a, b) => Math.min(a, b))
  const high = values.reduce((a, b) => Math.max(a, b))
  const span = Math.max(high - low, leastSpan, Number.MIN_VALUE)
  const from = (low + high - span) / 2
  const shade = (value: number) => Math.max(0, Math.min(shades - 1, Math.floor(((value - from) / span) * shades)))
  const cell = (value: number | undefined) =>
    value === undefined || !Number.isFinite(value)
      ? html`<td></td>`
      : html`<td class="h${shade(value)}">${write(value)}</td>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="heat"><caption>${caption}</caption><thead><tr><th scope="col">${corner}</th>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr><th scope="row">${row.label}</th>${row.values.map(cell)}</tr>`)}</tbody></table></div>
`
}

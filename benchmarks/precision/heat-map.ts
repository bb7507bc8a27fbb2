/** Signal to noise of gradients by layer and step, as tables with coloured cells. */

import { mean } from './comparison.ts'
import { escapeHtml } from './html.ts'
import type { RunRecord } from './records.ts'

/** Colours from the lowest to the highest value; a class each, so that pages with thousands of cells stay small. */
const shades = 9
/** Decibels that the colours span at least, so that noise is not dressed up as structure. */
const leastSpan = 6
/** Columns of a table: of more probes every so many is shown. */
const mostColumns = 12

export const heatStyle =
  `.heat{display:inline-block;margin:0 1.6rem 1rem 0;vertical-align:top}.heat td,.heat th{padding:.15rem .5rem;border:0}` +
  Array.from({ length: shades }, (_, i) => {
    const lightness = 94 - (i * 62) / (shades - 1)
    return `.h${i}{background:hsl(212 60% ${lightness}%);color:${lightness > 60 ? '#111' : '#fff'}}`
  }).join('')

/** How parameters are gathered into rows; undefined for those that are left out. */
type RowOf = (name: string) => string | undefined

/** The tables and the head; every transformer block is one row. */
const byBlock: RowOf = (name) => {
  const block = /layers\.(\d+)\..*_proj\.weight$/.exec(name)
  return block ? `block ${block[1]}` : tableName(name)
}

/** Every matrix by itself. */
const byMatrix: RowOf = (name) => {
  const matrix = /layers\.(\d+)\.\w+\.(\w+_proj)\.weight$/.exec(name)
  return matrix ? `${matrix[1]} ${matrix[2]}` : tableName(name)
}

const tableName = (name: string) =>
  name.includes('embed_tokens') ? 'embedding' : name.includes('lm_head') ? 'output table' : undefined

const median = (x: readonly number[]) => [...x].sort((a, b) => a - b)[x.length >> 1]

/** Rows of decibels by step: of each run the median of a row's matrices, over runs the mean. */
function valuesOf(
  runs: readonly RunRecord[],
  rowOf: RowOf,
): { steps: number[]; rows: Map<string, (number | undefined)[]> } {
  const all = [...new Set(runs.flatMap((r) => r.probes.map((p) => p.step)))].sort((a, b) => a - b)
  const every = Math.ceil(all.length / mostColumns)
  const steps = all.filter((_, i) => (all.length - 1 - i) % every === 0)
  const rows = new Map<string, (number | undefined)[]>()
  steps.forEach((step, column) => {
    const cells = new Map<string, number[]>()
    for (const run of runs) {
      const own = new Map<string, number[]>()
      const probe = run.probes.find((p) => p.step === step)
      for (const [i, decibels] of (probe?.sqnr ?? []).entries()) {
        const row = rowOf(run.gradients[i])
        if (row !== undefined && decibels !== null) own.set(row, [...(own.get(row) ?? []), decibels])
      }
      for (const [row, list] of own) cells.set(row, [...(cells.get(row) ?? []), median(list)])
    }
    for (const [row, list] of cells) {
      if (!rows.has(row)) rows.set(row, new Array(steps.length).fill(undefined))
      rows.get(row)![column] = mean(list)
    }
  })
  return { steps, rows }
}

function heatTable(caption: string, runs: readonly RunRecord[], rowOf: RowOf): string {
  const { steps, rows } = valuesOf(runs, rowOf)
  if (rows.size === 0) return ''
  const values = [...rows.values()].flat().filter((v): v is number => v !== undefined)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const span = Math.max(high - low, leastSpan)
  const from = (low + high - span) / 2
  const shade = (v: number) => Math.max(0, Math.min(shades - 1, Math.floor(((v - from) / span) * shades)))
  const cell = (v: number | undefined) =>
    v === undefined ? '<td></td>' : `<td class="h${shade(v)}">${v.toFixed(1)}</td>`
  return `<table class="heat"><caption>${escapeHtml(caption)}</caption><thead><tr><th>step</th>${steps
    .map((s) => `<th>${s}</th>`)
    .join('')}</tr></thead><tbody>${[...rows]
    .map(([row, list]) => `<tr><td>${escapeHtml(row)}</td>${list.map(cell).join('')}</tr>`)
    .join('')}</tbody></table>`
}

/** Of each policy a table by block, and one by matrix that folds away. @param runs of one setting */
export function gradientHeatMaps(runs: readonly RunRecord[]): string {
  const policies = [...new Set(runs.map((r) => r.policy))]
  const tables = (rowOf: RowOf) =>
    policies
      .map((policy) =>
        heatTable(
          policy,
          runs.filter((r) => r.policy === policy),
          rowOf,
        ),
      )
      .join('\n')
  const blocks = tables(byBlock)
  if (blocks.trim() === '') return ''
  return `<h3>Gradients against float32 by layer and step</h3>
<p>Signal to noise in dB, mean over seeds; of a block the median of its matrices. Dark is high; colours span each
table's own range, and at least ${leastSpan} dB. A policy that computes the very float32 gradients has no table.</p>
<div>${blocks}</div>
<details><summary>Every matrix</summary>${tables(byMatrix)}</details>`
}

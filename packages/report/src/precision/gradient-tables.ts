/** Signal to noise of gradients by layer and step, as tables with coloured cells. */
import { mean, median } from 'd3-array'
import { heatTable } from '../page/heat-table.ts'
import { type Content, html, type Markup } from '../text/markup.ts'
import { matrixOf, type PrecisionRun, policiesOf } from './precision-run.ts'

/** Decibels that the colours span at least, so that noise is not dressed up as structure. */
const leastSpan = 6
/** Columns of a table: of more probes every so many is shown. */
const mostColumns = 12

/** How parameters are gathered into rows; undefined for those that are left out. */
type RowOf = (name: string) => string | undefined

/** The tables and the head; every transformer block is one row. */
const byBlock: RowOf = (name) => {
  const of = matrixOf(name)
  return of ? `block ${of.block}` : tableName(name)
}

/** Every matrix by itself. */
const byMatrix: RowOf = (name) => {
  const of = matrixOf(name)
  return of ? `${of.block} ${of.matrix}` : tableName(name)
}

const tableName = (name: string) =>
  name.includes('embed_tokens') ? 'embedding' : name.includes('lm_head') ? 'output table' : undefined

/** Rows of decibels by step: of each run the median of a row's matrices, over runs the mean. */
function valuesOf(
  runs: readonly PrecisionRun[],
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
      for (const [row, list] of own) cells.set(row, [...(cells.get(row) ?? []), median(list)!])
    }
    for (const [row, list] of cells) {
      if (!rows.has(row)) rows.set(row, new Array(steps.length).fill(undefined))
      rows.get(row)![column] = mean(list)
    }
  })
  return { steps, rows }
}

function tableOf(caption: string, runs: readonly PrecisionRun[], rowOf: RowOf): Markup | undefined {
  const { steps, rows } = valuesOf(runs, rowOf)
  return heatTable({
    caption,
    corner: 'step',
    columns: steps.map(String),
    rows: [...rows].map(([label, values]) => ({ label, values })),
    leastSpan,
  })
}

/** Of each policy a table by block, and one by matrix that folds away. @param runs of one setting */
export function gradientTables(runs: readonly PrecisionRun[]): Content {
  const policies = policiesOf(runs)
  const tables = (rowOf: RowOf) =>
    policies.map((policy) =>
      tableOf(
        policy,
        runs.filter((r) => r.policy === policy),
        rowOf,
      ),
    )
  const blocks = tables(byBlock)
  if (blocks.every((table) => table === undefined)) return undefined
  return html`<h3>Gradients against float32 by layer and step</h3>
<p>Signal to noise in dB, mean over seeds; of a block the median of its matrices. Dark is high; colours span each
table's own range, and at least ${leastSpan} dB. A policy whose gradients equal the float32 gradients exactly has no table.</p>
<div class="heats">${blocks}</div>
<details><summary>Every matrix</summary><div class="heats">${tables(byMatrix)}</div></details>`
}

/** Heat maps of the signal-to-quantization-noise ratio of gradients, by layer and step. */
import { mean, median } from 'd3-array'
import { heatTable } from '../page/heat-table.ts'
import { type Content, html, type Markup } from '../text/markup.ts'
import { matrixOf, type PrecisionRun, policiesOf } from './precision-run.ts'

/** Smallest range in dB that the colours span, so that noise does not look like structure. */
const leastSpan = 6
/** Most columns of a table; more probes are subsampled. */
const mostColumns = 12

/** The row that a parameter belongs to; undefined for parameters that are left out. */
type RowOf = (name: string) => string | undefined

/** One row per transformer block, and one each for the token embedding and the output layer. */
const byBlock: RowOf = (name) => {
  const of = matrixOf(name)
  return of ? `block ${of.block}` : tableName(name)
}

/** One row per weight matrix. */
const byMatrix: RowOf = (name) => {
  const of = matrixOf(name)
  return of ? `${of.block} ${of.matrix}` : tableName(name)
}

const tableName = (name: string) =>
  name.includes('embed_tokens') ? 'embedding' : name.includes('lm_head') ? 'output layer' : undefined

/** Values in dB by row and step: the median over the matrices of a row, then the mean over runs. */
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

/**
 * For each policy a table by block, and in a collapsed section a table by matrix.
 * @param runs runs of one setting
 * @returns undefined where no run has probes of gradients
 */
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
<p>Signal-to-noise ratio in dB, mean over seeds; for a block the median of its matrices. Dark is high; colours span the
range of each table, and at least ${leastSpan} dB. A policy whose gradients equal the float32 gradients exactly has no table.</p>
<div class="heats">${blocks}</div>
<details><summary>By matrix</summary><div class="heats">${tables(byMatrix)}</div></details>`
}

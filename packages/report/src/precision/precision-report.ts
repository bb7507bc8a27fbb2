/** Number formats in training compared, as one page. */
import { page } from '../page/page.ts'
import { table } from '../page/parts.ts'
import { type Content, html } from '../text/markup.ts'
import { fitSection } from './fit-section.ts'
import { gradientTables } from './gradient-tables.ts'
import { policyCells, policyColumns, policyFindings } from './policy-table.ts'
import type { PolicyComparison, PrecisionRun } from './precision-run.ts'
import { chartRow, trainingCharts } from './training-charts.ts'

/** Runs of one model, batch and number of steps: only they are compared. */
export interface PrecisionSetting {
  /** The model and how it was trained. */
  readonly heading: string
  readonly runs: readonly PrecisionRun[]
  /** One for each policy of `runs`, all against the same baseline. */
  readonly comparisons: readonly PolicyComparison[]
}

export interface PrecisionReportOptions {
  /** Where the numbers come from: paragraphs above the first section. */
  readonly about?: readonly string[]
  /** Below the last section. */
  readonly after?: Content
}

/**
 * Precision policies against a baseline: held-out losses with their intervals, curves, signal to noise of the gradients by layer and step,
 * and how values fit 8 bits.
 * @returns a whole HTML document without scripts and without anything from elsewhere
 * @throws RangeError for a setting without a run or without a comparison
 */
export function precisionReport(settings: readonly PrecisionSetting[], options: PrecisionReportOptions = {}): string {
  return page({
    title: 'Number formats in training',
    body: html`${(options.about ?? []).map(
      (paragraph) => html`<p>${paragraph}</p>
`,
    )}${settings.map(settingSection)}
${options.after}`,
  })
}

function settingSection({ heading, runs, comparisons }: PrecisionSetting): Content {
  if (runs.length === 0 || comparisons.length === 0)
    throw new RangeError(`precisionReport: ${heading} has ${runs.length} runs and ${comparisons.length} comparisons`)
  const [{ baseline }] = comparisons
  return html`<h2>${heading}</h2>
${table(policyColumns, comparisons.map(policyCells), { caption: `Policies against ${baseline}` })}
<ul>${policyFindings(comparisons).map((finding) => html`<li>${finding}</li>`)}</ul>
${chartRow(trainingCharts(runs, baseline))}
${gradientTables(runs)}
${fitSection(runs)}`
}

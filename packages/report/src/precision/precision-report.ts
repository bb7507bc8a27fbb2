/** Comparison of precision policies in training, as one HTML page. */
import { page } from '../page/page.ts'
import { table } from '../page/parts.ts'
import { type Content, html } from '../text/markup.ts'
import { fitSection } from './fit-section.ts'
import { gradientTables } from './gradient-tables.ts'
import { policyCells, policyColumns, policyFindings } from './policy-table.ts'
import type { PolicyComparison, PrecisionRun } from './precision-run.ts'
import { chartRow, trainingCharts } from './training-charts.ts'

/** Runs that can be compared: of one model, batch size and number of steps. */
export interface PrecisionSetting {
  /** Heading of the section: the model and how it was trained. */
  readonly heading: string
  readonly runs: readonly PrecisionRun[]
  /** One for each policy of `runs`, all against the same baseline. */
  readonly comparisons: readonly PolicyComparison[]
}

export interface PrecisionReportOptions {
  /** Paragraphs above the first section, such as how the numbers were obtained. */
  readonly about?: readonly string[]
  /** Content below the last section. */
  readonly after?: Content
}

/**
 * Precision policies against a baseline: held-out losses with confidence intervals, curves, signal-to-noise ratio of
 * the gradients by layer and step, and the clipping and underflow of the 8-bit tensors.
 * @returns a self-contained HTML document without scripts
 * @throws RangeError for a setting without a run or without a comparison
 * @example
 * const losses = [7, 5, 4, 3.5]
 * const one = { seed: 1, losses, blocks: 2, gradients: [], layers: [], probes: [] }
 * const cost = { tokensPerSecond: 1000, peakBytes: 1e6, spikes: 0, clippedSteps: 0, failed: 0 }
 * const figures = { ...cost, baseline: 'f32', seeds: 1, pairs: 1, halfWidth: undefined }
 * const runs = [{ ...one, policy: 'f32' }, { ...one, policy: 'bf16' }]
 * const f32 = { ...figures, policy: 'f32', heldOut: 3.5, difference: 0 }
 * const comparisons = [f32, { ...figures, policy: 'bf16', heldOut: 3.52, difference: 0.02 }]
 * precisionReport([{ heading: 'nano, 4 steps', runs, comparisons }]).startsWith('<!doctype html>') // true
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
    throw new RangeError(
      `precisionReport: the setting '${heading}' needs at least one run and one comparison, has ${runs.length} runs and ${comparisons.length} comparisons`,
    )
  const [{ baseline }] = comparisons
  return html`<h2>${heading}</h2>
${table(policyColumns, comparisons.map(policyCells), { caption: `Policies against ${baseline}` })}
<ul>${policyFindings(comparisons).map((finding) => html`<li>${finding}</li>`)}</ul>
${chartRow(trainingCharts(runs, baseline))}
${gradientTables(runs)}
${fitSection(runs)}`
}

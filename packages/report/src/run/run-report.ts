/** Training runs as one HTML page: results against n-gram baselines, curves, samples and configurations. */
import { page } from '../page/page.ts'
import { facts } from '../page/parts.ts'
import type { PictureDocument } from '../svg/frame.ts'
import { html, type Markup } from '../text/markup.ts'
import { count, duration, percent, shortCount } from '../text/numbers.ts'
import { missingSteps, type ReportRun, sharedBaselines, type WrittenText } from './run.ts'
import { runFigures } from './run-figures.ts'
import { runHeadline } from './run-headline.ts'
import { baselinesByRun, baselineTable, configurationTables, runsTable } from './run-tables.ts'
import { medianOf } from './smooth.ts'

export interface RunReportOptions {
  /** The DOM document to create elements with. Default: the page's; on Node an empty document of linkedom. */
  readonly document?: PictureDocument
}

/**
 * A report of one run: key figures, curves, n-gram baselines, samples and configuration.
 * @returns a self-contained HTML document without scripts
 * @example runReport(run).startsWith('<!doctype html>') // true
 */
export function runReport(run: ReportRun, options: RunReportOptions = {}): string {
  return runsPage([run], options)
}

/**
 * A report that compares runs: one table, overlaid curves, and the differences of their configurations.
 * @param runs at least one; from the ninth on colours repeat with dashed lines
 * @returns a self-contained HTML document without scripts
 * @throws RangeError without a run
 * @example compareRuns([run, { ...run, name: 'other' }]).includes('other') // true
 */
export function compareRuns(runs: readonly ReportRun[], options: RunReportOptions = {}): string {
  if (runs.length === 0) throw new RangeError('compareRuns: at least one run is needed, got none')
  return runsPage(runs, options)
}

function runsPage(runs: readonly ReportRun[], { document }: RunReportOptions): string {
  return page({
    title: runs.map(({ name }) => name).join(' · '),
    headline: runHeadline(runs),
    body: html`${runs.length === 1 ? facts(factsOf(runs[0])) : runsTable(runs)}
<h2>Training</h2>
${runFigures(runs, document)}
${baselineSection(runs)}
${sampleSection(runs)}
<h2>Configuration</h2>
${configurationTables(runs)}`,
  })
}

function factsOf(run: ReportRun): [string, string][] {
  const { summary, metrics, spikes = [] } = run
  const last = metrics[metrics.length - 1]
  const entries: [string, string][] = summary
    ? [
        ['Parameters', shortCount(summary.parameters)],
        ['Steps', count(summary.steps)],
        ['Tokens', shortCount(summary.tokens)],
        ['Time', duration(summary.seconds)],
        ['Precision', summary.precision],
        ['Device', summary.device],
        ['Seed', String(summary.seed)],
      ]
    : last
      ? [
          ['Steps', count(last.step)],
          ['Tokens', shortCount(last.tokens)],
          ['Time', duration(last.seconds ?? Number.NaN)],
        ]
      : []
  const missing = missingSteps(run)
  if (missing > 0) entries.push(['Steps without metrics', count(missing)])
  const use = medianOf(run, 'mfu')
  if (Number.isFinite(use)) entries.push(['MFU (of measured peak)', percent(use)])
  if (spikes.length > 0) entries.push(['Steps of loss spikes', count(spikes.length)])
  return entries
}

function baselineSection(runs: readonly ReportRun[]): Markup | undefined {
  const finished = runs.filter((run) => run.summary !== undefined)
  if (finished.length === 0) return undefined
  const differ = runs.length > 1 && sharedBaselines(runs) === undefined
  return html`<h2>N-gram baselines</h2>
<p class="note">The baselines are n-gram models with Kneser-Ney smoothing, estimated from the same training text with the same tokenizer and evaluated on the same held-out text. A model that does not beat the trigram baseline predicts this text worse than counts of three-token sequences.</p>
${
  differ
    ? html`<p class="note">The baselines differ between these runs, so tokenizer or text differ: compare bits per byte, not nats per token.</p>`
    : undefined
}
${runs.length === 1 ? baselineTable(runs[0].summary!) : baselinesByRun(finished)}`
}

function sampleSection(runs: readonly ReportRun[]): Markup | undefined {
  const samples = runs.flatMap((run) =>
    (run.samples ?? []).map((sample) => sampleBlock(sample, runs.length > 1 ? `${run.name}: ` : '')),
  )
  if (samples.length === 0) return undefined
  return html`<h2>Samples</h2>
<p class="note">The prompt is bold; the model wrote the rest.</p>
<div class="samples">${samples}</div>`
}

function sampleBlock({ label, prompt, text }: WrittenText, owner: string): Markup {
  const language = /[\u3040-\u30ff\u4e00-\u9fff]/.test(prompt + text) ? html` lang="ja"` : undefined
  return html`<section class="sample"><h3>${owner + label}</h3><p${language}><b>${prompt}</b>${text}</p></section>
`
}

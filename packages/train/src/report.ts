/**
 * A training run as one page of HTML: what it reached against models that only count, its curves, samples and configuration.
 * The page needs nothing else: no network, no script. It is as readable in the dark and on paper.
 */
import { figures, finalTrainingLoss, missingSteps, sameTokens, sharedBaselines } from './report-figures.ts'
import { count, duration, escapeHtml, listing, loss, shortCount } from './report-html.ts'
import { baselineNames, type ReportRun, type Sample } from './report-run.ts'
import { reportStyle } from './report-style.ts'
import { baselinesByRun, baselineTable, comparisonTable, configuration } from './report-tables.ts'

export { type Metric, parseMetrics } from './report-metrics.ts'
export {
  type HeldOutLoss,
  parseEvaluations,
  parseSamples,
  parseSummary,
  type ReportRun,
  type RunSummary,
  type Sample,
} from './report-run.ts'

/**
 * Renders one run, or several laid over each other.
 * @param runs at least one; the first eight have colours of their own
 * @returns a whole HTML document
 * @throws RangeError without a run
 */
export function renderReport(runs: readonly ReportRun[]): string {
  if (runs.length === 0) throw new RangeError('renderReport: at least one run is needed, got none')
  const title = runs.map(({ name }) => name).join(' · ')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="headline">${escapeHtml(headline(runs))}</p>
${runs.length === 1 ? facts(runs[0]) : comparisonTable(runs)}
<h2>Training</h2>
${figures(runs)}
${baselineSection(runs)}
${sampleSection(runs)}
<h2>Configuration</h2>
${configuration(runs)}
<footer>Made by Kumiki.</footer>
</main>
</body>
</html>
`
}

/** What came out, in a sentence. Across tokenizers (or texts) runs are compared by bits per byte alone. */
export function headline(runs: readonly ReportRun[]): string {
  const finished = runs.filter((run) => run.summary !== undefined)
  const comparable = sameTokens(finished.length > 0 ? finished : runs)
  if (finished.length === 0) {
    const trained = runs.filter((run) => run.metrics.length > 0)
    const [run] = trained.toSorted((a, b) => finalTrainingLoss(a) - finalTrainingLoss(b))
    const last = run?.metrics.at(-1)
    if (!run || !last) return 'Nothing has been trained yet.'
    if (trained.length > 1 && !comparable)
      return 'There is no held-out result yet, and training losses of different tokenizers or texts do not compare.'
    const who = runs.length > 1 ? `${run.name} is at the lowest training loss, ` : 'Training loss '
    return `${who}${loss(finalTrainingLoss(run))} nats per token after ${count(last.step)} steps; there is no held-out result yet.`
  }
  const measure = ({ summary }: ReportRun) => summary!.heldOut[comparable ? 'natsPerToken' : 'bitsPerByte']
  const [best, second] = finished.toSorted((a, b) => measure(a) - measure(b))
  const { heldOut, baselines } = best.summary!
  const beaten = baselineNames.filter((name) => heldOut.natsPerToken < baselines[name].natsPerToken)
  const unbeaten = baselineNames.filter((name) => !beaten.includes(name))
  const named = (names: readonly string[], word: string) =>
    `the ${listing(names)} ${word}${names.length > 1 ? 's' : ''}`
  const against = [
    ...(beaten.length > 0 ? [`better than ${named(beaten, 'baseline')}`] : []),
    ...(unbeaten.length > 0
      ? [
          `${beaten.length > 0 ? 'not yet' : 'not better than'} ${beaten.length > 0 ? 'than ' : ''}${named(unbeaten, 'baseline')}`,
        ]
      : []),
  ].join(', ')
  const figure = `${loss(heldOut.natsPerToken)} nats per token (${loss(heldOut.bitsPerByte)} bits per byte)`
  if (!second) return `${runs.length > 1 ? `${best.name}: held-out` : 'Held-out'} loss ${figure}: ${against}.`
  const ahead = loss(measure(second) - measure(best))
  return comparable
    ? `${best.name} has the lowest held-out loss, ${figure}, ${ahead} below ${second.name}: ${against}.`
    : `${best.name} has the lowest held-out loss, ${loss(heldOut.bitsPerByte)} bits per byte, ${ahead} below ${second.name} (tokenizer or text differ, so nats per token do not compare): ${against}.`
}

function facts(run: ReportRun): string {
  const { summary, metrics } = run
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
  if (entries.length === 0) return ''
  return `<dl class="facts">${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>`
}

function baselineSection(runs: readonly ReportRun[]): string {
  const finished = runs.filter((run) => run.summary !== undefined)
  if (finished.length === 0) return ''
  const about =
    '<p class="note">The baselines count the same training text with the same tokenizer (Kneser-Ney smoothing) and are scored on the same held-out text. A model that does not beat the trigram has learned less than counting.</p>'
  if (runs.length === 1) return `<h2>Against counting</h2>\n${about}\n${baselineTable(runs[0].summary!)}`
  const differ =
    sharedBaselines(runs) === undefined
      ? '<p class="note">The baselines differ between these runs, so tokenizer or text differ: compare bits per byte, not nats per token.</p>'
      : ''
  return `<h2>Against counting</h2>\n${about}${differ}\n${baselinesByRun(finished)}`
}

function sampleSection(runs: readonly ReportRun[]): string {
  const samples = runs.flatMap((run) =>
    (run.samples ?? []).map((sample) => sampleBlock(sample, runs.length > 1 ? `${run.name}: ` : '')),
  )
  if (samples.length === 0) return ''
  return `<h2>Samples</h2>\n<p class="note">The prompt is bold; the model wrote the rest.</p>\n<div class="samples">${samples.join('\n')}</div>`
}

function sampleBlock({ label, prompt, text }: Sample, owner: string): string {
  const language = /[\u3040-\u30ff\u4e00-\u9fff]/.test(prompt + text) ? ' lang="ja"' : ''
  return `<section class="sample"><h3>${escapeHtml(owner + label)}</h3><p${language}><b>${escapeHtml(prompt)}</b>${escapeHtml(text)}</p></section>`
}

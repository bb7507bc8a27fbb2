/** The tables of a report: baselines against the model, runs against each other, configurations. */
import { finalTrainingLoss, medianThroughput, sameTokens } from './report-figures.ts'
import { count, duration, escapeHtml, loss, shortCount, table } from './report-html.ts'
import { baselineNames, type ReportRun, type RunSummary } from './report-run.ts'

const longestValue = 400

/** The model and the counting models on the same held-out text. */
export function baselineTable({ heldOut, baselines }: RunSummary): string {
  const gain = (nats: number) => {
    const difference = nats - heldOut.natsPerToken
    return `<span class="${difference > 0 ? 'better' : 'worse'}">${difference > 0 ? '−' : '+'}${loss(Math.abs(difference))}</span>`
  }
  const rows = baselineNames.map((name) => {
    const { natsPerToken, bitsPerByte } = baselines[name]
    return [name, loss(natsPerToken), loss(bitsPerByte), gain(natsPerToken)]
  })
  rows.push(['this model', loss(heldOut.natsPerToken), loss(heldOut.bitsPerByte), ''])
  return table(['held-out text', 'nats per token', 'bits per byte', 'this model, nats'], rows, {
    rowClasses: ['', '', '', 'model'],
  })
}

/** One line a run. */
export function comparisonTable(runs: readonly ReportRun[]): string {
  const comparable = sameTokens(runs)
  const measure = ({ summary }: ReportRun) =>
    summary?.heldOut[comparable ? 'natsPerToken' : 'bitsPerByte'] ?? Number.POSITIVE_INFINITY
  const best = Math.min(...runs.map(measure))
  const rows = runs.map((run, color) => {
    const { summary, metrics } = run
    const last = metrics[metrics.length - 1]
    return [
      `<span class="swatch" style="background:var(--s${color % 8})"></span>${escapeHtml(run.name)}`,
      summary ? loss(summary.heldOut.natsPerToken) : '–',
      summary ? loss(summary.heldOut.bitsPerByte) : '–',
      loss(finalTrainingLoss(run)),
      count(summary?.steps ?? last?.step ?? Number.NaN),
      shortCount(summary?.tokens ?? last?.tokens ?? Number.NaN),
      shortCount(medianThroughput(run)),
      duration(summary?.seconds ?? last?.seconds ?? Number.NaN),
      shortCount(summary?.parameters ?? Number.NaN),
      escapeHtml(summary?.precision ?? '–'),
      summary ? String(summary.seed) : '–',
      escapeHtml(summary?.device ?? '–'),
    ]
  })
  const head = [
    'run',
    comparable ? 'nats per token' : 'nats per own token',
    'bits per byte',
    comparable ? 'training loss' : 'training loss, own tokens',
    'steps',
    'tokens',
    'tokens/s',
    'time',
    'parameters',
    'precision',
    'seed',
    'device',
  ]
  return table(head, rows, {
    className: 'runs',
    rowClasses: runs.map((run) => (Number.isFinite(best) && measure(run) === best ? 'model' : '')),
  })
}

/** Baselines of every run, for runs that differ in them. */
export function baselinesByRun(runs: readonly ReportRun[]): string {
  const rows = runs.flatMap(({ name, summary }) => {
    if (!summary) return []
    const cell = (b: { natsPerToken: number; bitsPerByte: number }) =>
      `${loss(b.natsPerToken)} / ${loss(b.bitsPerByte)}`
    return [[escapeHtml(name), cell(summary.heldOut), ...baselineNames.map((b) => cell(summary.baselines[b]))]]
  })
  return table(['nats per token / bits per byte', 'model', ...baselineNames], rows)
}

/** Every field of the configurations: of one run in groups side by side; of several in columns, where rows that differ stand out and come first. */
export function configuration(runs: readonly ReportRun[]): string {
  const flat = runs.map(({ config }) => {
    const fields = new Map<string, string>()
    flatten(config, '', fields, 0)
    return fields
  })
  const paths = [...new Set(flat.flatMap((fields) => [...fields.keys()]))]
  if (paths.length === 0) return '<p class="empty">No configuration was recorded.</p>'
  if (runs.length === 1) return groups(flat[0])
  const differs = (path: string) => flat.some((fields) => fields.get(path) !== flat[0].get(path))
  paths.sort((a, b) => Number(differs(b)) - Number(differs(a)))
  const rows = paths.map((path) => [escapeHtml(path), ...flat.map((fields) => escapeHtml(fields.get(path) ?? '–'))])
  const rowClasses = paths.map((path) => (differs(path) ? 'differs' : ''))
  return `<p class="note">Fields in which the runs differ come first.</p>
${table(['field', ...runs.map(({ name }) => escapeHtml(name))], rows, { className: 'config', rowClasses })}`
}

/** One table for each object of the configuration, and one for the values beside them. */
function groups(fields: ReadonlyMap<string, string>): string {
  const parts = new Map<string, string[][]>()
  for (const [path, value] of fields) {
    const dot = path.indexOf('.')
    const group = dot < 0 ? 'run' : path.slice(0, dot)
    parts.set(group, [...(parts.get(group) ?? []), [escapeHtml(path.slice(dot + 1)), escapeHtml(value)]])
  }
  const tables = [...parts].map(([group, rows]) => table([escapeHtml(group), ''], rows, { className: 'config' }))
  return `<div class="groups">${tables.join('\n')}</div>`
}

function flatten(value: unknown, path: string, fields: Map<string, string>, depth: number): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && depth < 6) {
    for (const [name, inner] of Object.entries(value))
      flatten(inner, path === '' ? name : `${path}.${name}`, fields, depth + 1)
    return
  }
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  fields.set(path, text.length > longestValue ? `${text.slice(0, longestValue)}…` : text)
}

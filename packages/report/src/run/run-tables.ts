/** Tables of runs: n-gram baselines, comparison of runs, configurations. */
import { table } from '../page/parts.ts'
import { colorOf } from '../svg/colors.ts'
import { html, type Markup, raw } from '../text/markup.ts'
import { count, decimals, duration, nothing, percent, shortCount } from '../text/numbers.ts'
import { baselineNames, type HeldOut, type ReportRun, type RunResult, sameTokens } from './run.ts'
import { finalTrainingLoss, medianOf } from './smooth.ts'

const longestValue = 400

const settingsOfRuns: readonly { readonly name: string; readonly of: (result: RunResult) => string }[] = [
  { name: 'precision', of: ({ precision }) => precision },
  { name: 'seed', of: ({ seed }) => String(seed) },
  { name: 'device', of: ({ device }) => device },
]

/** The model and the n-gram models on the same held-out text. */
export function baselineTable({ heldOut, baselines }: RunResult): Markup {
  const gain = (nats: number) => {
    const difference = nats - heldOut.natsPerToken
    const better = difference > 0
    return html`<span class="${better ? 'better' : 'worse'}">${better ? '−' : '+'}${decimals(Math.abs(difference))}</span>`
  }
  const rows = baselineNames.map((name) => {
    const { natsPerToken, bitsPerByte } = baselines[name]
    return [name, decimals(natsPerToken), decimals(bitsPerByte), gain(natsPerToken)]
  })
  const own = ['this model', decimals(heldOut.natsPerToken), decimals(heldOut.bitsPerByte), '']
  return table(['held-out text', 'nats per token', 'bits per byte', 'this model, nats'], [...rows, own], {
    caption: 'Held-out loss against n-gram baselines',
    rowClasses: [undefined, undefined, undefined, 'best'],
  })
}

/** One row per run. Precision, seed and device have a column only where the runs differ in them. */
export function runsTable(runs: readonly ReportRun[]): Markup {
  const comparable = sameTokens(runs)
  const measure = ({ summary }: ReportRun) =>
    summary?.heldOut[comparable ? 'natsPerToken' : 'bitsPerByte'] ?? Number.POSITIVE_INFINITY
  const best = Math.min(...runs.map(measure))
  const results = runs.flatMap(({ summary }) => summary ?? [])
  const settings = settingsOfRuns.filter(({ of }) => new Set(results.map(of)).size > 1)
  const rows = runs.map((run, color) => {
    const { summary, metrics } = run
    const last = metrics[metrics.length - 1]
    return [
      html`<span class="swatch" style="background:${colorOf(color)}"></span>${run.name}`,
      summary ? decimals(summary.heldOut.natsPerToken) : nothing,
      summary ? decimals(summary.heldOut.bitsPerByte) : nothing,
      decimals(finalTrainingLoss(run)),
      count(summary?.steps ?? last?.step ?? Number.NaN),
      shortCount(summary?.tokens ?? last?.tokens ?? Number.NaN),
      shortCount(medianOf(run, 'tokensPerSecond')),
      percent(medianOf(run, 'mfu')),
      duration(summary?.seconds ?? last?.seconds ?? Number.NaN),
      shortCount(summary?.parameters ?? Number.NaN),
      ...settings.map(({ of }) => (summary ? of(summary) : nothing)),
    ]
  })
  const head = [
    'run',
    comparable ? 'nats per token' : 'nats per token (not comparable)',
    'bits per byte',
    comparable ? 'training loss' : 'training loss (not comparable)',
    'steps',
    'tokens',
    'tokens/s',
    'MFU',
    'time',
    'parameters',
    ...settings.map(({ name }) => name),
  ]
  return table(head, rows, {
    caption: 'Runs',
    textColumns: settings.some(({ name }) => name === 'device') ? [head.length - 1] : [],
    rowClasses: runs.map((run) => (Number.isFinite(best) && measure(run) === best ? 'best' : undefined)),
  })
}

/** Baselines of each run, for runs whose baselines differ. */
export function baselinesByRun(runs: readonly ReportRun[]): Markup {
  const cell = (b: HeldOut) => `${decimals(b.natsPerToken)} / ${decimals(b.bitsPerByte)}`
  const rows = runs.flatMap(({ name, summary }) =>
    summary ? [[name, cell(summary.heldOut), ...baselineNames.map((b) => cell(summary.baselines[b]))]] : [],
  )
  return table(['nats per token / bits per byte', 'model', ...baselineNames], rows, {
    caption: 'Baselines of each run',
  })
}

/**
 * Every field of the configurations: for one run a table per group of fields; for several a column per run, with the
 * fields that differ first.
 */
export function configurationTables(runs: readonly ReportRun[]): Markup {
  const flat = runs.map(({ config }) => {
    const fields = new Map<string, string>()
    flatten(config, '', fields, 0)
    return fields
  })
  const paths = [...new Set(flat.flatMap((fields) => [...fields.keys()]))]
  if (paths.length === 0) return html`<p class="empty">No configuration was recorded.</p>`
  if (runs.length === 1) return groups(flat[0])
  const differs = (path: string) => flat.some((fields) => fields.get(path) !== flat[0].get(path))
  paths.sort((a, b) => Number(differs(b)) - Number(differs(a)))
  const rows = paths.map((path) => [breakable(path), ...flat.map((fields) => fields.get(path) ?? nothing)])
  const rowClasses = paths.map((path) => (differs(path) ? 'differs' : undefined))
  return html`<p class="note">Fields in which the runs differ come first.</p>
${table(['field', ...runs.map(({ name }) => name)], rows, { caption: 'Configuration of each run', className: 'config', rowClasses })}`
}

/** A path with optional line breaks before each of its names and words. */
const breakable = (path: string): Markup =>
  html`${path.split(/(?<=\.)|(?<=[a-z])(?=[A-Z])/).map((word, i) => html`${i > 0 ? raw('<wbr>') : undefined}${word}`)}`

/** One table for each nested object of the configuration, and one for the top-level values. */
function groups(fields: ReadonlyMap<string, string>): Markup {
  const parts = new Map<string, string[][]>()
  for (const [path, value] of fields) {
    const dot = path.indexOf('.')
    const group = dot < 0 ? 'run' : path.slice(0, dot)
    parts.set(group, [...(parts.get(group) ?? []), [path.slice(dot + 1), value]])
  }
  const tables = [...parts].map(([group, rows]) =>
    table([group, ''], rows, { caption: `Configuration: ${group}`, className: 'config' }),
  )
  return html`<div class="groups">${tables}</div>`
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

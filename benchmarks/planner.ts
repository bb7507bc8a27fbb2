/**
 * Errors of @kumiki/planner's estimates for published runs, and the time of a search. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/planner.ts --fit --seeds 20 --json
 */
import { existsSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { fittedEfficiency, plan } from '@kumiki/planner'
import { countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'
import { type Fit, fit } from './planner/fit.ts'
import { type Comparison, compare, halves, type PublishedRow, quantile, weights } from './planner/score.ts'
import { searches, sweep, sweepSearches } from './planner/searches.ts'

const { values } = parseArgs({
  options: {
    /**
     * A JSON file of runs and their measurements. Default: shared/planner/published-runs.json, else the package's
     * vectors.
     */
    runs: { type: 'string' },
    /** Fits the efficiencies on the half that the shipped ones were fitted to, and prints both. */
    fit: { type: 'boolean', default: false },
    /** Also fits on this many other random halves, and scores each fit on the other half. */
    seeds: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    /** Prints every comparison. */
    verbose: { type: 'boolean', default: false },
    /** JSON lines on stdout; the tables go to stderr. */
    json: { type: 'boolean', default: false },
  },
})
/** Seed of the half that the shipped efficiencies were fitted to. */
const seedOfFit = 2
const rounds = countOf('rounds', values.rounds)
const beside = fileURLToPath(new URL('../../shared/planner/published-runs.json', import.meta.url))
const own = fileURLToPath(new URL('../packages/planner/vectors/published-runs.json', import.meta.url))
const file = values.runs ?? (existsSync(beside) ? beside : own)
const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: PublishedRow[] }

const about = { ...provenance(['planner']), processor: cpus()[0]?.model.trim() }
const record = (data: object) => {
  if (values.json) process.stdout.write(`${JSON.stringify({ benchmark: 'planner', ...data, ...about })}\n`)
}
const print = (line = '') => (values.json ? process.stderr : process.stdout).write(`${line}\n`)
const percent = (part: number) => `${(100 * part).toFixed(1)} %`

function table(head: readonly string[], lines: readonly (readonly string[])[]): void {
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)))
  const row = (line: readonly string[]) =>
    `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  print(row(head))
  print(`| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`)
  for (const line of lines) print(row(line))
}

/**
 * Prints the errors of some rows: for each source, then of all, weighted so that no source counts more than a quarter.
 */
function accuracy(name: string, kind: 'time' | 'memory', comparisons: readonly Comparison[]): void {
  const weight = weights(comparisons)
  const sources = [...new Set(comparisons.map(({ source }) => source))].sort()
  const line = (label: string, some: readonly Comparison[], given?: number[]) => {
    const [middle, most] = [quantile(some, 0.5, given), quantile(some, 0.9, given)]
    record({ part: name, kind, source: label, rows: some.length, median: middle, ninetieth: most })
    const worst = some.reduce((a, b) => (Math.abs(b.error) > Math.abs(a.error) ? b : a))
    return [
      label,
      String(some.length),
      percent(middle),
      percent(most),
      `${worst.error > 0 ? '+' : ''}${percent(worst.error)}`,
    ]
  }
  const equal = (some: readonly Comparison[]) => some.map(() => 1 / some.length)
  const lines = sources.map((source) => {
    const some = comparisons.filter((one) => one.source === source)
    return line(source, some, equal(some))
  })
  lines.push(line('all, no source above a quarter', comparisons, weight))
  print(`\n${kind}, ${name}`)
  table(['source', 'rows', 'median', '90th percentile', 'worst'], lines)
  if (values.verbose) for (const { id, error } of comparisons) print(`  ${id}: ${percent(error)}`)
}

const [fitted, held] = halves(rows, seedOfFit)
print(`${rows.length} rows of ${file}; efficiencies as shipped`)
for (const [name, some] of [
  ['the half that was not fitted', held],
  ['all rows', rows],
] as const) {
  const { time, memory } = compare(some)
  accuracy(name, 'time', time)
  accuracy(name, 'memory', memory)
}

if (values.fit) {
  const again: Fit = fit(fitted)
  record({ part: 'fit', seed: seedOfFit, ...again })
  print('\nfitted on the half of seed 2, and as shipped')
  const lines: string[][] = []
  const digits = (value: number) => String(Number(value.toPrecision(3)))
  for (const [field, value] of Object.entries(again.efficiency)) {
    const shipped = fittedEfficiency[field as keyof typeof fittedEfficiency]
    if (typeof value === 'number') lines.push([field, digits(value), digits(shipped as number)])
    else {
      for (const [part, one] of Object.entries(value as Record<string, number>)) {
        lines.push([`${field}.${part}`, digits(one), digits((shipped as unknown as Record<string, number>)[part])])
      }
    }
  }
  table(['efficiency', 'fitted', 'shipped'], lines)
}

if (values.seeds !== undefined) {
  const medians: number[] = []
  const ninetieths: number[] = []
  for (let seed = 1; seed <= countOf('seeds', values.seeds); seed++) {
    const [some, others] = halves(rows, seed)
    const { time } = compare(others, fit(some).efficiency)
    medians.push(quantile(time, 0.5))
    ninetieths.push(quantile(time, 0.9))
    record({ part: 'seed', seed, rows: time.length, median: medians.at(-1), ninetieth: ninetieths.at(-1) })
  }
  const range = (list: readonly number[]) =>
    `${percent(medianOf(list))} (${percent(Math.min(...list))} to ${percent(Math.max(...list))})`
  print(`\n${medians.length} random halves, each fitted and scored on the other: time`)
  print(`median error ${range(medians)}; 90th percentile ${range(ninetieths)}`)
}

print('\nsearch: all plans enumerated, estimated and ranked')
const lines: string[][] = []
for (const { name, search, limitSeconds } of searches) {
  const times: number[] = []
  let result = plan(search)
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    result = plan(search)
    times.push((performance.now() - start) / 1000)
  }
  if (result.byStability.length === 0) throw new Error(`${name}: the search found no feasible plan`)
  const middle = medianOf(times)
  record({ part: 'search', name, considered: result.considered, feasible: result.feasible, median: middle, times })
  const milliseconds = (seconds: number) => `${(1000 * seconds).toFixed(0)} ms`
  lines.push([
    name,
    String(result.considered),
    String(result.feasible),
    `${milliseconds(middle)} (${milliseconds(Math.min(...times))} to ${milliseconds(Math.max(...times))})`,
    milliseconds(limitSeconds),
  ])
}
{
  const all = [...sweepSearches()]
  const start = performance.now()
  let [considered, feasible] = [0, 0]
  for (const search of all) {
    const result = plan(search)
    considered += result.considered
    feasible += result.feasible
  }
  const seconds = (performance.now() - start) / 1000
  record({ part: 'sweep', name: sweep.name, searches: all.length, considered, feasible, seconds })
  lines.push([
    sweep.name,
    String(considered),
    String(feasible),
    `${seconds.toFixed(2)} s, once`,
    `${sweep.limitSeconds} s`,
  ])
}
table(['search', 'plans', 'feasible', 'median (range)', 'aim'], lines)

// The page of benchmark results: every record of benchmarks/results, with its machine and commit.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './pages.ts'

type Row = Record<string, any>

const folder = join(root, 'benchmarks', 'results')
const figures = (x: number) => (Number.isInteger(x) && Math.abs(x) < 1e7 ? String(x) : String(Number(x.toPrecision(3))))

/** What is of the machine and the run, and not a result. */
const about = new Set([
  'benchmark',
  'date',
  'node',
  'commit',
  'modified',
  'loadAverage',
  'loadAverageAfter',
  'adapter',
  'processor',
  'kind',
  'version',
  'rounds',
])

/** The numbers and words of a row, one level deep: `milliseconds.median`. */
function flat(row: Row): Row {
  const found: Row = {}
  for (const [key, value] of Object.entries(row)) {
    if (about.has(key)) continue
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [inner, v] of Object.entries(value))
        if (typeof v === 'number' || typeof v === 'string') found[`${key}.${inner}`] = v
        else if (v && typeof v === 'object' && 'median' in v) found[`${key}.${inner}.median`] = v.median
    } else if (['number', 'string', 'boolean'].includes(typeof value)) found[key] = value
  }
  return found
}

const cell = (value: unknown) =>
  value === undefined
    ? ''
    : typeof value === 'number'
      ? figures(value)
      : String(value).replaceAll('|', '\\|').replaceAll('<', '&lt;')

/** @returns Markdown: the records newest first, each with machine, commit and load, rows of the same columns in one table */
export function resultsPage(): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
  const records = files
    .map((name) => ({
      name,
      rows: readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line): Row => JSON.parse(line)),
    }))
    .sort(
      (a, b) =>
        (/\d{4}-\d\d-\d\d/.exec(b.name)?.[0] ?? '').localeCompare(/\d{4}-\d\d-\d\d/.exec(a.name)?.[0] ?? '') ||
        a.name.localeCompare(b.name),
    )
  const parts = records.map(({ name, rows }) => {
    const commits = [...new Set(rows.map((r) => r.commit?.slice(0, 8)).filter(Boolean))]
    const machines = [
      ...new Set(
        rows.map((r) => [r.adapter, r.processor].filter((x) => typeof x === 'string').join(', ')).filter(Boolean),
      ),
    ]
    const loads = rows.map((r) => r.loadAverage).filter((x) => typeof x === 'number')
    const changed = rows.some((r) => (Array.isArray(r.modified) ? r.modified.length > 0 : Boolean(r.modified)))
    const groups = new Map<string, Row[]>()
    for (const row of rows.map(flat)) {
      const key = Object.keys(row).sort().join()
      groups.set(key, [...(groups.get(key) ?? []), row])
    }
    const tables = [...groups.values()].map((group) => {
      const columns = Object.keys(group[0]).slice(0, 9)
      const lines = group.slice(0, 60).map((row) => `| ${columns.map((c) => cell(row[c])).join(' | ')} |`)
      const left = group.length > 60 ? `\n\n${group.length - 60} rows more in the file.` : ''
      return `| ${columns.join(' | ')} |\n| ${columns.map(() => '---').join(' | ')} |\n${lines.join('\n')}${left}`
    })
    return `## ${name.replace('.jsonl', '')}

${machines.slice(0, 4).join('; ') || 'machine not recorded'}. Commit ${commits.slice(0, 4).join(', ') || 'not recorded'}${changed ? ' (with changes in the tree, which the record names)' : ''}.${
      loads.length ? ` Load average ${figures(Math.min(...loads))} to ${figures(Math.max(...loads))}.` : ''
    }

${tables.join('\n\n')}`
  })
  return `# Benchmark results

Made from the records in \`benchmarks/results\` when this site was built. What each benchmark does, and how it keeps the comparison fair, is in [benchmarks](./benchmarks.md).
A machine shared with other work (a high load average) makes medians worse and ratios wide; SwiftShader computes WebGPU on the processor and says nothing of a GPU.

${parts.join('\n\n')}
`
}

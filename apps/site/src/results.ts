// The page of benchmark results: all records of benchmarks/results, each with its machine and commit.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './pages.ts'

type Row = Record<string, any>

const folder = join(root, 'benchmarks', 'results')
const figures = (x: number) => (Number.isInteger(x) && Math.abs(x) < 1e7 ? String(x) : String(Number(x.toPrecision(3))))

/** Fields that describe the machine or the run, and are not results. */
const metadata = new Set([
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

/** The numbers and texts of a row as a flat object; nested fields get keys such as `milliseconds.median`. */
function flat(row: Row): Row {
  const found: Row = {}
  for (const [key, value] of Object.entries(row)) {
    if (metadata.has(key)) continue
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

/**
 * The benchmark results as a page.
 * @returns Markdown: the newest records first, each with machine, commit and load; rows with the same columns share a
 * table
 */
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
      const left = group.length > 60 ? `\n\nThe file has ${group.length - 60} more rows.` : ''
      return `| ${columns.join(' | ')} |\n| ${columns.map(() => '---').join(' | ')} |\n${lines.join('\n')}${left}`
    })
    return `## ${name.replace('.jsonl', '')}

${machines.slice(0, 4).join('; ') || 'machine not recorded'}. Commit ${commits.slice(0, 4).join(', ') || 'not recorded'}${changed ? ' (with uncommitted changes in the tree, which the record names)' : ''}.${
      loads.length ? ` Load average ${figures(Math.min(...loads))} to ${figures(Math.max(...loads))}.` : ''
    }

${tables.join('\n\n')}`
  })
  return `# Benchmark results

Generated from the records in \`benchmarks/results\` when this site was built. [Benchmarks](./benchmarks.md) describes the method of each.
On a machine with other load (a high load average) medians are higher and ratios vary more. SwiftShader emulates WebGPU on the CPU: its times do not predict those of a GPU.

${parts.join('\n\n')}
`
}

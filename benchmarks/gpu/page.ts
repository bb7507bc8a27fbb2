/** The record as an HTML page: failures in the headline, then every section as a table. */
import { facts, html, page, table } from '@kumiki/report'
import type { OpenedAdapter } from './adapter.ts'
import { type Row, shown } from './record.ts'

const figuresOf: Readonly<Record<string, readonly string[]>> = {
  ceilings: ['gflops', 'gigabytes'],
  check: ['ran', 'difference'],
  kernels: [
    'milliseconds',
    'gflops',
    'shareOfPeak',
    'gigabytes',
    'shareOfBandwidth',
    'rule',
    'fastest',
    'fastestMilliseconds',
  ],
  training: ['tokensPerSecond', 'secondsPerStep', 'shareOfPeak', 'statedBytes', 'takenBytes', 'firstLoss', 'lastLoss'],
  generation: ['prefillTokensPerSecond', 'tokensPerSecond'],
  host: ['microseconds', 'best'],
  pytorch: ['milliseconds', 'torch', 'device'],
}

export function gpuPage(
  { adapter, limits, features, subgroupSizes, subgroupMatrixConfigs }: OpenedAdapter,
  rows: readonly Row[],
): string {
  const failed = rows.filter(({ ok }) => !ok)
  const sections = Object.entries(figuresOf).flatMap(([section, figures]) => {
    const here = rows.filter((row) => row.section === section)
    if (here.length === 0) return []
    const cells = here.map((row) => [
      row.name,
      ...(row.ok
        ? figures.map((f) => (row[f] === undefined || row[f] === null ? '' : shown(row[f])))
        : [`failed: ${row.error}`, ...figures.slice(1).map(() => '')]),
    ])
    return [html`<h2>${section}</h2>`, table(['', ...figures], cells)]
  })
  return page({
    title: `GPU measurements: ${adapter}`,
    headline: `${rows.length - failed.length} of ${rows.length} rows passed${
      failed.length > 0
        ? `; failed: ${failed
            .map(({ name }) => name)
            .slice(0, 5)
            .join('; ')}${failed.length > 5 ? ' ...' : ''}`
        : ''
    }.`,
    body: [
      facts([
        ['adapter', adapter],
        ['subgroups', subgroupSizes.join(' to ')],
        [
          'subgroup matrices',
          subgroupMatrixConfigs.length === 0 ? 'none' : subgroupMatrixConfigs.map((c) => JSON.stringify(c)).join(' '),
        ],
        ['features', features.join(' ')],
        [
          'limits',
          Object.entries(limits)
            .map(([name, value]) => `${name} ${value.toLocaleString('en')}`)
            .join(', '),
        ],
      ]),
      ...sections,
    ],
  })
}

/** The record as an HTML page: failures in the headline and in red, then every section as a table. */
import { facts, html, page, table } from '@kumiki/report'
import type { OpenedAdapter } from './adapter.ts'
import { type GpuRecord, type Row, shown } from './record.ts'

/** The figures of a section and their column headers. */
const figuresOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ceilings: { gflops: 'GFLOP/s', gigabytes: 'GB/s' },
  training: {
    tokensPerSecond: 'tokens/s',
    secondsPerStep: 's a step',
    mfu: 'MFU',
    peak: 'of the peak of',
    pytorch: 'PyTorch tokens/s',
    statedBytes: 'bytes stated',
    takenBytes: 'taken',
    memoryConfirmed: 'confirmed',
    driverBytes: 'by the driver',
    firstLoss: 'first loss',
    lastLoss: 'last loss',
  },
  kernels: {
    milliseconds: 'ms',
    queuedMilliseconds: 'ms with the host',
    pytorch: 'PyTorch ms',
    gflops: 'GFLOP/s',
    shareOfPeak: 'of peak',
    peak: 'that of',
    gigabytes: 'GB/s',
    shareOfBandwidth: 'of bandwidth',
    rule: 'rule',
    tuner: 'tuner',
    fastest: 'fastest',
    fastestMilliseconds: 'its ms',
    fastestShareOfPeak: 'of peak',
  },
  generation: { prefillTokensPerSecond: 'tokens/s read', tokensPerSecond: 'tokens/s made' },
  host: { microseconds: 'µs a dispatch', best: 'best' },
  check: { ran: 'ran', difference: 'difference', note: '' },
  pytorch: {
    milliseconds: 'ms',
    tokensPerSecond: 'tokens/s',
    takenBytes: 'bytes',
    torch: 'PyTorch',
    device: 'device',
    note: '',
  },
}

/** The names of some rows, the first ones if there are many. */
function someOf(rows: readonly Row[], most = 12): string {
  const names = rows.slice(0, most).map(({ name }) => name)
  return [...names, ...(rows.length > most ? [`${rows.length - most} more`] : [])].join('; ')
}

export function gpuPage(
  { adapter, limits, features, subgroupSizes, subgroupMatrixConfigs }: OpenedAdapter,
  { rows, about, summary }: GpuRecord,
): string {
  const driver = rows.find(({ section }) => section === 'adapter')
  const yardstick = (row: Row) => {
    const theirs = rows.find(({ section, name, ok }) => section === 'pytorch' && ok && name === row.name)
    return row.section === 'training' ? theirs?.tokensPerSecond : theirs?.milliseconds
  }
  const cell = (row: Row, figure: string) => {
    const value = figure === 'pytorch' && row.section !== 'pytorch' ? yardstick(row) : row[figure]
    return value === undefined || value === null ? '' : shown(value)
  }
  const sections = Object.entries(figuresOf).flatMap(([section, figures]) => {
    const here = rows.filter((row) => row.section === section)
    const names = Object.keys(figures).filter((figure) => here.some((row) => cell(row, figure) !== ''))
    if (here.length === 0) return []
    const said = here.filter((row) => row.ok)
    const failed = here.filter((row) => !row.ok && !row.leftOut)
    const skipped = here.filter((row) => row.leftOut)
    return [
      html`<h2>${section}</h2>`,
      failed.length === 0
        ? undefined
        : table(
            ['', 'failed'],
            failed.map((row) => [row.name, row.error]),
            {
              caption: `${section}: failures`,
              textColumns: [1],
              rowClasses: failed.map(() => 'worse'),
            },
          ),
      said.length === 0
        ? undefined
        : table(
            ['', ...names.map((figure) => figures[figure])],
            said.map((row) => [row.name, ...names.map((figure) => cell(row, figure))]),
            {
              caption: section,
            },
          ),
      skipped.length === 0 ? undefined : html`<p class="note">Left out for lack of time: ${someOf(skipped)}.</p>`,
    ]
  })
  return page({
    title: `GPU measurements: ${adapter}`,
    headline: `${summary}.`,
    body: [
      facts([
        ['adapter', adapter],
        ...(driver?.driver_version ? [['driver', `${driver.gpu_name}, ${driver.driver_version}`] as const] : []),
        ['date', String(about.date)],
        ['commit', String(about.commit)],
        ['Node', String(about.node)],
        ['subgroups', subgroupSizes.join(' to ')],
        [
          'subgroup matrices',
          subgroupMatrixConfigs.length === 0 ? 'none' : subgroupMatrixConfigs.map((c) => JSON.stringify(c)).join(' '),
        ],
      ]),
      ...sections,
      html`<h2>Features and limits</h2>`,
      html`<p class="note">${features.join(', ')}</p>`,
      html`<p class="note">${Object.entries(limits)
        .map(([name, value]) => `${name} ${value.toLocaleString('en')}`)
        .join(', ')}</p>`,
    ],
  })
}
